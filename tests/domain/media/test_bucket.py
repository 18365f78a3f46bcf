"""Media in a bucket: a real store, which goes away, refuses our key, and has no such bucket."""

import hashlib
import os
import random
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import obstore
import pytest
from pydantic import SecretStr

from domain.db import db, utc_now
from domain.media import bucket as media_bucket
from domain.media.bucket import CONNECT_TIMEOUT, MediaBucket, MediaStoreAway, open_bucket
from domain.media.folder import MediaFolder
from domain.orders import erasure, works
from domain.orders.models import Order, StageState, Work
from providers.base import GenerationRequest, GenerationResult
from providers.kinds import StageType
from providers.registry import INSTANT_ADAPTERS
from settings import current_settings
from tests.builders import (
    make_due,
    media_of,
    run,
    stage_of,
    unfinished_files,
    working_section,
)
from tests.database_kinds import on_one_database
from tests.domain.generation.jobs.job_orders import look, room_of
from tests.emulated_sections import KINDS, order_of, works_with
from tests.emulator.server import Emulator
from tests.gate import Gate
from tests.local_s3 import LocalS3
from tests.stopped_clock import StoppedClock

pytestmark = [on_one_database, pytest.mark.processes]

POEM, VOICE, SONG, CLIP = StageType


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store that works is given all the time that a busy machine may need."""
    monkeypatch.setattr(media_bucket, "CONNECT_TIMEOUT", timedelta(seconds=60))
    open_bucket.cache_clear()
    yield
    open_bucket.cache_clear()


@pytest.fixture
def bucket(s3: LocalS3, change_settings: Callable[..., None]) -> LocalS3:
    """The works are kept in a bucket."""
    change_settings(**s3.settings)
    return s3


@pytest.fixture(params=["reached through a gate", pytest.param("a store of its own", marks=pytest.mark.thorough)])
def own_bucket(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    change_settings: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Gate | LocalS3]:
    """The same, in a store that a test may take down, and that is asked again at once whether it is back."""
    monkeypatch.setattr(media_bucket, "TRUSTED_SECONDS", 0)
    monkeypatch.setattr(media_bucket, "DOUBTED_SECONDS", 0)
    with ExitStack() as stack:
        if request.param == "a store of its own":
            folder = tmp_path / "s3"
            folder.mkdir()
            own = stack.enter_context(LocalS3(folder))
            change_settings(**own.settings)
            yield own
        else:
            s3: LocalS3 = request.getfixturevalue("s3")
            gate = stack.enter_context(Gate(s3.port))
            change_settings(**{**s3.settings, "aws_endpoint_url": f"http://127.0.0.1:{gate.port}"})
            yield gate


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be stored is given up at once, instead of after five minutes."""
    monkeypatch.setattr("domain.storage_retry.OUTAGE_SECONDS", 0)


def work_of(order: Order, stage_type: StageType) -> Work:
    work = stage_of(order, stage_type).work
    assert work is not None
    return work


def files_here() -> list[str]:
    """What lies in the folder of media files of this machine."""
    folder = current_settings().media_dir
    assert folder is not None
    return [path.name for path in folder.iterdir()]


@pytest.mark.usefixtures("bucket")
def test_a_work_is_kept_in_the_bucket_and_nowhere_else() -> None:
    working_section(VOICE)
    order = order_of(VOICE)

    run(order, VOICE)

    work = work_of(order, VOICE)
    media = media_of(work)
    assert (len(media), hashlib.sha256(media).hexdigest()) == (work.size_bytes, work.sha256)
    assert files_here() == []


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("stage_type", [SONG, CLIP])
def test_a_work_that_is_downloaded_goes_on_to_the_bucket(stage_type: StageType, emulator: Emulator) -> None:
    works_with(stage_type, emulator)
    room_of(emulator, stage_type).job_seconds = 1e-6
    order = order_of(stage_type)
    run(order, stage_type)

    look(order, stage_type)

    work = work_of(order, stage_type)
    assert hashlib.sha256(media_of(work)).hexdigest() == work.sha256
    assert files_here() == []


@pytest.mark.usefixtures("bucket")
def test_a_large_file_comes_back_whole_and_in_any_part() -> None:
    media = random.Random(7).randbytes(12_000_000)
    stored = works.store(1, 1, GenerationResult(model="m", media=media, content_type="audio/mpeg"))
    assert stored.file_name is not None

    with works.media_store().open(stored.file_name) as file:
        assert file.read() == media
        file.seek(5_000_001)
        assert file.read(3_000_000) == media[5_000_001:8_000_001]
        file.seek(-10, os.SEEK_END)
        assert file.read() == media[-10:]
        assert file.read() == b""


