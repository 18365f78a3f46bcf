"""SPEECHKIT: poems read aloud by Yandex SpeechKit, as MP3.

Follows yandex.cloud/docs/speechkit/tts/request (v1) and .../tts-v3/api-ref/Synthesizer/utteranceSynthesis (v3). The
older API speaks its own voices at a simpler wire and bills by the character; the others exist in v3 alone.
"""

import base64
import json
import re
import time
import uuid
from typing import ClassVar
from urllib.parse import urlencode

from providers.base import Credentials, GenerationRequest, GenerationResult, Limits, Proof
from providers.errors import InvalidResponse, ModelNotFound, OutcomeUnknown, RequestRefused, TransientError
from providers.http.answers import ErrorAnswer, RawAnswer, get_path
from providers.http.client import ProviderHttp
from providers.kinds import ProviderKind, StageType
from providers.media import mp3
from providers.media.types import TELLING_BYTES, media_type_of
from providers.speechkit.errors import error_in_a_line, read_error
from providers.speechkit.splitting import parts_of
from providers.speechkit.voices import DEFAULT_VOICE, V1_VOICES, VOICES

MP3 = "audio/mpeg"

V1_PATH = "/speech/v1/tts:synthesize"
V3_PATH = "/tts/v3/utteranceSynthesis"

#: Of one request, of both APIs; in v3 only with ``unsafeMode``, which bills by each 250 of them.
MAX_CHARACTERS = 5000
#: The v1 body may have 15 KB, and a Cyrillic letter takes six bytes of it.
MAX_FORM_BYTES = 15_000

#: Of an answer of v3: a piece of the sound each, or the times of a word.
MAX_LINES = 10_000
_LINE = re.compile(rb"\S[^\n]*")

#: One character, because the vendor has no free call that needs the key.
CHECK_TEXT = "а"

#: Never given to a request, however long the ones before it took.
_MIN_SECONDS = 1.0


