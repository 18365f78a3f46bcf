"""The API against its own description: all that it allows, and much that it does not, made by schemathesis."""

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from providers.kinds import StageType
from tests import builders
from tests.hostile.conftest import on_one_database
from tests.hostile.tally import Tally

ORIGIN = "what the API describes, and what not"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
OPERATIONS = (
    ("POST", "/api/v1/orders"),
    ("GET", "/api/v1/orders/{order_id}"),
    ("GET", "/api/v1/orders/{order_id}/works/{stage_type}"),
    ("GET", "/api/v1/stages"),
)

pytestmark = [
    on_one_database,
    pytest.mark.usefixtures("messages"),
    # schemathesis reads the file of an answer to its end, and leaves it open.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def made(app: Flask) -> None:
    """An order whose works are there, so that not every answer is 404: it is the first."""
    with app.app_context():
        for stage_type in (StageType.POEM, StageType.VOICE):
            builders.working_section(stage_type)
        order_id = builders.place_order(frozenset({StageType.POEM, StageType.VOICE})).id
        for stage_type in (StageType.POEM, StageType.VOICE):
            builders.run(order_id, stage_type)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("examples", [12, pytest.param(100, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "not allowed"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[" ".join(each) for each in OPERATIONS])
def test_answers_are_as_described(
    app: Flask, token: str, tally: Tally, method: str, path: str, mode: GenerationMode, examples: int
) -> None:
    operation: APIOperation = schemathesis.openapi.from_wsgi("/api/openapi.json", app)[path][method]

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def call(case: Case) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        tally.answered(case.as_curl_command(), answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    call()
