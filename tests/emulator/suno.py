"""SUNO: the songs of sunoapi.org, with its credits, its pace and its callbacks."""

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Blueprint, Response, g, jsonify, request

from providers.kinds import ProviderKind
from tests.emulator.callbacks import Courier, is_here
from tests.emulator.delivery import answer_of, deliver
from tests.emulator.jobs import DONE, Job, JobRoom, file_of
from tests.emulator.media_files import song_mp3
from tests.emulator.state import Book, Fault, Key
from tests.emulator.suno_answers import EVENTS, FAILURES, callback, envelope, record, songs_of, status_of
from tests.emulator.suno_requests import MODELS, refusal_of_song
from tests.emulator.suno_scenarios import CREDIT_TEXT, RATE_TEXT, SCENARIOS

#: Endings that cost nothing: no work had begun, or the credits are given back.
FREE_ENDINGS = ("CREATE_TASK_FAILED", "GENERATE_AUDIO_FAILED:531")
SLOW_JOB_SECONDS = 3600.0
LOOK_SECONDS = 0.02
MODES = ("major", "minor")


class SunoRoom(JobRoom):
    """``credit`` of a key is in credits, of which a request takes twelve.

    ``models`` are those that this deployment knows; ``snake_case`` is how songs are spelled, None for as by model.
    ``most_calls`` in ``window_seconds`` are allowed to an account. ``courier.sent`` are the callbacks; they go to
    addresses of this machine only, and a song whose callbacks all failed ends as CALLBACK_EXCEPTION.
    """

    kind: ClassVar[ProviderKind] = ProviderKind.SUNO
    price: ClassVar[int] = 12
    scenarios: ClassVar[Mapping[str, tuple[tuple[str, ...], Fault]]] = SCENARIOS

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.models: tuple[str, ...] = MODELS
        self.snake_case: bool | None = None
        self.most_calls = 20
        self.window_seconds = 10.0
        self.courier = Courier(book.closing)
        self._calls: dict[str, deque[float]] = {}

    def blueprint(self) -> Blueprint:
        routes = Blueprint("suno", __name__)
        routes.before_request(self._meet)
        routes.after_request(lambda response: deliver(response, self.book))
        routes.add_url_rule("/api/v1/generate/credit", "credit", self._credit)
        routes.add_url_rule("/api/v1/generate", "generate", self._generate, methods=["POST"])
        routes.add_url_rule("/api/v1/generate/record-info", "record", self._record)
        routes.add_url_rule("/files/<name>", "file", self._file)
        routes.add_url_rule("/<path:rest>", "unknown", self._unknown, methods=["GET", "POST", "PUT", "DELETE"])
        return routes

    def open_job(self, key: Key, job_id: str, *, model: str = MODELS[0]) -> Job:
        """A task of ``key`` that nobody ordered over the wire: uncharged, and with no callbacks."""
        return self.keep(Job(job_id, key, model, {}, "", self.job_seconds, 0))

    def _meet(self) -> Response | None:
        route = (request.endpoint or "").rpartition(".")[2]
        g.key = self.note(route, request)
        g.fault = self.take_fault(route, g.key)
        if g.fault.status is not None:
            return answer_of(g.fault)
        if route in ("file", "unknown"):
            return None
        if g.key is None:
            return _refuse(401, "You do not have access permissions")
        return None if self._keeps_pace(g.key) else _refuse(430, RATE_TEXT)

    def _keeps_pace(self, key: Key) -> bool:
        now = time.monotonic()
        with self.book.lock:
            calls = self._calls.setdefault(key.name, deque())
            while calls and calls[0] <= now - self.window_seconds:
                calls.popleft()
            if len(calls) >= self.most_calls:
                return False
            calls.append(now)
            return True

    def _credit(self) -> Response:
        return jsonify(envelope(10_000 if g.key.credit is None else g.key.credit))

    def _generate(self) -> Response:
        asked: Any = request.get_json(silent=True)
        if refusal := refusal_of_song(asked, self.models):
            return _refuse(*refusal)
        slow = g.fault.shape == "slow"
        ending = "" if slow else g.fault.shape
        # There is no idempotency key: the address for callbacks is all that tells one order of a caller from the next.
        if ending not in FREE_ENDINGS and not self.charge(g.key, asked["model"], asked["callBackUrl"]):
            return _refuse(429, CREDIT_TEXT)
        seconds = SLOW_JOB_SECONDS if slow else self.job_seconds
        job = self.keep(Job(secrets.token_hex(16), g.key, asked["model"], asked, ending, seconds, self.price))
        if is_here(asked["callBackUrl"]):
            urls = self._urls(job)
            threading.Thread(target=self._call_back, args=(job, urls), daemon=True).start()
        return jsonify(envelope({"taskId": job.id}))

    def _record(self) -> Response:
        job = self.jobs.get(request.args.get("taskId", ""))
        if job is None or job.key is not g.key:
            return jsonify(envelope(None))
        status = status_of(job, self.progress(job))
        snake_case = job.model.startswith("V6") if self.snake_case is None else self.snake_case
        songs = songs_of(job, status, self._urls(job))
        return jsonify(envelope(record(job, status, songs, snake_case=snake_case)))

    def _file(self, name: str) -> Response:
        job_id, _, rest = name.partition("-")
        job = self.jobs.get(job_id)
        number, _, kind = rest.partition(".")
        if job is None or kind != "mp3" or number not in ("0", "1") or not self.link_is_good(job):
            return answer_of(SCENARIOS["link_gone"][1])
        return file_of(song_mp3(MODES[int(number)]), "audio/mpeg")

    def _urls(self, job: Job) -> tuple[str, str]:
        return self.file_url(f"{job.id}-0.mp3"), self.file_url(f"{job.id}-1.mp3")

    def _call_back(self, job: Job, urls: tuple[str, str]) -> None:
        """Tell the caller how the task goes, as long as it listens."""
        for since, event in EVENTS:
            while self.progress(job) < since:
                if self.book.closing.wait(LOOK_SECONDS):
                    return
            told = "error" if since == DONE and job.ending.partition(":")[0] in FAILURES else event
            songs = songs_of(job, {"text": "TEXT_SUCCESS", "first": "FIRST_SUCCESS"}.get(told, "SUCCESS"), urls)
            body = json.dumps(callback(job, told, songs), ensure_ascii=False).encode()
            if not self.courier.deliver(job.id, told, job.asked["callBackUrl"], body, {}):
                job.callback_failed = True
                return

    def _unknown(self, rest: str) -> Response:
        return _refuse(404, f"No handler for {request.method} /{rest}")


def _refuse(code: int, text: str) -> Response:
    return jsonify(envelope(None, code=code, text=text))
