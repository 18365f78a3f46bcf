"""OPENAI: ``/v1/models``, ``/v1/responses`` and ``/v1/chat/completions``."""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Blueprint, Response, g, jsonify, request

from providers.kinds import ProviderKind
from tests.emulator import openai_answers as answers
from tests.emulator.delivery import answer_of, deliver
from tests.emulator.openai_answers import Model, error
from tests.emulator.openai_requests import (
    prompt_of_chat,
    prompt_of_response,
    refusal_by_model,
    refusal_of_chat,
    refusal_of_response,
)
from tests.emulator.openai_scenarios import ORGANIZATION, RATE_LIMIT_HEADERS, SCENARIOS, SCOPES_TEXT
from tests.emulator.state import Book, Fault, Key, Room

LIST, GENERATE = "api.model.read", "model.request"
NO_LIMIT = 10**6

CATALOGUE = (
    Model("gpt-5.4", 1772600000),
    Model("gpt-5.4-pro", 1772600100),
    Model("gpt-5.4-mini", 1772600200),
    Model("gpt-5-codex", 1757500000),
    Model("gpt-4.1", 1744316542),
    Model("gpt-4o-mini", 1721172741, snapshot="gpt-4o-mini-2024-07-18"),
    Model("o3-pro", 1748475349),
    Model("o4-mini", 1744225351),
    Model("chatgpt-4o-latest", 1723515131),
    Model("ft:gpt-4o-mini-2024-07-18:example::AbCdEf", 1730000000, owned_by="org-example"),
    Model("gpt-3.5-turbo-instruct", 1692901427),
    Model("gpt-4o-search-preview", 1741388170),
    Model("gpt-4o-audio-preview", 1727460443),
    Model("gpt-realtime", 1756271701),
    Model("gpt-image-1", 1745517030),
    Model("gpt-4-0314", 1687882410, shutdown_date="2024-06-13"),
    Model("text-embedding-3-large", 1705953180),
    Model("omni-moderation-latest", 1731689265),
    Model("gpt-4o-mini-transcribe", 1742068463),
    Model("tts-1-hd", 1699046015),
    Model("whisper-1", 1677532384, owned_by="openai-internal"),
    Model("dall-e-3", 1698785189),
    Model("sora-2", 1759708615),
    Model("davinci-002", 1692634301),
)


