"""PIKA: the catalogue, the balance and the jobs of api.dev.pika.art, as public clients know them."""

import json
import secrets
import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Blueprint, Response, g, jsonify, request

from providers.kinds import ProviderKind
from tests.emulator.callbacks import Courier
from tests.emulator.delivery import answer_of, deliver
from tests.emulator.jobs import Job, JobRoom, file_of
from tests.emulator.media_files import clip_mp4
from tests.emulator.pika_answers import record, status_of
from tests.emulator.pika_catalog import CATALOGUE, Operation, fault_of
from tests.emulator.pika_scenarios import BUSY_TEXT, SCENARIOS
from tests.emulator.pika_uploads import Uploads
from tests.emulator.pika_webhooks import Webhooks
from tests.emulator.state import Book, Charge, Fault, Key

EARLY_ACCESS = "early_access"
SLOW_JOB_SECONDS = 3600.0
LOOK_SECONDS = 0.02
MAX_TOKEN_LENGTH = 200
#: A file is refused to a caller who shows a key, or who is known for nothing but his library.
LIBRARY_AGENTS = ("python-requests", "python-urllib", "curl", "axios", "node-fetch")
OPEN_ROUTES = ("catalogue", "operation", "quote", "file", "put_upload", "unknown")


class PikaRoom(JobRoom):
    """``credit`` of a key is in millionths of a dollar: held while a job runs, charged if it ends well.

    The ledger has a job from its submit on, unless it is one that fails. ``most_jobs`` run at a time for a key.
    ``webhooks.add(url)`` sets an endpoint up. A key with the right ``early_access`` sees more of ``catalogue``.
    """

    kind: ClassVar[ProviderKind] = ProviderKind.PIKA
    auth_headers: ClassVar[tuple[tuple[str, str], ...]] = (("X-API-Key", ""),)
    #: Of five seconds at 720p.
    price: ClassVar[int] = 200_000
    scenarios: ClassVar[Mapping[str, tuple[tuple[str, ...], Fault]]] = SCENARIOS

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.catalogue: tuple[Operation, ...] = CATALOGUE
        self.most_jobs = 20
        self.courier = Courier(book.closing)
        self.webhooks = Webhooks(self.courier)
        self.uploads = Uploads()
        self._of_token: dict[tuple[str, str], tuple[str, Job]] = {}

    def blueprint(self) -> Blueprint:
        routes = Blueprint("pika", __name__)
        routes.before_request(self._meet)
        routes.after_request(self._part)
        routes.add_url_rule("/billing/balance", "balance", self._balance)
        routes.add_url_rule("/catalog/apis", "catalogue", self._catalogue)
        routes.add_url_rule("/catalog/apis/<path:api_id>/quote", "quote", self._quote, methods=["POST"])
        routes.add_url_rule("/catalog/apis/<path:api_id>", "operation", self._operation)
        routes.add_url_rule("/v1/media/uploads", "upload", self._upload, methods=["POST", "DELETE"])
        routes.add_url_rule("/uploads/<name>", "put_upload", self._put_upload, methods=["PUT"])
        routes.add_url_rule("/v1/media/jobs/<job_id>", "job", self._job, methods=["GET", "DELETE"])
        routes.add_url_rule("/v1/media/jobs/<job_id>/content", "content", self._content)
        routes.add_url_rule("/v1/media/<path:api_id>", "submit", self._submit, methods=["POST"])
        routes.add_url_rule("/v1/webhooks/deliveries", "deliveries", self._deliveries)
        routes.add_url_rule("/files/<name>", "file", self._file)
        routes.add_url_rule("/<path:rest>", "unknown", self._unknown, methods=["GET", "POST", "PUT", "DELETE"])
        return routes

    def open_job(self, key: Key, job_id: str, *, model: str = "pika/pika-2.5/text-to-video") -> Job:
        """A job of ``key`` that nobody ordered over the wire: uncharged, and with no webhook."""
        return self.keep(Job(job_id, key, model, {}, "", self.job_seconds, 0))

    def _meet(self) -> Response | None:
        route = (request.endpoint or "").rpartition(".")[2]
        g.key = self.note(route, request)
        g.fault = self.take_fault(route, g.key)
        if g.fault.status is not None:
            return answer_of(g.fault)
        return None if g.key is not None or route in OPEN_ROUTES else _refuse(401, "Unauthorized")

    def _part(self, response: Response) -> Response:
        response.headers.setdefault("X-Request-ID", secrets.token_hex(16))
        return deliver(response, self.book)

    def _balance(self) -> Response:
        balance = 10**9 if g.key.credit is None else self._free_credit(g.key)
        return jsonify({"balance_micro_usd": balance, "postpaid": {"active": False, "cycle": None}})

    def _catalogue(self) -> Response:
        return jsonify({"apis": [operation.row for operation in self.catalogue if self._shows(operation)]})

    def _operation(self, api_id: str) -> Response:
        operation = self._find(api_id)
        return jsonify(operation.detail) if operation else _refuse(404, "Unknown api")

    def _quote(self, api_id: str) -> Response:
        operation = self._find(api_id)
        if operation is None:
            return _refuse(404, "Unknown api")
        asked: Any = request.get_json(silent=True)
        if fault := fault_of(asked, operation):
            return _refuse(422, fault)
        cost = operation.cost(asked)
        return jsonify({"micro_usd": cost, "sell_usd": f"{cost / 1e6:g}"})

    def _submit(self, api_id: str) -> Response:
        operation = self._find(api_id)
        if operation is None or operation.is_alias:
            return _refuse(404, "Unknown operation")
        asked: Any = request.get_json(silent=True)
        token = request.headers.get("Idempotency-Key")
        if token is not None and not (0 < len(token) <= MAX_TOKEN_LENGTH and token.isprintable()):
            return _refuse(422, "Idempotency-Key is malformed")
        said = json.dumps([api_id, asked], sort_keys=True)
        with self.book.lock:
            known = self._of_token.get((g.key.name, token)) if token else None
            if known:
                return self._shown(known[1]) if known[0] == said else _refuse(409, "Idempotency-Key body mismatch")
            if fault := fault_of(asked, operation):
                return _refuse(422, fault)
            if (running := self._running_jobs(g.key)) >= self.most_jobs:
                return _refuse(429, BUSY_TEXT.format(count=running), {"Retry-After": "1"})
            job = self._take(operation, asked, token)
            if token:
                self._of_token[g.key.name, token] = said, job
        if self.webhooks.endpoints:
            threading.Thread(target=self._announce, args=(job,), daemon=True).start()
        return self._shown(job)

    def _take(self, operation: Operation, asked: dict[str, Any], token: str | None) -> Job:
        """A job for ``asked``, charged if it will end well; one without the money for it has failed at once."""
        cost = operation.cost(asked)
        slow = g.fault.shape == "slow"
        ending = g.fault.shape.partition("fail:")[2]
        seconds = SLOW_JOB_SECONDS if slow else self.job_seconds
        if g.key.credit is not None and self._free_credit(g.key) < cost:
            ending, seconds = "insufficient_balance", 0.0
        job = self.keep(Job(_new_id(), g.key, operation.api_id, asked, ending, seconds, cost))
        if not ending:
            self._bill(job, token)
        return job

    def _bill(self, job: Job, token: str | None) -> None:
        if job.key.credit is not None:
            job.key.credit -= job.cost
        self.book.ledger.append(Charge(self.kind, job.key.name, job.model, token, job.created_at))

    def _free_credit(self, key: Key) -> int:
        """The balance less what running jobs hold that will not be charged in the end."""
        held = sum(job.cost for job in self.jobs.values() if job.key is key and job.ending and self.is_running(job))
        return (key.credit or 0) - held

    def _running_jobs(self, key: Key) -> int:
        return sum(1 for job in self.jobs.values() if job.key is key and self.is_running(job))

    def _job(self, job_id: str) -> Response:
        job = self._own_job(job_id)
        if job is None:
            return _refuse(404, "Job not found")
        if request.method == "DELETE":
            with self.book.lock:
                del self.jobs[job_id]
            return Response(status=204)
        return self._shown(job)

    def _shown(self, job: Job) -> Response:
        return jsonify(record(job, self._status(job), self.file_url(f"{job.id}.mp4"), g.fault.shape))

    def _status(self, job: Job) -> str:
        return status_of(job, self.progress(job))

    def _content(self, job_id: str) -> Response:
        job = self._own_job(job_id)
        if job is None:
            return _refuse(404, "Job not found")
        if self._status(job) != "completed":
            return _refuse(409, "Content is not ready")
        return jsonify({"url": self.file_url(f"{job.id}.mp4")})

    def _file(self, name: str) -> Response:
        job = self.jobs.get(name.removesuffix(".mp4"))
        agent = request.headers.get("User-Agent", "").lower()
        if "X-API-Key" in request.headers or agent.startswith(LIBRARY_AGENTS):
            return answer_of(SCENARIOS["link_refused"][1])
        if job is None or self._status(job) != "completed" or not self.link_is_good(job):
            return answer_of(SCENARIOS["link_gone"][1])
        return file_of(clip_mp4(), "video/mp4")

    def _upload(self) -> Response:
        if request.method == "DELETE":
            return Response(status=204 if self.uploads.forget(request.args.get("url", "")) else 404)
        return self.uploads.grant(request.get_json(silent=True), request.root_url + self.kind.lower())

    def _put_upload(self, name: str) -> Response:
        return self.uploads.receive(name, request)

    def _deliveries(self) -> Response:
        source = request.args.get("source_id")
        rows = [row for row in self.webhooks.deliveries if source in (None, row["source_id"])]
        return jsonify({"results": rows, "next_cursor": None})

    def _announce(self, job: Job) -> None:
        while self._status(job) in ("queued", "running"):
            if self.book.closing.wait(LOOK_SECONDS):
                return
        self.webhooks.tell(job, self._status(job))

    def _find(self, api_id: str) -> Operation | None:
        return next((one for one in self.catalogue if one.api_id == api_id and self._shows(one)), None)

    def _shows(self, operation: Operation) -> bool:
        return not operation.is_gated or (g.key is not None and EARLY_ACCESS in g.key.rights)

    def _own_job(self, job_id: str) -> Job | None:
        job = self.jobs.get(job_id)
        return job if job and job.key is g.key else None

    def _unknown(self, rest: str) -> Response:
        return _refuse(404, f"Cannot {request.method} /{rest}")


def _new_id() -> str:
    return f"media_01{secrets.token_hex(12)}"


def _refuse(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    response = jsonify({"message": text})
    response.status_code = status
    response.headers.update(headers or {})
    return response
