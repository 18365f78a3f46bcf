"""One cheap generation at each provider for which a key is in the environment; costs a little money each time."""

import time
from pathlib import Path

import pytest

from domain.generation.prompts import poem_instructions, poem_prompt
from providers.base import Brief, Credentials, GenerationRequest
from providers.http.download import download
from providers.kinds import ALLOWED_PROVIDERS, ProviderKind, StageType
from providers.media.types import Medium
from providers.registry import open_instant_provider, open_job_provider, open_provider, runs_jobs
from settings import FALLBACK_KEYS
from tests.conftest import production_settings
from tests.machine_environment import KEPT

pytestmark = pytest.mark.live

BRIEF = Brief("Анна", "60 лет", "любит море", "тепло", "ru")
POEM = "Море шумит у порога,\nАнне сегодня светло."
STAGE_OF = {kind: stage_type for stage_type, kinds in ALLOWED_PROVIDERS.items() for kind in kinds}
SECONDS_BETWEEN_LOOKS = 15


def request_for(kind: ProviderKind, model: str) -> GenerationRequest:
    return GenerationRequest(
        stage_type=STAGE_OF[kind],
        model=model,
        brief=BRIEF,
        token=f"live{time.time_ns()}",
        instructions=poem_instructions(BRIEF),
        prompt=poem_prompt(BRIEF),
        poem=POEM,
        callback_url="https://quatrain.invalid/callbacks/live",
    )


@pytest.mark.parametrize("kind", STAGE_OF)
def test_a_real_key_passes_lists_its_models_and_makes_a_work(kind: ProviderKind, tmp_path: Path) -> None:
    variable = FALLBACK_KEYS[kind].upper()
    key = KEPT.get(variable)
    if not key:
        pytest.skip(f"{kind}: {variable} is not set")
    base_url = KEPT.get(f"{kind}_BASE_URL") or production_settings().base_url(kind)
    credentials = Credentials(key.strip(), base_url)
    stage_type = STAGE_OF[kind]

    open_provider(kind, credentials).check_key(stage_type)
    models = open_provider(kind, credentials).list_models(stage_type)
    assert models
    open_provider(kind, credentials).prove(stage_type, models[0])
    if not runs_jobs(kind):
        result = open_instant_provider(kind, credentials).generate(request_for(kind, models[0]))
        assert result.text if stage_type is StageType.POEM else len(result.media or b"") > 1000
        return

    provider = open_job_provider(kind, credentials)
    ticket = provider.submit(request_for(kind, models[0]))
    until = time.monotonic() + provider.longest_seconds
    while (status := open_job_provider(kind, credentials).poll(ticket.job_id)).media is None:
        assert status.error is None, status.error
        assert time.monotonic() < until, f"{kind}: job {ticket.job_id} takes too long"
        time.sleep(SECONDS_BETWEEN_LOOKS)
    medium: Medium = "audio" if stage_type is StageType.SONG else "video"
    with (tmp_path / "work").open("w+b") as file:
        assert download(status.media.url, file, kind=kind, medium=medium, base_url=base_url).size_bytes > 1000