class OpenAIRoom(Room):
    """Keys have the rights ``api.model.read`` and ``model.request``.

    ``catalogue`` may be replaced at any time. ``knows_only_max_tokens`` turns the place into a gateway from before
    ``max_completion_tokens``.
    """

    kind: ClassVar[ProviderKind] = ProviderKind.OPENAI
    base_path: ClassVar[str] = "/v1"
    scenarios: ClassVar[Mapping[str, tuple[tuple[str, ...], Fault]]] = SCENARIOS

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.catalogue: tuple[Model, ...] = CATALOGUE
        self.knows_only_max_tokens = False

    def add_key(self, name: str, secret: str, **features: Any) -> Key:
        return super().add_key(name, secret, **{"rights": frozenset({LIST, GENERATE}), **features})

    def blueprint(self) -> Blueprint:
        routes = Blueprint("openai", __name__)
        routes.before_request(self._meet)
        routes.after_request(self._part)
        routes.add_url_rule("/models", "models", self._models)
        routes.add_url_rule("/models/<path:model_id>", "model", self._model)
        routes.add_url_rule("/responses", "responses", self._responses, methods=["POST"])
        routes.add_url_rule("/chat/completions", "chat", self._chat, methods=["POST"])
        routes.add_url_rule("/<path:rest>", "unknown", self._unknown, methods=["GET", "POST", "PUT", "DELETE"])
        return routes

    def _meet(self) -> Response | None:
        route = (request.endpoint or "").rpartition(".")[2]
        g.key = self.note(route, request)
        g.fault = self.take_fault(route, g.key)
        if g.fault.status is not None:
            return answer_of(g.fault)
        if g.key is None:
            return _refuse(401, self._wrong_key())
        right = LIST if route in ("models", "model") else GENERATE
        return None if right in g.key.rights else _refuse(403, error(SCOPES_TEXT.format(scope=right)))

    def _part(self, response: Response) -> Response:
        response.headers.setdefault("x-request-id", f"req_{secrets.token_hex(16)}")
        response.headers.setdefault("openai-version", "2020-10-01")
        response.headers.setdefault("openai-processing-ms", "12")
        if g.get("key") is not None:
            response.headers.setdefault("openai-organization", ORGANIZATION)
        return deliver(response, self.book)

    def _wrong_key(self) -> dict[str, Any]:
        secret = self._secret_of(request)
        if not secret:
            return error("You didn't provide an API key. You need to provide your API key in an Authorization header.")
        masked = f"{secret[:8]}{'*' * 8}{secret[-4:]}" if len(secret) > 12 else "*" * len(secret)
        return error(
            f"Incorrect API key provided: {masked}. "
            "You can find your API key at https://platform.openai.com/account/api-keys.",
            code="invalid_api_key",
        )

    def _models(self) -> Response:
        return jsonify({"object": "list", "data": [model.row for model in self.catalogue]})

    def _model(self, model_id: str) -> Response:
        model = self._find(model_id)
        return jsonify(model.row) if model else _refuse(404, _no_such_model(model_id))

    def _responses(self) -> Response:
        asked: Any = request.get_json(silent=True)
        if refusal := refusal_of_response(asked):
            return _refuse(*refusal)
        limit = asked.get("max_output_tokens") or NO_LIMIT
        draft = self._write(asked, prompt_of_response(asked), limit, chat=False)
        return draft if isinstance(draft, Response) else _done(answers.response(draft, asked, g.fault.shape))

    def _chat(self) -> Response:
        asked: Any = request.get_json(silent=True)
        if refusal := refusal_of_chat(asked):
            return _refuse(*refusal)
        if self.knows_only_max_tokens and "max_completion_tokens" in asked:
            text = "Unsupported parameter: 'max_completion_tokens' is not supported with this model."
            return _refuse(400, error(text, param="max_completion_tokens", code="unsupported_parameter"))
        limit = asked.get("max_completion_tokens") or asked.get("max_tokens") or NO_LIMIT
        draft = self._write(asked, prompt_of_chat(asked), limit, chat=True)
        return draft if isinstance(draft, Response) else _done(answers.completion(draft, g.fault.shape))

    def _write(self, asked: dict[str, Any], prompt: str, limit: int, *, chat: bool) -> answers.Draft | Response:
        """What the model makes of ``prompt``, charged; or the refusal, which costs nothing."""
        model = self._find(asked["model"])
        if model is None:
            return _refuse(404, _no_such_model(asked["model"]))
        if not self.knows_only_max_tokens and (refusal := refusal_by_model(asked, model, chat=chat)):
            return _refuse(*refusal)
        draft = answers.write_poem(model, prompt, limit)
        if g.fault.shape.startswith("failed:"):
            return draft
        if not self.charge(g.key, model.id, request.headers.get("X-Client-Request-Id"), tokens=limit):
            return answer_of(SCENARIOS["insufficient_quota"][1])
        return draft

    def _find(self, model_id: object) -> Model | None:
        return next((model for model in self.catalogue if model.id == model_id), None)

    def _unknown(self, rest: str) -> Response:
        return _refuse(404, error(f"Invalid URL ({request.method} {self.base_path}/{rest})"))


def _no_such_model(model_id: object) -> dict[str, Any]:
    return error(f"The model `{model_id}` does not exist or you do not have access to it.", code="model_not_found")


def _done(body: dict[str, Any]) -> Response:
    response = jsonify(body)
    response.headers.update(RATE_LIMIT_HEADERS)
    return response


def _refuse(status: int, body: dict[str, Any]) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response
