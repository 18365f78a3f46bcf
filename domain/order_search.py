"""Finding orders by their number, or by words of whom they are for and of the occasion.

Neither database compares letters of every alphabet without their case: SQLite knows only those of ASCII, PostgreSQL
those of its locale. So the words are compared here, of a limited number of orders at a time, newest first.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Select, select

from domain.db import db
from domain.order_lists import IN_SHORT, LARGEST_ID, PAGE_SIZE
from domain.orders import Order, OrderState

#: Orders that one search looks at; the next one goes on from there.
LOOKED_AT = 10_000
#: Characters of a query that count.
LONGEST_QUERY = 100
BATCH = 500
NUMBER_SIGNS = ("№", "#", "no.", "n")


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
    """``query`` as it is searched for: at most ``LONGEST_QUERY`` characters, no control characters among them."""
    seen = (" " if unicodedata.category(each) in {"Cc", "Cs"} else each for each in query[:LONGEST_QUERY])
    return " ".join("".join(seen).split())


def search(
    query: str,
    state: OrderState | None = None,
    before_id: int | None = None,
    among: Select[int, str, str] | None = None,
    looked_at: int = LOOKED_AT,
) -> Found:
    """A page of the orders in which every word of ``query`` stands, of ``state`` and out of ``among``.

    Case does not count, nor do the dots of a Cyrillic yo. At most ``looked_at`` orders are read, so it costs the
    same however many there are; only a number finds the order whatever its age.
    """
    candidates = select(Order.id, Order.recipient, Order.occasion) if among is None else among
    if state is not None:
        candidates = candidates.where(Order.state == state)
    number = _number(query) if before_id is None else None
    ids = list(db.session.scalars(candidates.where(Order.id == number))) if number else []
    older = candidates.order_by(Order.id.desc()).limit(looked_at + 1)
    if before_id is not None:
        older = older.where(Order.id < before_id)
    return _page(ids, _folded(query).split(), older, looked_at)


def _page(ids: list[int], words: list[str], candidates: Select[int, str, str], looked_at: int) -> Found:
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


def _holds(words: Iterable[str], texts: Iterable[str]) -> bool:
    text = _folded("\n".join(texts))
    return all(word in text for word in words)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().replace("ё", "е")


def _number(query: str) -> int | None:
    """The number of an order that ``query`` is, written as pages write it or bare; None where it is none."""
    bare = query.casefold()
    for sign in NUMBER_SIGNS:
        bare = bare.removeprefix(sign)
    bare = bare.strip()
    number = int(bare) if bare.isdecimal() else 0
    return number if 0 < number <= LARGEST_ID else None
