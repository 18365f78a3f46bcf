"""What the DUMMY provider films: a sea with a sailing boat, and a sunset. A scene is a picture for every moment."""

import math
import random
from collections.abc import Callable, Iterator

from providers.dummy.paint import HEIGHT, WIDTH, Colour, Picture, Shade, blend, gradient, plain, rgb, veil

#: Paints the picture of a moment between 0, the beginning of the clip, and 1, its end.
Scene = Callable[[float], Picture]

HORIZON = 148
WHITE = rgb(255, 255, 255)
SHALLOW = rgb(96, 178, 204)
DAYLIGHT = rgb(255, 240, 180)
EVENING_LIGHT = rgb(255, 226, 156)
NIGHT = rgb(26, 16, 48)
FULL_TURN = 2 * math.pi


def sea(pick: random.Random) -> Scene:
    """Four rows of waves under a morning sky; ``pick`` sets the light, the clouds and the boat."""
    sky = gradient([(0, rgb(70 + pick.randint(0, 40), 150, 215)), (HORIZON, rgb(222, 240, 246))])
    deep = rgb(10, 60 + pick.randint(0, 30), 110 + pick.randint(0, 25))
    sun_x, boat_x = pick.choice((110, 400)) + pick.randint(-30, 30), pick.randint(190, 300)
    clouds = [(pick.randint(0, WIDTH), pick.randint(28, 90), pick.uniform(0.7, 1.3)) for _ in range(4)]
    phases = [pick.uniform(0, FULL_TURN) for _ in range(4)]

    def paint(moment: float) -> Picture:
        picture = Picture()
        turn = FULL_TURN * moment
        picture.rows(0, HEIGHT, sky)
        _sun(picture, sun_x, 62, 24, sky, DAYLIGHT)
        for x, y, size in clouds:
            _cloud(picture, (x + 26 * moment) % (WIDTH + 160) - 80, y, size, veil(sky, WHITE, 0.75))
        for layer in range(4):
            length, height = (128, 171, 256, 512)[layer], 5 + layer * 3
            level = HORIZON + 10 + layer * 32 + 2 * math.sin(turn + layer)
            phase = phases[layer] + turn * (1 if layer % 2 else -1)
            colour = blend(SHALLOW, deep, layer / 3)
            if layer == 2:
                water = level - height * math.sin(boat_x / length * FULL_TURN + phase)
                _boat(picture, boat_x, water, 0.06 * math.cos(turn + phases[0]))
            picture.wave(level - 3, height, length, phase, blend(colour, WHITE, 0.45))
            picture.wave(level, height, length, phase, colour)
        return picture

    return paint


def sunset(pick: random.Random) -> Scene:
    """The sun sinks behind hills over still water; ``pick`` sets the hues, the hills and the glints."""
    warmth = pick.randint(-20, 25)
    sun_x = pick.randint(170, 340)
    hills = [(pick.uniform(0, FULL_TURN), length, dark) for length, dark in ((340, 0.45), (210, 0.8))]
    glints = [
        (HORIZON + 8 + 130 * pick.random() ** 1.6, pick.uniform(0, WIDTH), pick.uniform(0, FULL_TURN))
        for _ in range(150)
    ]

    def paint(moment: float) -> Picture:
        picture = Picture()
        turn = FULL_TURN * moment
        high = blend(rgb(62, 44, 108), rgb(34, 24, 70), moment)
        middle = blend(rgb(226, 104 + warmth, 110), rgb(170, 66 + warmth, 100), moment)
        low = blend(rgb(255, 200, 120), rgb(250, 146, 84), moment)
        sky = gradient([(0, high), (HORIZON * 0.62, middle), (HORIZON, low)])
        water = gradient([(HORIZON, blend(low, high, 0.35)), (HORIZON + 55, blend(middle, high, 0.55)), (HEIGHT, high)])
        picture.rows(0, HORIZON, sky)
        _sun(picture, sun_x, 84 + 38 * moment, 30, sky, EVENING_LIGHT)
        for phase, length, dark in hills:
            picture.wave(HORIZON - 10 + 6 * dark, 12 - 5 * dark, length, phase, blend(middle, NIGHT, dark))
        picture.rows(HORIZON, HEIGHT, water)
        _reflection(picture, sun_x, turn, water)
        for row, x, phase in glints:
            _glint(picture, row, x, math.sin(2 * turn + phase), veil(water, EVENING_LIGHT, 0.5))
        return picture

    return paint


def _sun(picture: Picture, x: float, y: float, radius: float, air: Shade, light: Colour) -> None:
    """A disc of ``light``; around it the ``air`` glows, the more the nearer."""
    for ring in range(6, 0, -1):
        picture.disc(x, y, radius * (1 + ring * 0.3), veil(air, light, 0.27 - ring * 0.042))
    picture.disc(x, y, radius, plain(light))


def _cloud(picture: Picture, x: float, y: float, size: float, shade: Shade) -> None:
    for across, up, radius in ((-26, 4, 15), (0, -3, 22), (27, 4, 16), (6, 7, 34)):
        picture.disc(x + across * size, y + up * size, radius * size, shade, flat=0.5)


def _boat(picture: Picture, x: float, water: float, lean: float) -> None:
    """A hull and two sails; the mast leans ``lean`` pixels to the side for each pixel of height."""

    def hull(row: float) -> Iterator[tuple[float, float]]:
        depth = (row - (water - 10)) / 16
        yield x - 36 + 12 * depth, x + 40 - 16 * depth

    def sail(row: float) -> Iterator[tuple[float, float]]:
        up = water - 14 - row
        yield x + up * lean + 2, x + up * lean + 2 + 34 * (1 - up / 74)

    def jib(row: float) -> Iterator[tuple[float, float]]:
        up = water - 14 - row
        yield x + up * lean - 1 - 26 * (1 - up / 60), x + up * lean - 1

    picture.shape(water - 88, water - 14, sail, plain(rgb(252, 250, 244)))
    picture.shape(water - 74, water - 14, jib, plain(rgb(236, 118, 92)))
    picture.shape(water - 10, water + 6, hull, plain(rgb(110, 62, 48)))
    picture.shape(water - 10, water - 7, hull, plain(rgb(238, 224, 200)))


def _reflection(picture: Picture, x: float, turn: float, water: Shade) -> None:
    """The path of light on the water: wider where it is nearer, trembling all the way."""
    for strength, reach in ((0.25, 1.0), (0.5, 0.5)):

        def path(row: float, reach: float = reach) -> Iterator[tuple[float, float]]:
            below = row - HORIZON
            ripple = math.sin(below * 0.9 - turn * 3) + 0.6 * math.sin(below * 0.37 + turn * 2)
            half = reach * (20 + below * 0.28 + (3 + below * 0.07) * ripple)
            drift = 3 * math.sin(below * 0.5 + turn)
            yield x - half + drift, x + half + drift

        picture.shape(HORIZON, HEIGHT, path, veil(water, EVENING_LIGHT, strength))


def _glint(picture: Picture, row: float, x: float, brightness: float, shade: Shade) -> None:
    if brightness > 0:
        half = (4 + (row - HORIZON) * 0.12) * brightness
        picture.shape(row, row + 2, lambda _row: ((x - half, x + half),), shade)
