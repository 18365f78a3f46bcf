"""A thousand songs at once, drawn while they drain at the edge of their provider's quota: bench/thousand_orders.svg.

Their provider takes three times as much as the real one, which would take a quarter of an hour for them.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from bench.figure import Figure
from bench.songs_at_once import CALLS_OF_A_SONG, KEY, POEM, song_system
from providers.kinds import ProviderKind, StageType
from tests.emulator.server import Emulator
from tests.running_system import wait_until

ORDERS = 1000
CALLS, WINDOW_SECONDS, SONG_SECONDS = 60, 10.0, 20.0
MAX_SECONDS = 1200
PICTURE = Path(__file__).parent / "thousand_orders.svg"
COUNTS = text(
    "SELECT count(*) FILTER (WHERE state IN ('submitted', 'fetching', 'done')), count(*) FILTER (WHERE state = 'done')"
    " FROM stages"
)
WIDTH, HEIGHT, EDGE = 760, 420, 60
STYLE = "font: 13px sans-serif; background: white"

#: Seconds, songs that the provider has taken, songs that are done.
Sample = tuple[float, int, int]


def measure() -> list[Figure]:
    """No figure: a picture, which is written beside the results."""
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        emulator.suno.add_key("first", KEY)
        emulator.suno.most_calls, emulator.suno.window_seconds = CALLS, WINDOW_SECONDS
        system = stack.enter_context(song_system(stack, emulator, f"SUNO={CALLS}/{WINDOW_SECONDS:g}s"))
        system.browser().save_section(StageType.SONG, ProviderKind.SUNO, api_key=KEY)
        shop = system.api()
        wait_until(lambda: shop.stage(StageType.SONG)["ready"], "the section works")
        emulator.suno.job_seconds = SONG_SECONDS
        with ThreadPoolExecutor(1) as watcher:
            watched = watcher.submit(_watch, system.database_url, time.monotonic())
            for _ in range(ORDERS):
                shop.place(StageType.SONG, poem=POEM)
            samples = watched.result()
    PICTURE.write_text(_picture(samples))
    return []


def _watch(database_url: str, began: float) -> list[Sample]:
    engine = create_engine(database_url, poolclass=NullPool)
    samples: list[Sample] = [(0, 0, 0)]
    while samples[-1][2] < ORDERS and samples[-1][0] < MAX_SECONDS:
        time.sleep(1)
        with engine.connect() as connection:
            taken, done = connection.execute(COUNTS).one()
        samples.append((time.monotonic() - began, taken, done))
    return samples


def _picture(samples: list[Sample]) -> str:
    seconds = samples[-1][0]
    least = ORDERS * CALLS_OF_A_SONG / CALLS * WINDOW_SECONDS

    def line(points: list[tuple[float, float]], colour: str, name: str, dash: str = "") -> str:
        spots = " ".join(f"{_x(at, seconds):.1f},{_y(value):.1f}" for at, value in points)
        at, value = points[len(points) // 2]
        return (
            f'<polyline points="{spots}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
            f'<text x="{_x(at, seconds) + 8:.1f}" y="{_y(value) + 16:.1f}" fill="{colour}">{name}</text>'
        )

    edge = [(0.0, 0.0), (least / 2, ORDERS / 2), (least, float(ORDERS))]
    marks = "".join(
        f'<text x="{EDGE - 8}" y="{_y(value) + 4:.1f}" text-anchor="end">{value}</text>'
        for value in range(0, ORDERS + 1, ORDERS // 4)
    ) + "".join(
        f'<text x="{_x(at, seconds):.1f}" y="{HEIGHT - EDGE + 18}" text-anchor="middle">{at} s</text>'
        for at in range(0, int(seconds) + 1, 60)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" style="{STYLE}">'
        f'<text x="{EDGE}" y="24">{ORDERS} songs at once, {CALLS} calls in {WINDOW_SECONDS:g} s: '
        f"{seconds:.0f} s, of {least:.0f} s that the quota takes</text>"
        f'<path d="M{EDGE},{EDGE} V{HEIGHT - EDGE} H{WIDTH - EDGE}" fill="none" stroke="#888"/>{marks}'
        + line(edge, "#777", "the quota, two calls each", "6 4")
        + line([(at, taken) for at, taken, _ in samples], "#c60", "handed over")
        + line([(at, done) for at, _, done in samples], "#06c", "done")
        + "</svg>\n"
    )


def _x(at: float, seconds: float) -> float:
    return EDGE + at / seconds * (WIDTH - 2 * EDGE)


def _y(value: float) -> float:
    return HEIGHT - EDGE - value / ORDERS * (HEIGHT - 2 * EDGE)
