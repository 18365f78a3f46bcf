"""SPEECHKIT: ``/speech/v1/tts:synthesize`` and ``/tts/v3/utteranceSynthesis``."""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Blueprint, Response, g, jsonify, request

from providers.kinds import ProviderKind
from tests.emulator.delivery import answer_of, deliver
from tests.emulator.speechkit_answers import FOLDER, lines, v1_error, v3_error
from tests.emulator.speechkit_requests import (
    fault_of_v1,
    fault_of_v3,
    hint_of,
    sound_format_of_v3,
    words_of_v3,
)
from tests.emulator.speechkit_scenarios import SCENARIOS
from tests.emulator.speechkit_sound import RATE, read_aloud
from tests.emulator.state import Fault, Key, Room

SCOPE = "yc.ai.speechkitTts.execute"
BROAD_SCOPE = "yc.ai.foundationModels.execute"
V3_UNIT_CHARACTERS = 250

_CONTENT_TYPES = {"mp3": "audio/mpeg", "oggopus": "audio/ogg", "lpcm": "application/octet-stream"}


class SpeechKitRoom(Room):
    """Keys have the right ``SCOPE`` or ``BROAD_SCOPE``, and the folder of ``speechkit_answers.FOLDER``.

    A charge has as ``units`` characters in v1, and 250 of them in v3. A key without credit has an account that is not
    paid; the answer is the same as without the right.
    """

    kind: ClassVar[ProviderKind] = ProviderKind.SPEECHKIT
    auth_headers: ClassVar[tuple[tuple[str, str], ...]] = (("Authorization", "Api-Key "),)
    scenarios: ClassVar[Mapping[str, tuple[tuple[str, ...], Fault]]] = SCENARIOS

    def add_key(self, name: str, secret: str, **features: Any) -> Key:
        return super().add_key(name, secret, **{"rights": frozenset({SCOPE}), **features})

    def blueprint(self) -> Blueprint:
        routes = Blueprint("speechkit", __name__)
        routes.before_request(self._meet)
        routes.after_request(self._part)
        routes.add_url_rule("/speech/v1/tts:synthesize", "v1", self._v1, methods=["POST"])
        routes.add_url_rule("/tts/v3/utteranceSynthesis", "v3", self._v3, methods=["POST"])
        routes.add_url_rule("/<path:rest>", "unknown", self._unknown, methods=["GET", "POST", "PUT", "DELETE"])
        return routes

    def _meet(self) -> Response | None:
        route = (request.endpoint or "").rpartition(".")[2]
        g.key = self.note(route, request)
        g.fault = self.take_fault(route, g.key)
        if g.fault.status is not None:
            return answer_of(g.fault)
        if g.fault.shape.startswith("refuse:"):
            return _refuse(int(g.fault.shape.removeprefix("refuse:")))
        if g.key is None:
            return _refuse(16)
        return None if g.key.rights & {SCOPE, BROAD_SCOPE} else _refuse(7)

    def _part(self, response: Response) -> Response:
        response.headers.setdefault("x-request-id", secrets.token_hex(16))
        response.headers.setdefault("x-server-trace-id", f"{secrets.token_hex(8)}:{secrets.token_hex(8)}:0:1")
        return deliver(response, self.book)

    def _v1(self) -> Response:
        form = request.form
        if fault := fault_of_v1(form, request.content_length or 0):
            return _refuse(3, fault)
        if form.get("folderId", FOLDER) != FOLDER:
            return _refuse(7)
        text = form.get("text", form.get("ssml", ""))
        # An empty request is billed as one character too.
        if not self._bill(form.get("voice", "marina"), max(len(text), 1)):
            return _refuse(7)
        sound_format = "oggopus" if g.fault.shape == "other_format" else form.get("format", "oggopus")
        sound = read_aloud(text, sound_format, int(form.get("sampleRateHertz", RATE)))
        return Response(sound, content_type=_CONTENT_TYPES[sound_format])

    def _v3(self) -> Response:
        asked: Any = request.get_json(silent=True)
        if fault := fault_of_v3(asked):
            return _refuse(3, fault)
        if request.headers.get("x-folder-id", FOLDER) != FOLDER:
            return _refuse(3, "Folder of the service account differs")
        text = words_of_v3(asked)
        # The vendor does not charge for its own errors.
        is_free = g.fault.shape.startswith(("error_line", "error_after_sound"))
        units = max(-(-len(text) // V3_UNIT_CHARACTERS), 1)
        if not is_free and not self._bill(hint_of(asked, "voice", "marina"), units):
            return _refuse(7)
        sound = read_aloud(text, "oggopus" if g.fault.shape == "other_format" else sound_format_of_v3(asked))
        return Response(lines(text, sound, g.fault.shape), content_type="application/json")

    def _bill(self, voice: str, units: int) -> bool:
        return self.charge(g.key, voice, request.headers.get("x-client-request-id"), units)

    def _unknown(self, rest: str) -> Response:
        return Response("404 page not found", status=404, content_type="text/plain")


def _refuse(code: int, text: str = "") -> Response:
    is_v3 = (request.endpoint or "").endswith(".v3")
    status, body = (v3_error if is_v3 else v1_error)(code, text)
    response = jsonify(body)
    response.status_code = status
    return response
