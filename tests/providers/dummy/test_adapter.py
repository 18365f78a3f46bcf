"""The DUMMY provider as an adapter: its models, and the failures that a brief can ask for."""

from dataclasses import replace
from typing import Any

import pytest

from providers import errors
from providers.base import Brief, Credentials, GenerationRequest
from providers.dummy.adapter import MODELS, Dummy
from providers.kinds import ProviderKind, StageType
from providers.registry import needs_key

BRIEF = Brief(recipient="Анна", occasion="день рождения", details="любит горы", tone="тёплый", language="ru")

MARKERS = [
    ("!unavailable", errors.Unavailable),
    ("!rejected", errors.KeyRejected),
    ("!no-permission", errors.PermissionMissing),
    ("!no-credit", errors.CreditExhausted),
    ("!region", errors.RegionRefused),
    ("!rate-limited", errors.RateLimited),
    ("!blocked", errors.ContentBlocked),
    ("!refused", errors.RequestRefused),
    ("!unreadable", errors.InvalidResponse),
]


def request(
    stage_type: StageType = StageType.POEM, model: str | None = None, brief: Brief = BRIEF, **fields: Any
) -> GenerationRequest:
    return GenerationRequest(
        stage_type=stage_type, model=model or MODELS[stage_type][0], brief=brief, token="attempt-1", **fields
    )


@pytest.fixture
def dummy() -> Dummy:
    return Dummy(Credentials(api_key="", base_url=""))


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits in seconds that were asked of the clock, none of which passes."""
    seconds: list[float] = []
    monkeypatch.setattr("providers.dummy.markers.time.sleep", seconds.append)
    return seconds


def test_it_needs_no_key_and_costs_nothing(dummy: Dummy) -> None:
    assert (Dummy.kind, Dummy.paid, Dummy.lists_models) == (ProviderKind.DUMMY, False, True)
    assert [kind for kind in ProviderKind if not needs_key(kind)] == [ProviderKind.DUMMY]
    for stage_type in StageType:
        dummy.check_key(stage_type)


def test_every_stage_has_models_of_its_own(dummy: Dummy) -> None:
    listed = [model for stage_type in StageType for model in dummy.list_models(stage_type)]

    assert len(listed) == len(set(listed)) == 8
    assert dummy.list_models(StageType.POEM) == ("dummy-verse", "dummy-haiku")


@pytest.mark.parametrize("model", ["", "gpt-5", "dummy-voice-low"])
def test_a_model_that_is_not_listed_for_the_stage_is_not_found(dummy: Dummy, model: str) -> None:
    with pytest.raises(errors.ModelNotFound):
        dummy.generate(replace(request(), model=model))
    with pytest.raises(errors.ModelNotFound):
        dummy.prove(StageType.POEM, model)


@pytest.mark.parametrize("stage_type", list(StageType))
@pytest.mark.parametrize(("marker", "error"), MARKERS)
def test_a_marker_raises_its_own_error_at_every_stage(
    dummy: Dummy, stage_type: StageType, marker: str, error: type[errors.ProviderError]
) -> None:
    with pytest.raises(errors.ProviderError) as raised:
        dummy.generate(request(stage_type, brief=replace(BRIEF, details=f"любит горы {marker}")))

    assert type(raised.value) is error
    assert (raised.value.kind, raised.value.detail) == (ProviderKind.DUMMY, "asked for by the brief")


@pytest.mark.parametrize("field", ["recipient", "occasion", "details"])
def test_a_marker_counts_in_small_and_capital_letters_in_each_of_the_three_fields(dummy: Dummy, field: str) -> None:
    with pytest.raises(errors.ContentBlocked):
        dummy.generate(request(brief=replace(BRIEF, **{field: "Анна !BLOCKED, и всё"})))


def test_a_marker_for_one_stage_fails_that_stage_alone(dummy: Dummy) -> None:
    brief = replace(BRIEF, details="любит горы !blocked@song !no-credit@Clip")

    with pytest.raises(errors.ContentBlocked):
        dummy.generate(request(StageType.SONG, brief=brief))
    with pytest.raises(errors.CreditExhausted):
        dummy.generate(request(StageType.CLIP, brief=brief))
    assert dummy.generate(request(StageType.POEM, brief=brief)).text


@pytest.mark.parametrize(
    "details", ["Ура!blocked", "!blockedly", "!blocked-ish", "blocked", "! blocked", "!blocked@TEA"]
)
def test_what_only_looks_like_a_marker_fails_nothing(dummy: Dummy, details: str) -> None:
    assert dummy.generate(request(brief=replace(BRIEF, details=details))).text


def test_a_marker_in_the_prompt_is_only_text(dummy: Dummy) -> None:
    assert dummy.generate(request(prompt="!blocked", instructions="!refused", poem="!unreadable")).text


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        ("!slow 20", [20]),
        ("!SLOW@poem 7", [7]),
        ("!slow 0.5", [0.5]),
        ("!slow", [20]),
        ("!slow 5000", [100]),
        ("!slow 3 !slow 8", [8]),
        ("!slow@CLIP 20", []),
        ("!slow 0", []),
        ("slowly", []),
    ],
)
def test_a_slow_brief_waits_as_long_as_it_says_and_then_gets_its_work(
    dummy: Dummy, waited: list[float], details: str, seconds: list[float]
) -> None:
    result = dummy.generate(request(brief=replace(BRIEF, details=details)))

    assert waited == seconds
    assert result.text


def test_a_failure_comes_after_the_wait(dummy: Dummy, waited: list[float]) -> None:
    with pytest.raises(errors.Unavailable):
        dummy.generate(request(brief=replace(BRIEF, details="!unavailable !slow 9")))

    assert waited == [9]


def test_the_same_brief_fails_each_time(dummy: Dummy) -> None:
    brief = replace(BRIEF, details="!unavailable 2")

    for _ in range(3):
        with pytest.raises(errors.Unavailable):
            dummy.generate(request(brief=brief))


@pytest.mark.parametrize("model", MODELS[StageType.POEM])
def test_markers_leave_no_trace_in_the_poem(dummy: Dummy, waited: list[float], model: str) -> None:
    marked = replace(
        BRIEF,
        recipient="!refused@SONG Анна",
        occasion="день рождения !slow 3",
        details="!no-credit@CLIP любит горы !slow@VOICE 20",
    )

    assert dummy.generate(request(model=model, brief=marked)).text == dummy.generate(request(model=model)).text


def test_the_result_names_its_model_and_counts_its_characters(dummy: Dummy) -> None:
    result = dummy.generate(request(model="dummy-haiku"))

    assert result.model == "dummy-haiku"
    assert result.text is not None
    assert result.text.count("\n") == 2
    assert (result.media, result.content_type) == (None, "text/plain")
    assert result.usage == {"characters": len(result.text)}
