"""The DUMMY provider: real works with no key, no network and no cost, and every failure on request.

Words in the brief's recipient, occasion or details, in small or capital letters, ask for a failure:

  !unavailable     Unavailable          !rejected        KeyRejected
  !rate-limited    RateLimited          !no-permission   PermissionMissing
  !unreadable      InvalidResponse      !no-credit       CreditExhausted
  !blocked         ContentBlocked       !region          RegionRefused
  !refused         RequestRefused       !slow 20         waits 20 seconds (100 at most), then makes the work

``@`` and a stage limit a word to that stage: ``!blocked@SONG``, ``!slow@CLIP 20``. A failure comes after the wait.
The markers get into no work. There is no memory between calls: what fails once fails each time.
"""

from collections.abc import Callable
from typing import ClassVar

from providers import errors
from providers.base import Credentials, GenerationRequest, GenerationResult, Limits, Proof
from providers.dummy.markers import apply_markers, without_markers
from providers.dummy.poem import write_haiku, write_verse
from providers.dummy.song import sing
from providers.dummy.video import film
from providers.dummy.voice import read_aloud
from providers.kinds import ProviderKind, StageType

MODELS: dict[StageType, tuple[str, ...]] = {
    StageType.POEM: ("dummy-verse", "dummy-haiku"),
    StageType.VOICE: ("dummy-voice-low", "dummy-voice-high"),
    StageType.SONG: ("dummy-song-major", "dummy-song-minor"),
    StageType.CLIP: ("dummy-clip-sea", "dummy-clip-sunset"),
}

MAKERS: dict[StageType, tuple[Callable[[str, str], bytes], str]] = {
    StageType.VOICE: (read_aloud, "audio/wav"),
    StageType.SONG: (sing, "audio/wav"),
    StageType.CLIP: (film, "video/mp4"),
}


class Dummy:
    """Fits ``providers.base.InstantProvider``. The same request gives the same work."""

    kind: ClassVar[ProviderKind] = ProviderKind.DUMMY
    paid: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits()
    lists_models: ClassVar[bool] = True
    proof: ClassVar[Proof] = Proof.NONE

    def __init__(self, credentials: Credentials) -> None:
        """``credentials`` are not looked at."""

    def check_key(self, stage_type: StageType) -> None:
        """Any key will do, and none."""

    def prove(self, stage_type: StageType, model: str) -> None:
        """Raise ``ModelNotFound`` for a model that is not listed; the others always generate."""
        if model not in MODELS[stage_type]:
            raise errors.ModelNotFound(self.kind, "no such model")

    def list_models(self, stage_type: StageType) -> tuple[str, ...]:
        return MODELS[stage_type]

    def generate(self, request: GenerationRequest) -> GenerationResult:
        """Make the work in this process, or raise what the brief asks for. ``ModelNotFound`` for a model not listed."""
        if request.model not in MODELS[request.stage_type]:
            raise errors.ModelNotFound(self.kind, "no such model")
        apply_markers(request.brief, request.stage_type)
        if request.stage_type is StageType.POEM:
            write = write_haiku if request.model == "dummy-haiku" else write_verse
            text = write(without_markers(request.brief))
            return GenerationResult(model=request.model, text=text, usage={"characters": len(text)})
        make, content_type = MAKERS[request.stage_type]
        return GenerationResult(
            model=request.model,
            media=make(request.poem, request.model),
            content_type=content_type,
            usage={"characters": len(request.poem)},
        )