@pytest.mark.usefixtures("bucket")
def test_a_file_that_is_not_there_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        works.media_store().open("no-such-file.mp3")


@pytest.mark.parametrize("stage_type", [VOICE, SONG, CLIP])
def test_nothing_is_paid_for_while_the_store_is_away(
    stage_type: StageType, own_bucket: Gate | LocalS3, emulator: Emulator
) -> None:
    before = works_with(stage_type, emulator)
    order = order_of(stage_type)
    own_bucket.stop()

    run(order, stage_type)

    stage = stage_of(order, stage_type)
    assert (stage.state, stage.reason) == (StageState.QUEUED, "storage_full")
    assert stage.due_at > utc_now() + timedelta(minutes=1)
    assert len(emulator.ledger) == before
    own_bucket.start()
    make_due(stage, utc_now())
    run(order, stage_type)
    assert stage_of(order, stage_type).state in {StageState.DONE, StageState.SUBMITTED}


def test_a_poem_needs_no_store(own_bucket: Gate | LocalS3) -> None:
    working_section()
    own_bucket.stop()
    order = order_of(POEM)

    run(order)

    assert stage_of(order).state is StageState.DONE


def test_a_voice_that_was_made_waits_for_a_store_that_went_away(
    own_bucket: Gate | LocalS3, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = works_with(VOICE, emulator)
    order = order_of(VOICE)
    adapter = INSTANT_ADAPTERS[KINDS[VOICE]]
    generate = adapter.generate

    def generate_as_the_store_goes(provider: Any, request: GenerationRequest) -> GenerationResult:
        made = generate(provider, request)
        own_bucket.stop()
        return made

    monkeypatch.setattr(adapter, "generate", generate_as_the_store_goes)
    monkeypatch.setattr("domain.storage_retry._start_over", lambda *_: own_bucket.start())
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: None))
    run(order, VOICE)

    assert stage_of(order, VOICE).state is StageState.DONE
    assert len(emulator.ledger) == before + 1


def test_a_song_that_finds_no_store_is_downloaded_again(own_bucket: Gate | LocalS3, emulator: Emulator) -> None:
    before = works_with(SONG, emulator)
    emulator.suno.job_seconds = 1e-6
    order = order_of(SONG)
    run(order, SONG)
    own_bucket.stop()

    look(order, SONG)

    stage = stage_of(order, SONG)
    assert (stage.state, stage.reason) == (StageState.SUBMITTED, "storage_full")
    assert unfinished_files() == []
    own_bucket.start()
    look(order, SONG)
    assert stage_of(order, SONG).state is StageState.DONE
    assert len(emulator.ledger) == before + 1


