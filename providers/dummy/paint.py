"""Painting for the DUMMY provider's clips: colours and shapes on the three planes of a YUV 4:2:0 picture.

Shapes are painted in runs of bytes, a row at a time, never pixel by pixel: a picture takes a few milliseconds.
"""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise

WIDTH, HEIGHT = 512, 288

#: Brightness and two differences of colour, as the planes hold them. A mixture of two is one on every screen.
Colour = tuple[float, float, float]
#: The colour of each row.
Shade = Callable[[float], Colour]
#: The stretches of a row that a shape covers, from left to right edge, in pixels.
Spans = Callable[[float], Iterable[tuple[float, float]]]


def rgb(red: float, green: float, blue: float) -> Colour:
    """A colour from red, green and blue of 0 to 255. BT.601, limited range: what players expect at this size."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return 16 + 219 * luma / 255, 128 + 126.4 * (blue - luma) / 255, 128 + 159.7 * (red - luma) / 255


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """``one`` at 0, ``other`` at 1, between them a mixture."""
    rest = 1 - share
    return one[0] * rest + other[0] * share, one[1] * rest + other[1] * share, one[2] * rest + other[2] * share


def plain(colour: Colour) -> Shade:
    """The same colour in every row."""
    return lambda _row: colour


def veil(shade: Shade, colour: Colour, share: float) -> Shade:
    """``colour`` laid over ``shade``; hides it at 1."""
    return lambda row: blend(shade(row), colour, share)


def gradient(stops: list[tuple[float, Colour]]) -> Shade:
    """Colours between ``stops`` (row, colour), which go from the top of the picture downwards."""
    rows = [stops[0][1]] * HEIGHT
    for (above, first), (below, second) in pairwise(stops):
        for row in range(round(above), HEIGHT):
            rows[row] = blend(first, second, min(1.0, (row - above) / (below - above)))
    return lambda row: rows[int(row)]


class Picture:
    """One picture: ``planes`` are brightness in full size, and two of colour in half."""

    def __init__(self) -> None:
        half = (WIDTH // 2) * (HEIGHT // 2)
        self.planes = (bytearray(WIDTH * HEIGHT), bytearray(half), bytearray(half))

    def rows(self, top: float, bottom: float, shade: Shade) -> None:
        """Fill whole rows from ``top`` to ``bottom``, each in its own colour."""
        self.shape(top, bottom, lambda _row: ((0, WIDTH),), shade)

    def shape(self, top: float, bottom: float, spans: Spans, shade: Shade) -> None:
        """Fill what ``spans`` names in the rows from ``top`` to ``bottom``."""
        for number, plane in enumerate(self.planes):
            scale = 1 if number == 0 else 2
            width = WIDTH // scale
            for line in range(max(0, math.ceil(top / scale)), min(HEIGHT // scale, math.ceil(bottom / scale))):
                row = line * scale + scale / 2 - 0.5
                value = bytes((round(shade(row)[number]),))
                for left, right in spans(row):
                    first, last = max(0, round(left / scale)), min(width, round(right / scale))
                    if first < last:
                        plane[line * width + first : line * width + last] = value * (last - first)

    def disc(self, x: float, y: float, radius: float, shade: Shade, flat: float = 1.0) -> None:
        """A disc around ``x``, ``y``; ``flat`` below 1 presses it to an ellipse."""

        def spans(row: float) -> Iterable[tuple[float, float]]:
            reach = radius * math.sqrt(max(0.0, 1 - ((row - y) / (radius * flat)) ** 2))
            return ((x - reach, x + reach),)

        self.shape(y - radius * flat, y + radius * flat, spans, shade)

    def wave(self, level: float, height: float, length: float, phase: float, colour: Colour) -> None:
        """Everything below a sine: ``level`` is its middle row, ``height`` goes up and down from it."""

        def spans(row: float) -> Iterable[tuple[float, float]]:
            start = math.asin(max(-1.0, min(1.0, (level - row) / height)))
            turn = length / (2 * math.pi)
            for crest in range(-1, int(WIDTH / length) + 2):
                origin = (crest * 2 * math.pi - phase % (2 * math.pi)) * turn
                yield origin + start * turn, origin + (math.pi - start) * turn

        self.shape(level - height, level + height, spans, plain(colour))
        self.rows(level + height, HEIGHT, plain(colour))
