"""How long people wait: for a song that is finished, for a save to be answered, for the models of a new key."""

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain, count, cycle, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figure import REPETITIONS, Figure, repeated
from bench.open_page import PAUSE, of_a_new_page, seen_at
from providers.kinds import ProviderKind, StageType
from tests.emulator.media_files import song_mp3
from tests.emulator.openai import Model
from tests.emulator.server import Emulator
from tests.emulator.suno import MODES
from tests.emulator.suno_answers import STATUSES
from tests.http_session import Browser
from tests.local_services import LocalPostgres
from tests.running_system import RunningSystem, free_port, wait_until

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SONGS, SONGS_AT_ONCE = 20, 5
#: A song costs a submit and a look: two batches stay below the account's quota of 20 calls in 10 s.
BATCH_SECONDS, SONG_SECONDS = 8.0, 8.0
#: The part of a job after which the provider has the song: it makes two, and the first that is ready is taken.
SONG_IS_READY = next(since for since, status in STATUSES if status == "FIRST_SUCCESS")
#: Has no divisor in common with SONGS: the pages of a batch ask at times that lie far apart.
SPREAD = 7
WORDS = "Море шумит, и Анна поёт,\nсолнце встаёт над водой."
#: Few posts in a block and many blocks, so that noise strikes both kinds and the worker always has threads left.
BLOCKS, POSTS_OF_A_BLOCK, POST_PAUSE_SECONDS = 24, 6, 0.1
CALLS_OF_A_CHECK = 2
SAVES = 20
IMPATIENT_SECONDS = 0.02
SUNO_KEY, *KEYS = (f"fake-key-0123456789-{name}" for name in ("song", "first", "second"))
OF_POEM, ALL_SECTIONS = "/admin/providers/POEM", "/admin/providers"


