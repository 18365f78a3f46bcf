"""A vendor is told what its work needs: for whom a gift is, and what is known of them, only who writes the poem."""

from dataclasses import replace
from typing import cast

import pytest

from providers.base import Credentials, GenerationRequest, InstantProvider, JobProvider
from providers.kinds import ProviderKind
from providers.registry import open_provider, runs_jobs
from tests.emulator.server import Emulator
from tests.providers.wires import CANARY, CLIP, SONG, VOICE

POEM = "Шумит прибой, и чайка кружит,\nи лето не уходит прочь."
PERSON = {"recipient": "Зиновия", "details": "собирает наутилусов"}


@pytest.mark.parametrize(
    ("kind", "request_"),
    [(ProviderKind.SPEECHKIT, VOICE), (ProviderKind.SUNO, SONG), (ProviderKind.PIKA, CLIP)],
    ids=["SPEECHKIT", "SUNO", "PIKA"],
)
def test_who_reads_sings_or_films_a_poem_is_not_told_for_whom(
    kind: ProviderKind, request_: GenerationRequest, emulator: Emulator
) -> None:
    emulator.rooms[kind].add_key("canary", CANARY)
    asked = replace(request_, poem=POEM, brief=replace(request_.brief, **PERSON))
    provider = open_provider(kind, Credentials(CANARY, emulator.base_url(kind)))

    if runs_jobs(kind):
        cast(JobProvider, provider).submit(asked)
    else:
        cast(InstantProvider, provider).generate(asked)

    (seen,) = emulator.requests
    said = f"{seen.path} {seen.headers} {seen.body}"
    assert "прибой" in said
    assert not any(told in said for told in PERSON.values())
