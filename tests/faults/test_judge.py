"""The judge sees each promise that is broken, and no other."""

from collections import Counter
from dataclasses import replace

import pytest

from domain.orders.models import AttemptState, StageReason, StageState
from providers.kinds import ProviderKind, StageType
from tests.faults.judge import Evidence, StageFacts, broken_promises

POEM, VOICE, SONG, CLIP = StageType
SUNO, PIKA = ProviderKind.SUNO, ProviderKind.PIKA
ANSWERED, LOST, REFUSED = AttemptState.ANSWERED, AttemptState.LOST, AttemptState.REFUSED
SONG_DONE = StageFacts(1, SONG, StageState.DONE)
UNDECIDED = {
    "state": StageState.ATTENTION,
    "reason": "answer_lost",
    "attempts": (LOST,),
    "lost_because": ("unavailable",),
}
FAILED = {"state": StageState.FAILED, "reason": "unreadable_answer", "attempts": (LOST,) * 2, "charges": 0}
BLOCKED = {"state": StageState.BLOCKED, "attempts": (), "charges": 0}
RIGHT = Evidence(frozenset({1}), frozenset({1}), (SONG_DONE,))


def judge(**changed: object) -> list[str]:
    return broken_promises(replace(RIGHT, **changed))  # type: ignore[arg-type]


def judge_stage(**changed: object) -> list[str]:
    """Of a stage that is changed so, and of what else is known."""
    known = {name: changed.pop(name) for name in ("garbled", "silent", "workers_struck") if name in changed}
    return judge(stages=(replace(SONG_DONE, **changed),), **known)  # type: ignore[arg-type]


def test_what_is_right_is_let_pass() -> None:
    assert broken_promises(RIGHT) == []
    assert judge_stage(attempts=(REFUSED, ANSWERED)) == []
    assert judge_stage(stage_type=POEM, attempts=(LOST, ANSWERED), charges=2) == []
    assert judge_stage(**UNDECIDED, silent=Counter({SUNO: 1})) == []
    assert judge_stage(**UNDECIDED | {"lost_because": (StageReason.WORKER_GONE,)}, workers_struck=1) == []
    assert judge_stage(**FAILED, garbled=Counter({SUNO: 1})) == []
    assert judge_stage(**BLOCKED, poem=StageState.ATTENTION) == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (judge(stored=frozenset()), "gone"),
        (judge(stored=frozenset({1, 2})), "twice, or for nobody"),
        (judge(unrecorded=("SUNO x",)), "nobody wrote down"),
        (judge(locked=1), "locked"),
        (judge(at_once=("SONG of order 1",)), "at the same time"),
        (judge_stage(charges=2), "charged 2 times, and 1"),
        (judge_stage(charges=2, attempts=(LOST, ANSWERED)), "charged 2 times, and 1"),
        (judge_stage(stage_type=POEM, charges=2), "charged 2 times, and 1"),
        (judge_stage(stage_type=VOICE, charges=3, attempts=(LOST, LOST, ANSWERED)), "charged 3 times, and 2"),
        (judge_stage(state=StageState.QUEUED), "stands still"),
        (judge_stage(**BLOCKED, poem=StageState.DONE), "stands still"),
        (judge_stage(charges=0), "nobody was paid"),
        (judge_stage(damage="its file is gone"), "its file is gone"),
        (judge_stage(**UNDECIDED), "no answer was lost"),
        (judge_stage(**UNDECIDED, silent=Counter({PIKA: 1}), workers_struck=1), "no answer was lost"),
        (
            judge_stage(**UNDECIDED | {"lost_because": (StageReason.WORKER_GONE,)}, silent=Counter({SUNO: 1})),
            "no answer was lost",
        ),
        (judge_stage(**UNDECIDED | {"lost_because": ()}, silent=Counter({SUNO: 1})), "no answer was lost"),
        (
            judge_stage(**UNDECIDED | {"lost_because": ("job_unknown",)}, silent=Counter({SUNO: 1})),
            "no answer was lost",
        ),
        (judge_stage(**FAILED, garbled=Counter({PIKA: 1})), "bears nobody out"),
        (judge_stage(**FAILED | {"reason": "rejected"}, garbled=Counter({SUNO: 3})), "bears nobody out"),
        (judge_stage(state=StageState.WAITING, reason="rejected", attempts=(), charges=0), "stands still"),
    ],
)
def test_what_is_wrong_is_told(wrong: list[str], sentence: str) -> None:
    assert len(wrong) == 1
    assert sentence in wrong[0]