class Stopwatch:
    """Adds up the seconds that the emulated providers take for their answers."""

    def __init__(self, emulator: Emulator) -> None:
        self.seconds = 0.0
        answer = emulator.serve

        def timed(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            began = time.monotonic()
            try:
                return answer(environ, start_response)
            finally:
                self.seconds += time.monotonic() - began

        emulator.serve = timed  # type: ignore[method-assign]  # it times, and lets the method answer


class Saver:
    """An administrator who saves the section POEM with another key each time, which has a model of its own."""

    def __init__(self, browser: Browser, emulator: Emulator) -> None:
        self.browser = browser
        self.emulator = emulator
        self._keys = cycle(KEYS)
        self._numbers = count()

    def save(self) -> tuple[str, float]:
        """Save; returns the model, and how many seconds the POST took."""
        model = f"bench-{next(self._numbers):05}"
        self.emulator.openai.catalogue = (Model(model, 1772600000),)
        answer = self.browser.save_section(StageType.POEM, ProviderKind.OPENAI, api_key=next(self._keys))
        assert answer.status_code == 303, answer.text
        return model, answer.elapsed.total_seconds()

    def wait_for_calls(self, number: int) -> None:
        """Wait until the providers have been asked so often, since they were started."""
        wait_until(lambda: len(self.emulator.requests) >= number, "the check that a save asks for")

    def wait_until_checked(self) -> None:
        """Wait until no check of the section is under way."""
        wait_until(lambda: "data-live" not in self.browser.get(OF_POEM).text, "the check has ended")


def measure() -> list[Figure]:
    """Four figures, the last two of the same thing: as one sees it who asks every 20 ms, and as the page shows it."""
    with _system() as (system, emulator):
        people = [system.browser() for _ in range(SONGS_AT_ONCE)]
        saver = Saver(people[0], emulator)
        stopwatch = Stopwatch(emulator)
        _open_sections(system, saver)
        songs = repeated(lambda: _songs(system, emulator, people))
        posts = repeated(lambda: _posts(saver))
        impatient, at_the_page = zip(*(_models(saver, stopwatch) for _ in range(REPETITIONS)), strict=True)
    models = "models of a new key visible after its save, minus the provider's own time, p95, seconds"
    return [
        Figure("finished at the provider -> shown on the page, with call backs, p95, seconds", 2.0, True, songs),
        Figure("POST of a section while its provider hangs / while it answers, p95", 1.1, True, posts),
        Figure(f"{models}: asked every 20 ms", 0.3, True, impatient),
        Figure(f"{models}: as the page shows them", 0.3, True, at_the_page),
    ]


@contextmanager
def _system() -> Iterator[tuple[RunningSystem, Emulator]]:
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quatrain-bench-")))
        server = stack.enter_context(LocalPostgres())
        port = free_port()
        env = {
            "SUNO_BASE_URL": emulator.base_url(ProviderKind.SUNO),
            "OPENAI_BASE_URL": emulator.base_url(ProviderKind.OPENAI),
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "WORKER_THREADS": "64",
            "SWEEP_INTERVAL_SECONDS": "2",
            "REFRESH_INTERVAL_SECONDS": "3600",
        }
        yield stack.enter_context(RunningSystem(folder, server.new_database(), env)), emulator


def _open_sections(system: RunningSystem, saver: Saver) -> None:
    emulator = saver.emulator
    song_mp3(MODES[0])  # made once, and then at hand: the provider's time, not ours
    emulator.suno.job_seconds = SONG_SECONDS
    emulator.suno.add_key("song", SUNO_KEY)
    for number, key in enumerate(KEYS):
        emulator.openai.add_key(f"poem {number}", key)
    saver.browser.save_section(StageType.SONG, ProviderKind.SUNO, api_key=SUNO_KEY)
    saver.save()
    wait_until(lambda: all(system.api().stage(each)["ready"] for each in (StageType.SONG, StageType.POEM)), "both work")


def _songs(system: RunningSystem, emulator: Emulator, people: list[Browser]) -> float:
    waits: list[float] = []
    with ThreadPoolExecutor(len(people)) as pool:
        for first in range(0, SONGS, SONGS_AT_ONCE):
            batch_ends = time.monotonic() + BATCH_SECONDS
            numbers = range(first, first + SONGS_AT_ONCE)
            shop = system.api()
            ids = [shop.place(StageType.SONG, poem=_poem(number)).json()["id"] for number in numbers]
            opened = [PAUSE * (number * SPREAD % SONGS + 0.5) / SONGS for number in numbers]
            shown = list(pool.map(_song_seen_at, people, ids, opened))
            finished = [_song_finished_at(emulator, _poem(number)) for number in numbers]
            waits += [seen - ready for seen, ready in zip(shown, finished, strict=True)]
            time.sleep(max(batch_ends - time.monotonic(), 0))
    return _p95(waits)


def _poem(number: int) -> str:
    return f"{WORDS}\n{number}"


def _song_seen_at(browser: Browser, order_id: int, opened: float) -> float:
    """``opened`` is how many seconds from now a page that is open for a while asks next."""
    path = f"/admin/orders/{order_id}?part=stages"
    return seen_at(browser, path, "<audio", chain([opened], repeat(PAUSE)))


def _song_finished_at(emulator: Emulator, poem: str) -> float:
    """Of the job that was ordered last with this poem, as each repetition has the same ones."""
    job = [job for job in emulator.suno.jobs.values() if poem in job.asked.values()][-1]
    return job.began + job.seconds * SONG_IS_READY


def _posts(saver: Saver) -> float:
    """The ratio of the 95th percentiles; blocks of the two kinds take turns."""
    hanging: list[float] = []
    answered: list[float] = []
    for _ in range(BLOCKS):
        with _hangs(saver.emulator):
            hanging += _block(saver, answers=False)
        saver.wait_until_checked()
        answered += _block(saver, answers=True)
    return _p95(hanging) / _p95(answered)


@contextmanager
def _hangs(emulator: Emulator) -> Iterator[None]:
    """OPENAI takes every question and says nothing, until the block is left: then all are answered."""
    emulator.openai.fail("models", delay=30, times=None)
    try:
        yield
    finally:
        emulator.openai.clear_faults()
        emulator._book.closing.set()
        emulator._book.closing.clear()


def _block(saver: Saver, *, answers: bool) -> list[float]:
    """Seconds of each POST. The next one waits until the check of the last one hangs, or has ended."""
    seconds = []
    for _ in range(POSTS_OF_A_BLOCK):
        asked_before = len(saver.emulator.requests)
        seconds.append(saver.save()[1])
        saver.wait_for_calls(asked_before + (CALLS_OF_A_CHECK if answers else 1))
        if answers:
            # A check that passes counts as a change: a form that was opened before would be refused.
            saver.wait_until_checked()
        time.sleep(POST_PAUSE_SECONDS)
    return seconds


def _models(saver: Saver, stopwatch: Stopwatch) -> tuple[float, float]:
    """From the sending of the POST: for somebody who asks every 20 ms, and on the page that the POST leads to."""
    impatient: list[float] = []
    at_the_page: list[float] = []
    for _ in range(SAVES):
        impatient.append(_until_visible(saver, stopwatch, lambda sign: _seen_by_the_impatient(saver.browser, sign)))
        at_the_page.append(_until_visible(saver, stopwatch, lambda sign: _seen_on_the_page(saver.browser, sign)))
    return _p95(impatient), _p95(at_the_page)


def _until_visible(saver: Saver, stopwatch: Stopwatch, seen: Callable[[str], float]) -> float:
    taken_before = stopwatch.seconds
    model, posting = saver.save()
    sent_at = time.monotonic() - posting
    return seen(f'value="{model}"') - sent_at - (stopwatch.seconds - taken_before)


def _seen_by_the_impatient(browser: Browser, sign: str) -> float:
    return seen_at(browser, OF_POEM, sign, chain([0.0], repeat(IMPATIENT_SECONDS)))


def _seen_on_the_page(browser: Browser, sign: str) -> float:
    if sign in browser.get(ALL_SECTIONS).text:
        return time.monotonic()
    return seen_at(browser, OF_POEM, sign, of_a_new_page())


def _p95(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