def test_a_store_that_says_nothing_is_away_within_seconds(
    own_bucket: Gate | LocalS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(seconds=4) > CONNECT_TIMEOUT
    assert works.media_store().answers()
    monkeypatch.setattr(media_bucket, "CONNECT_TIMEOUT", timedelta(seconds=0.3))
    monkeypatch.setattr(media_bucket, "REQUEST_TIMEOUT", timedelta(hours=1))
    open_bucket.cache_clear()
    store = works.media_store()
    own_bucket.freeze()

    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(store.answers)
        try:
            assert not asked.result(60)
        finally:
            own_bucket.stop()  # nobody waits for it any more


def test_a_file_whose_store_goes_away_as_it_is_read_says_so(own_bucket: Gate | LocalS3) -> None:
    media = random.Random(7).randbytes(2 * media_bucket.READ_BYTES)
    stored = works.store(1, 1, GenerationResult(model="m", media=media, content_type="audio/mpeg"))
    assert stored.file_name is not None

    with works.media_store().open(stored.file_name) as file:
        assert file.read(10) == media[:10]
        own_bucket.stop()
        with pytest.raises(MediaStoreAway) as caught:
            file.read()

    assert caught.value.__context__ is None


class WatchedLock:
    """A lock that tells when somebody comes while another one has it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.is_wanted = threading.Event()

    def acquire(self, *, blocking: bool) -> bool:
        if self._lock.locked():
            self.is_wanted.set()
        return self._lock.acquire(blocking)

    def release(self) -> None:
        self._lock.release()


@pytest.mark.usefixtures("bucket")
def test_two_that_want_to_know_first_ask_the_store_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store, lock, asked = works.media_store(), WatchedLock(), []
    assert isinstance(store, MediaBucket)
    probe = store.probe

    def probe_as_another_one_comes() -> None:
        asked.append("")
        assert lock.is_wanted.wait(60)
        probe()

    monkeypatch.setattr(store, "_lock", lock)
    monkeypatch.setattr(store, "probe", probe_as_another_one_comes)
    with ThreadPoolExecutor(2) as threads:
        answers = [each.result(60) for each in [threads.submit(store.answers) for _ in range(2)]]

    assert (answers, len(asked)) == ([True, True], 1)


@pytest.mark.parametrize(("region", "place"), [("", "eu-north-1"), ("eu-west-1", "eu-west-1")])
def test_without_an_address_and_keys_of_ours_it_is_a_bucket_of_amazon_reached_as_the_machine_may(
    region: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-this-machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")

    bucket = open_bucket(
        "s3://gifts/works",
        MediaFolder(tmp_path, min_free_mb=0),
        endpoint="",
        region=region,
        access_key_id=None,
        secret_access_key=None,
    )

    # Nobody is asked: that is what a request would be.
    signed = obstore.sign(bucket._store, "GET", "name.mp3", timedelta(minutes=1))
    assert signed.startswith(f"https://s3.{place}.amazonaws.com/gifts/works/name.mp3?")
    assert "X-Amz-Credential=of-this-machine%2F" in signed


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aws_secret_access_key": SecretStr("another-fake-secret")}, "PermissionDeniedError"),
        ({"aws_access_key_id": SecretStr("nobodys-fake-key")}, "PermissionDeniedError"),
        ({"media_url": "s3://no-such-bucket/works"}, "FileNotFoundError"),
        ({"aws_endpoint_url": "http://127.0.0.1:1"}, "GenericError"),
    ],
)
@pytest.mark.usefixtures("bucket", "no_patience")
def test_a_store_that_refuses_says_why_without_a_secret(
    changed: dict[str, object], reason: str, change_settings: Callable[..., None]
) -> None:
    change_settings(**changed)

    with pytest.raises(MediaStoreAway) as caught:
        works.store(1, 1, GenerationResult(model="m", media=b"RIFF", content_type="audio/wav"))

    assert str(caught.value) == reason
    assert caught.value.__context__ is None
    assert "fake" not in "".join(traceback.format_exception(caught.value))
    assert not works.can_be_kept()
    assert works.has_room()
    assert files_here() == []


def test_the_files_of_an_erased_order_go_from_the_bucket_and_no_others(bucket: LocalS3) -> None:
    orders = [order_of(VOICE) for _ in range(2)]
    stage_ids = [stage_of(order, VOICE).id for order in orders]
    store = works.media_store()
    others = [f"{stage_ids[1]}-1.mp3", f"{stage_ids[0]}0-1.mp3"]
    for name in (f"{stage_ids[0]}-1.mp3", f"{stage_ids[0]}-2.wav", *others):
        with store.new_file(stage_ids[0]) as new:
            new.file.write(b"RIFF")
            store.keep(new, name, "audio/mpeg")

    assert erasure.request(orders[0].id, "admin", utc_now()) is not None
    erasure.go_on(utc_now())

    for name in (f"{stage_ids[0]}-1.mp3", f"{stage_ids[0]}-2.wav"):
        with pytest.raises(FileNotFoundError):
            store.open(name)
    for name in others:
        with store.open(name) as file:
            assert file.read() == b"RIFF"
    assert erased_at(orders[0]) is not None


def test_a_file_that_is_not_there_is_removed_in_peace(bucket: LocalS3) -> None:
    works.media_store().remove("17-1.mp3")
    works.remove_files([17])


def test_what_cannot_be_removed_stays_to_be_removed(own_bucket: Gate | LocalS3, clock: StoppedClock) -> None:
    order = order_of(VOICE)
    stage_id = stage_of(order, VOICE).id
    store = works.media_store()
    with store.new_file(stage_id) as new:
        new.file.write(b"RIFF")
        store.keep(new, f"{stage_id}-1.mp3", "audio/mpeg")
    own_bucket.stop()

    assert erasure.request(order.id, "admin", utc_now()) is not None
    erasure.go_on(utc_now())
    assert erased_at(order) is None

    own_bucket.start()
    clock.shift(erasure.TAKEN_FOR)
    erasure.go_on(utc_now())
    assert erased_at(order) is not None
    with pytest.raises(FileNotFoundError):
        store.open(f"{stage_id}-1.mp3")


def erased_at(order: Order) -> datetime | None:
    db.session.expire_all()
    return db.session.get_one(Order, order.id).erased_at
