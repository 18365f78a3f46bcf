"""Finding orders by their number, or by words of whom they are for and of the occasion.

Neither database compares letters of every alphabet without their case: SQLite knows only those of ASCII, PostgreSQL
those of its locale. So the words are compared here, of a limited number of orders at a time, newest first.

A Russian word is found in its other cases, too: whoever looks for «марие» has read that name in a sentence, and the
order says «Мария».
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from domain.db import db
from domain.orders.models import Order, OrderState
from domain.orders.queries import IN_SHORT, MAX_ID, PAGE_SIZE

#: Orders that one search looks at; the next one goes on from there.
LOOKED_AT = 10_000
#: Characters of a query that count.
MAX_QUERY_LENGTH = 100
BATCH = 500
#: An order's number as people write it: bare, with a sign, or after the word for an order.
NUMBER = re.compile(r"(?:(?:заказ(?:а|у|ом|е)?|order)\s*)?(?:№|#|no\.?|n)?\s*(?P<number>\d+)")
RUSSIAN_WORD = re.compile("[а-я]+")
#: What Russian nouns and names end in, by case and number; ``_folded`` has made «е» of «ё».
ENDING = (
    "(?:а|ам|ами|ах|ая|е|ев|ей|ем|еем|ею|и|ие|ии|ий|ием|ией|ию|ия|иям|иями|иях|й|о|ов|ого|ой|ом|ому|ою|у|ую|ы|ый|ым|ых"
    "|ь|ью|ье|ьи|ья|ьям|ьями|ьях|ю|юю|я|ям|ями|ях|яя)?"
)
#: Letters that two forms of one word have in common at the least: «Аня» and «Ане» have no more.
MIN_STEM_LENGTH = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found, newest first; an order whose number was asked for comes before all others.

    ``older_than`` is what to ask for next, None when all orders were looked at. ``is_cut_short`` says that
    ``LOOKED_AT`` orders were looked at before the page was full.
    """

    orders: list[Order]
    older_than: int | None
    is_cut_short: bool


def tidy(query: str) -> str:
    """``query`` as it is searched for: at most ``MAX_QUERY_LENGTH`` characters, no control characters among them."""
    seen = (" " if unicodedata.category(each) in {"Cc", "Cs"} else each for each in query[:MAX_QUERY_LENGTH])
    return " ".join("".join(seen).split())


def search(
    query: str,
    state: OrderState | None = None,
    before_id: int | None = None,
    among: Select[int, str, str] | None = None,
    looked_at: int = LOOKED_AT,
) -> Found:
    """A page of the orders in which every word of ``query`` stands, of ``state`` and out of ``among``.

    A word stands in a text as a part of it, or in another of its Russian cases: the same letters, at least two of them,
    before an ``ENDING`` each. Whether a letter is a capital does not count, nor do the dots of a Cyrillic yo. At most
    ``looked_at`` orders are read, so it costs the same however many there are; only a number finds the order whatever
    its age.
    """
    candidates = select(Order.id, Order.recipient, Order.occasion) if among is None else among
    if state is not None:
        candidates = candidates.where(Order.state == state)
    number = _number(query) if before_id is None else None
    ids = list(db.session.scalars(candidates.where(Order.id == number))) if number else []
    older = candidates.order_by(Order.id.desc()).limit(looked_at + 1)
    if before_id is not None:
        older = older.where(Order.id < before_id)
    return _page(ids, [_pattern(word) for word in _folded(query).split()], older, looked_at)


def _page(ids: list[int], words: Sequence[re.Pattern[str]], candidates: Select[int, str, str], looked_at: int) -> Found:
    """``ids``, and after them those of the ``candidates`` that hold the ``words``, until the page is full."""
    older_than, seen, is_cut_short = None, 0, False
    last = 0
    with db.session.execute(candidates, execution_options={"yield_per": BATCH}) as rows:
        for order_id, recipient, occasion in rows:
            if len(ids) >= PAGE_SIZE or seen == looked_at:
                older_than, is_cut_short = last, len(ids) < PAGE_SIZE
                break
            seen, last = seen + 1, order_id
            if order_id not in ids and _holds(words, (recipient, occasion)):
                ids.append(order_id)
    found = {order.id: order for order in db.session.scalars(select(Order).options(IN_SHORT).where(Order.id.in_(ids)))}
    return Found([found[each] for each in ids if each in found], older_than, is_cut_short)


def _holds(words: Iterable[re.Pattern[str]], texts: Iterable[str]) -> bool:
    text = _folded("\n".join(texts))
    return all(word.search(text) for word in words)


def _pattern(word: str) -> re.Pattern[str]:
    """What the texts are searched for instead of ``word``, which is folded."""
    same = re.escape(word)
    if not RUSSIAN_WORD.fullmatch(word):
        return re.compile(same)
    ends = range(MIN_STEM_LENGTH, len(word) + 1)
    stems = "|".join(word[:end] for end in ends if re.fullmatch(ENDING, word[end:]))
    return re.compile(rf"{same}|\b(?:{stems}){ENDING}\b" if stems else same)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().replace("ё", "е")


def _number(query: str) -> int | None:
    """The number of an order that ``query`` is, written as people write it; None where it is none."""
    found = NUMBER.fullmatch(query.casefold())
    number = int(found["number"]) if found else 0
    return number if 0 < number <= MAX_ID else None
