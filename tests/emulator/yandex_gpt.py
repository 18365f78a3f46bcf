"""YANDEX_GPT: ``/v1/models``, ``/v1/chat/completions`` and the native ``/foundationModels/v1/completion``."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Blueprint, Response, g, jsonify, request

from providers.kinds import ProviderKind
from tests.emulator import yandex_gpt_answers as answers
from tests.emulator.delivery import answer_of, deliver
from tests.emulator.state import Book, Fault, Key, Room
from tests.emulator.yandex_gpt_answers import FOLDER, Model
from tests.emulator.yandex_gpt_requests import Refusal, mismatch, prompt_of, refusal_of, refusal_of_model
from tests.emulator.yandex_gpt_scenarios import DENIED, NO_KEY, SCENARIOS

#: The role without which a key may list and not generate.
GENERATE = "ai.languageModels.user"
NO_LIMIT = 10**6

CATALOGUE = (
    Model("text-embeddings-v2-doc/latest", scheme="emb"),
    Model("text-search-query/latest", scheme="emb"),
    Model("yandex-art/latest", scheme="art"),
    Model("aliceai-llm/latest"),
    Model("aliceai-llm-flash/latest"),
    Model("gpt-oss-120b/latest", owner="OpenAI"),
    Model("qwen3.6-35b-a3b/latest", owner="Alibaba"),
    Model("speech-realtime-260528/latest"),
    Model("yandexgpt-lite/deprecated"),
    Model("yandexgpt-lite/latest"),
    Model("yandexgpt/latest"),
    Model("yandexgpt/rc"),
    Model("yandexgpt-lite/latest@tamrexample0suffix0"),
)


class YandexGPTRoom(Room):
    """All keys belong to ``folder``; without the right ``ai.languageModels.user`` they list and may not generate.

    ``catalogue`` may be replaced at any time. ``lists_for_anyone``: an unknown key gets a list of nobody's folder.
    """

    kind: ClassVar[ProviderKind] = ProviderKind.YANDEX_GPT
    base_path: ClassVar[str] = "/v1"
    root_path: ClassVar[str | None] = ""
    auth_headers: ClassVar[tuple[tuple[str, str], ...]] = (("Authorization", "Api-Key "), ("Authorization", "Bearer "))
    scenarios: ClassVar[Mapping[str, tuple[tuple[str, ...], Fault]]] = SCENARIOS

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.catalogue: tuple[Model, ...] = CATALOGUE
        self.folder = FOLDER
        self.lists_for_anyone = False

    def add_key(self, name: str, secret: str, **features: Any) -> Key:
        return super().add_key(name, secret, **{"rights": frozenset({GENERATE}), **features})

    def blueprint(self) -> Blueprint:
        routes = Blueprint("yandex_gpt", __name__)
        routes.before_request(self._meet)
        routes.after_request(self._part)
        routes.add_url_rule("/v1/models", "models", self._models)
        routes.add_url_rule("/v1/chat/completions", "chat", self._chat, methods=["POST"])
        routes.add_url_rule("/foundationModels/v1/completion", "native", self._native, methods=["POST"])
        routes.add_url_rule("/<path:rest>", "unknown", self._unknown, methods=["GET", "POST", "PUT", "DELETE"])
        return routes

    def _meet(self) -> Response | None:
        route = (request.endpoint or "").rpartition(".")[2]
        g.key = self.note(route, request)
        g.fault = self.take_fault(route, g.key)
        if g.fault.status is not None:
            return answer_of(g.fault)
        if g.key is None and not (route == "models" and self.lists_for_anyone):
            return _refuse((401, self._wrong_key()))
        asked_for = request.headers.get("OpenAI-Project") or request.headers.get("x-folder-id")
        if asked_for and asked_for != self.folder:
            return _refuse((400, mismatch(asked_for, self.folder)))
        may_generate = g.key is None or GENERATE in g.key.rights
        return None if may_generate or route not in ("chat", "native") else _refuse((403, DENIED))

    def _part(self, response: Response) -> Response:
        response.headers.setdefault("x-request-id", str(uuid.uuid4()))
        response.headers.setdefault("x-server-trace-id", secrets.token_hex(8))
        if said := request.headers.get("x-client-request-id"):
            response.headers.setdefault("x-client-request-id", said)
        return deliver(response, self.book)

    def _wrong_key(self) -> str:
        secret = self._secret_of(request)
        return f"Unknown api key '{secret[:4]}****{secret[-4:]} (00000000)'" if secret else NO_KEY

    def _models(self) -> Response:
        folder = "<folder_id>" if g.key is None or g.fault.shape == "placeholder" else self.folder
        return jsonify({"object": "list", "data": [model.row(folder) for model in self.catalogue]})

    def _chat(self) -> Response:
        asked: Any = request.get_json(silent=True)
        if refusal := refusal_of(asked, model="model", text="content"):
            return _refuse(refusal)
        limit = asked.get("max_completion_tokens") or asked.get("max_tokens") or NO_LIMIT
        draft = self._write(asked["model"], prompt_of(asked, "content"), limit)
        return draft if isinstance(draft, Response) else jsonify(answers.completion(draft, g.fault.shape))

    def _native(self) -> Response:
        asked: Any = request.get_json(silent=True)
        if refusal := refusal_of(asked, model="modelUri", text="text"):
            return _refuse(refusal)
        options = asked.get("completionOptions") or {}
        draft = self._write(asked["modelUri"], prompt_of(asked, "text"), int(options.get("maxTokens") or NO_LIMIT))
        return draft if isinstance(draft, Response) else jsonify(answers.native_completion(draft, g.fault.shape))

    def _write(self, uri: str, prompt: str, limit: int) -> answers.Draft | Response:
        """What the model makes of ``prompt``, charged; or the refusal, which costs nothing."""
        model = next((model for model in self.catalogue if model.uri(self.folder) == uri), None)
        if refusal := refusal_of_model(uri, self.folder, model):
            return _refuse(refusal)
        assert model is not None
        if request.path.endswith("/completion") and not model.is_native:
            return _refuse((400, f"Failed to get model {uri}"))
        draft = answers.write_poem(model, uri, prompt, limit)
        if not self.charge(g.key, uri, request.headers.get("x-client-request-id"), tokens=limit):
            # An account that owes money looks like a key without its role.
            return _refuse((403, DENIED))
        return draft

    def _unknown(self, rest: str) -> Response:
        return Response("404 page not found", 404, content_type="text/plain; charset=utf-8")


def _refuse(refusal: Refusal) -> Response:
    status, text = refusal
    is_native = request.path.endswith("/completion")
    response = jsonify(answers.native_error(status, text) if is_native else answers.error(status, text))
    response.status_code = status
    return response
