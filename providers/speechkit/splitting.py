"""A poem in parts that each fit into one request to SPEECHKIT, cut where a reader would take a breath."""

from collections.abc import Callable, Iterator

#: Where to cut, the best first: between stanzas, between lines, after a word, anywhere.
_CUTS = ("\n\n", "\n", " ", "")


def parts_of(text: str, fits: Callable[[str], bool]) -> list[str]:
    """``text`` in parts as long as may be, in order, without the white space at its cuts; empty for a blank text.

    ``fits`` has to be true of each single character, and of everything that is shorter than what it is true of.
    """
    pieces = _cut(text, lambda piece: fits(piece.strip()), _CUTS)
    return [part for part in (piece.strip() for piece in pieces) if part]


def _cut(text: str, fits: Callable[[str], bool], cuts: tuple[str, ...]) -> Iterator[str]:
    part = ""
    for piece in _pieces(text, cuts[0]):
        if fits(part + piece):
            part += piece
            continue
        yield part
        *whole, part = [piece] if fits(piece) else _cut(piece, fits, cuts[1:])
        yield from whole
    yield part


def _pieces(text: str, cut: str) -> list[str]:
    """``text`` in pieces that end with ``cut``, the last one perhaps without it; single characters for no cut."""
    if not cut:
        return list(text)
    *before, last = text.split(cut)
    return [piece + cut for piece in before] + [last]
