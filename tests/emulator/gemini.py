"""GEMINI: ``/v1beta/models`` in pages, one model, and ``generateContent``."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Blueprint, Request, Response, g, jsonify, request

from providers.kinds import ProviderKind
from tests.emulator import gemini_answers as answers
from tests.emulator.delivery import answer_of, deliver
from tests.emulator.gemini_answers import Model, error
from tests.emulator.gemini_requests import (
    Refusal,
    in_camel_case,
    invalid,
    not_found,
    prompt_of,
    refusal_by_model,
    refusal_of,
)
from tests.emulator.gemini_scenarios import NO_KEY, SCENARIOS, WRONG_KEY
from tests.emulator.state import Book, Fault, Room

DEFAULT_PAGE, MAX_PAGE = 50, 1000

_EMBED = ("embedContent", "countTextTokens", "countTokens", "asyncBatchEmbedContent")
_PREVIEW = ("generateContent", "countTokens", "batchGenerateContent")

CATALOGUE = (
    Model("embedding-gecko-001", ("embedText", "countTextTokens"), input_limit=1024, output_limit=1),
    Model("gemini-2.5-flash", thinking=True),
    Model("gemini-2.5-pro", thinking=True),
    Model("gemini-2.0-flash", output_limit=8192),
    Model("gemini-2.5-flash-preview-tts", ("countTokens", "generateContent"), output_limit=16384),
    Model("gemma-3-27b-it", ("generateContent", "countTokens"), input_limit=131072, output_limit=8192),
    Model("gemini-flash-latest", thinking=True),
    Model("gemini-2.5-flash-image", _PREVIEW, input_limit=32768, output_limit=32768),
    Model("gemini-3-pro-preview", thinking=True),
    Model("gemini-robotics-er-1.5-preview", ("generateContent", "countTokens")),
    Model("gemini-2.5-computer-use-preview-10-2025", ("generateContent", "countTokens")),
    Model("gemini-embedding-001", _EMBED, input_limit=2048, output_limit=1),
    Model("aqa", ("generateAnswer",), input_limit=7168, output_limit=1024),
    Model("imagen-4.0-generate-001", ("predict",), input_limit=480, output_limit=8192),
    Model("veo-3.0-generate-001", ("predictLongRunning",), input_limit=480, output_limit=8192),
    Model("lyria-realtime-exp", ("generateContent", "bidiGenerateMusic")),
    Model("gemini-2.5-flash-native-audio-latest", ("countTokens", "bidiGenerateContent"), input_limit=131072),
    Model("gemini-live-2.5-flash-preview", ("generateContent", "bidiGenerateContent")),
)


class GeminiRoom(Room):
    """``catalogue`` may be replaced at any time; ``largest_page`` lowers how many rows one page may have."""

    kind: ClassVar[ProviderKind] = ProviderKind.GEMINI
    auth_headers: ClassVar[tuple[tuple[str, str], ...]] = (("x-goog-api-key", ""),)
    scenarios: ClassVar[Mapping[str, tuple[tuple[str, ...], Fault]]] = SCENARIOS

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.catalogue: tuple[Model, ...] = CATALOGUE
        self.largest_page = MAX_PAGE

    def blueprint(self) -> Blueprint:
        routes = Blueprint("gemini", __name__)
        routes.before_request(self._meet)
        routes.after_request(self._part)
        routes.add_url_rule("/v1beta/models", "models", self._models)
        routes.add_url_rule("/v1beta/models/<model_id>", "model", self._model)
        routes.add_url_rule("/v1beta/models/<model_id>:generateContent", "generate", self._generate, methods=["POST"])
        routes.add_url_rule("/<path:rest>", "unknown", self._unknown, methods=["GET", "POST", "PUT", "DELETE"])
        return routes

    def _secret_of(self, request: Request) -> str | None:
        return super()._secret_of(request) or request.args.get("key")

    def _meet(self) -> Response | None:
        route = (request.endpoint or "").rpartition(".")[2]
        g.key = self.note(route, request)
        g.fault = self.take_fault(route, g.key)
        if g.fault.status is not None:
            return answer_of(g.fault)
        if request.headers.get("Authorization") and self._secret_of(request):
            return _refuse(invalid("Multiple authentication credentials received. Please pass only one."))
        if g.key is None and not self._secret_of(request):
            return _refuse((403, error(403, "PERMISSION_DENIED", NO_KEY)))
        return _refuse(invalid(WRONG_KEY, *answers.reason("API_KEY_INVALID", WRONG_KEY))) if g.key is None else None

    def _part(self, response: Response) -> Response:
        return deliver(response, self.book)

    def _models(self) -> Response:
        size = request.args.get("pageSize", DEFAULT_PAGE, type=int)
        if size < 0:
            return _refuse(invalid("page_size must be non-negative."))
        start = _place_of(request.args.get("pageToken", ""))
        if start is None:
            return _refuse(invalid("Page token is invalid."))
        end = start + min(size or DEFAULT_PAGE, self.largest_page)
        body: dict[str, Any] = {"models": [model.row for model in self.catalogue[start:end]]}
        if g.fault.shape == "endless":
            body["nextPageToken"] = _token_of(secrets.randbelow(len(self.catalogue)))
        elif end < len(self.catalogue):
            body["nextPageToken"] = _token_of(end)
        return jsonify(body)

    def _model(self, model_id: str) -> Response:
        model = self._find(model_id)
        return jsonify(model.row) if model else _refuse((404, not_found(model_id)))

    def _generate(self, model_id: str) -> Response:
        asked: Any = in_camel_case(request.get_json(silent=True))
        if refusal := refusal_of(asked):
            return _refuse(refusal)
        model = self._find(model_id)
        if model is None:
            return _refuse((404, not_found(model_id)))
        if refusal := refusal_by_model(asked, model):
            return _refuse(refusal)
        limit = (asked.get("generationConfig") or {}).get("maxOutputTokens") or model.output_limit
        draft = answers.write_poem(model, prompt_of(asked), limit)
        # A prompt that was blocked never reached the model.
        if not g.fault.shape.startswith("prompt:") and not self.charge(g.key, model.id, None, tokens=limit):
            return answer_of(SCENARIOS["prepaid_429"][1])
        return jsonify(answers.content(draft, g.fault.shape))

    def _find(self, model_id: str) -> Model | None:
        return next((model for model in self.catalogue if model.id == model_id), None)

    def _unknown(self, rest: str) -> Response:
        # Their front door answers a path that it does not know with a page.
        return Response(f"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>/{rest}", 404, content_type="text/html")


def _token_of(place: int) -> str:
    return base64.urlsafe_b64encode(f"page:{place}".encode()).decode()


def _place_of(token: str) -> int | None:
    try:
        return int(base64.urlsafe_b64decode(token).removeprefix(b"page:") or b"0")
    except (ValueError, binascii.Error):
        return None


def _refuse(refusal: Refusal) -> Response:
    response = jsonify(refusal[1])
    response.status_code = refusal[0]
    return response
