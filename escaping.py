"""Letters that a terminal obeys instead of showing, written out: what strangers send reaches logs and commands.

A text may otherwise move the cursor, colour or hide a line, or turn its order round (CWE-117, CWE-150; Unicode TR 36).
"""

import re

#: Controls (C0 but for tab and line feed, DEL, C1), marks that turn the order of letters, separators of lines, what has
#: no shape, halves of pairs, and the tags by which a text can be hidden in another. Joiners stay: emoji need them.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\u3164\uffa0\U000e0000-\U000e01ef]"
)


def escape_controls(text: str) -> str:
    """``text`` with each such letter as ``\\\\u202e``; line feeds and tabs stay, and JSON goes on meaning the same."""
    return _OBEYED.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    letter = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{letter[place : place + 4]}" for place in range(0, len(letter), 4))
