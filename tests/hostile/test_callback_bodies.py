"""What anybody may say at the address where a provider calls, once the address is known."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.db import db
from domain.orders.models import Attempt, AttemptState, StageState
from providers.kinds import StageType
from tests.builders import stage_of
from tests.database_kinds import on_both_databases
from tests.hostile.strings import strings_for
from tests.hostile.tally import Tally
from tests.web.test_callbacks import TOKEN, job  # noqa: F401

ORIGIN = "calls in a provider's name"
SUNOS_IDS = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")

pytestmark = pytest.mark.usefixtures("messages")


@pytest.fixture
def lost(app: Flask, job: int) -> int:  # noqa: F811
    """The same song, but nobody knows its id at the provider: a call may name it."""
    with app.app_context():
        attempt = db.session.query(Attempt).one()
        attempt.state, attempt.job_id = AttemptState.UNCERTAIN, None
        stage_of(job, StageType.SONG).state = StageState.UNCERTAIN
        db.session.commit()
    return job


@on_both_databases
@pytest.mark.usefixtures("kinds")
def test_a_name_of_a_job_is_kept_or_not_heard(app: Flask, client: FlaskClient, lost: int, tally: Tally) -> None:
    for text in strings_for("task_id"):
        answer = client.post(f"/callbacks/{TOKEN}", json={"data": {"task_id": text, "callbackType": text}})
        tally.answered(text, answer.status_code)
        with app.app_context():
            hinted = db.session.query(Attempt).one().hinted_job_id or ""
        tally.refuse_that(text, let_in=answer.status_code != 204 or not set(hinted) <= SUNOS_IDS)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["data", "task_id", "x"]), inner),
    max_leaves=8,
)


def test_any_json_is_heard_and_changes_nothing(app: Flask, client: FlaskClient, lost: int, tally: Tally) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(anything | st.fixed_dictionaries({"data": st.fixed_dictionaries({"task_id": anything})}))
    def call(body: Any) -> None:
        answer = client.post(f"/callbacks/{TOKEN}", data=json.dumps(body))
        tally.answered(body, answer.status_code)
        assert answer.status_code == 204

    call()
    with app.app_context():
        assert stage_of(lost, StageType.SONG).state is StageState.UNCERTAIN