class SpeechKit:
    """One request to the vendor for a poem that fits into it; a longer one is read in parts and joined."""

    kind: ClassVar[ProviderKind] = ProviderKind.SPEECHKIT
    paid: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(calls=40, seconds=1)
    lists_models: ClassVar[bool] = False
    proof: ClassVar[Proof] = Proof.CHARACTER

    #: How long a whole answer may take; of a generation, all its parts together.
    check_seconds: ClassVar[float] = 15
    generation_seconds: ClassVar[float] = 120

    def __init__(self, credentials: Credentials) -> None:
        # No folder is sent: the vendor takes that of the key, and refuses another.
        self._http = ProviderHttp(self.kind, credentials, auth=("Authorization", "Api-Key "), read_error=read_error)

    def check_key(self, stage_type: StageType) -> None:  # noqa: ARG002  # it serves one stage
        """Have one character read. It is billed as one character: the vendor has no free call that needs the key."""
        answer = self._http.post_for_bytes(
            V1_PATH,
            _form(CHECK_TEXT, DEFAULT_VOICE),
            content_type="application/x-www-form-urlencoded",
            seconds=self.check_seconds,
            repeatable=True,
        )
        self._refuse_what_is_no_sound(answer.body, answer)

    def prove(self, stage_type: StageType, model: str) -> None:
        """As ``check_key``, which has something read already: one right is asked for all voices."""
        if model not in VOICES:
            raise ModelNotFound(self.kind, "no such voice")
        self.check_key(stage_type)

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:  # noqa: ARG002
        """The voices of the documentation, Russian ones first. No call is made, so they prove nothing of the key."""
        return VOICES

    def generate(self, request: GenerationRequest) -> GenerationResult:
        """Read ``request.poem`` aloud. A poem over the limit of one request takes several, each charged by itself.

        A later part that fails has lost what the earlier ones cost, so its passing error is an ``OutcomeUnknown``:
        asking again pays for all parts again. A ``SettingsError`` or ``ContentError`` stays what it is.
        """
        if request.stage_type is not StageType.VOICE:
            raise RequestRefused(self.kind, "voice only")
        voice = request.model
        if voice not in VOICES:
            raise ModelNotFound(self.kind, "no such voice")
        parts = parts_of(request.poem, _fits_v1 if voice in V1_VOICES else _fits_v3)
        if not parts:
            raise RequestRefused(self.kind, "no text")
        recordings, request_id = self._read_aloud(parts, voice, request.token)
        return GenerationResult(
            model=voice,
            media=mp3.joined(recordings),
            content_type=MP3,
            request_id=request_id,
            usage={"characters": sum(map(len, parts))},
        )

    def _read_aloud(self, parts: list[str], voice: str, token: str) -> tuple[list[bytes], str | None]:
        """The recordings of ``parts`` in order, and the vendor's id of the last call."""
        recordings: list[bytes] = []
        request_id = None
        seconds, ends_at = self.generation_seconds, time.monotonic() + self.generation_seconds
        speak = self._speak_v1 if voice in V1_VOICES else self._speak_v3
        for part in parts:
            loss = None
            try:
                sound, request_id = speak(part, voice, token, seconds)
            except TransientError as error:
                if not recordings or isinstance(error, InvalidResponse):
                    raise
                loss = _loss(error)
            if loss:
                raise loss
            recordings.append(sound)
            seconds = max(ends_at - time.monotonic(), _MIN_SECONDS)
        return recordings, request_id

    def _speak_v1(self, text: str, voice: str, token: str, seconds: float) -> tuple[bytes, str | None]:
        answer = self._http.post_for_bytes(
            V1_PATH,
            _form(text, voice),
            content_type="application/x-www-form-urlencoded",
            seconds=seconds,
            headers=_for_support(token),
        )
        self._refuse_what_is_no_sound(answer.body, answer)
        return answer.body, answer.request_id

    def _speak_v3(self, text: str, voice: str, token: str, seconds: float) -> tuple[bytes, str | None]:
        payload = {
            "text": text,
            "hints": [{"voice": voice}],
            "outputAudioSpec": {"containerAudio": {"containerAudioType": "MP3"}},
            "unsafeMode": True,
        }
        answer = self._http.post_for_bytes(
            V3_PATH,
            json.dumps(payload).encode(),
            content_type="application/json",
            seconds=seconds,
            headers=_for_support(token),
        )
        sound = self._sound_of_lines(answer)
        self._refuse_what_is_no_sound(sound, answer)
        return sound, answer.request_id

    def _sound_of_lines(self, answer: RawAnswer) -> bytes:
        """The sound in an answer of newline-delimited JSON; its ``error`` if one of the lines is one."""
        sound = bytearray()
        for number, text in enumerate(_LINE.finditer(answer.body)):
            if number == MAX_LINES:
                raise self._unreadable("too many lines", answer)
            line = answer.redaction.json(text[0])
            if get_path(line, "error") is not None:
                error = error_in_a_line(ErrorAnswer(self.kind, 200, {}, line, answer.request_id, retry_after=None))
                # Whether sound that came before a fault is billed is said nowhere, so we take it that it is.
                raise _loss(error) if sound and isinstance(error, TransientError) else error
            if not isinstance(get_path(line, "result"), dict):
                raise self._unreadable("not lines of JSON", answer)
            sound += self._sound_of(get_path(line, "result", "audioChunk", "data"), answer)
        return answer.redaction.data(bytes(sound))

    def _sound_of(self, data: object, answer: RawAnswer) -> bytes:
        if data is None:
            return b""  # a line that only tells the times of words
        try:
            if isinstance(data, str):
                return base64.b64decode(data, validate=True)
        except ValueError:
            pass
        raise self._unreadable("not base64", answer)

    def _refuse_what_is_no_sound(self, sound: bytes, answer: RawAnswer) -> None:
        if media_type_of(sound[:TELLING_BYTES], "audio") != MP3 or not mp3.is_mp3(sound):
            raise self._unreadable("no MP3", answer)

    def _unreadable(self, detail: str, answer: RawAnswer) -> InvalidResponse:
        return InvalidResponse(self.kind, detail, status=200, request_id=answer.request_id)


def _form(text: str, voice: str) -> bytes:
    # `lang` is left out: the language follows the voice, and the present page allows ru-RU alone.
    return urlencode({"text": text, "voice": voice, "format": "mp3"}).encode()


def _fits_v1(text: str) -> bool:
    return len(text) <= MAX_CHARACTERS and len(_form(text, max(VOICES, key=len))) <= MAX_FORM_BYTES


def _fits_v3(text: str) -> bool:
    return len(text) <= MAX_CHARACTERS


def _for_support(token: str) -> dict[str, str]:
    """The vendor's support finds a call by this id, which must be a UUID; it makes no call idempotent."""
    try:
        call_id = uuid.UUID(token)
    except ValueError:
        call_id = uuid.uuid5(uuid.NAMESPACE_OID, token)
    return {"x-client-request-id": str(call_id)}


def _loss(error: TransientError) -> OutcomeUnknown:
    return OutcomeUnknown(
        error.kind, error.detail, status=error.status, retry_after=error.retry_after, request_id=error.request_id
    )
