"""What programs send as an order: any JSON, what is nearly JSON, and naughty strings in every field."""

import gzip
import json
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.test import TestResponse

from domain.db import db
from domain.orders.models import Order
from domain.orders.rules import FIELDS, LIMITS
from tests.database_kinds import on_both_databases
from tests.hostile.conftest import on_one_database
from tests.hostile.strings import strings_for
from tests.hostile.tally import Tally
from tests.web.api.conftest import ORDER
from tests.web.conftest import json_of
from web.api.errors import FAULTS
from web.i18n.messages import ORDER_FAULTS

ORIGIN = "bodies of the API"
VOICE = {**ORDER, "stages": ["VOICE"], "poem": "Море"}

Api = Callable[..., TestResponse]

pytestmark = pytest.mark.usefixtures("messages")


def said_no(answer: TestResponse) -> bool:
    """Whether it is a refusal in the shape of the API, with a code that is described."""
    error = answer.json["error"] if answer.json else {}
    code = error.get("code")
    status = FAULTS[code][0] if code in FAULTS else 422 if code in ORDER_FAULTS else None
    return set(error) == {"code", "message", "field"} and bool(error["message"]) and status == answer.status_code


@on_both_databases
@pytest.mark.usefixtures("kinds")
def test_a_text_is_kept_as_it_was_sent_or_refused(api: Api, app: Flask, tally: Tally) -> None:
    for text in strings_for("body"):
        answer = api("POST", "/orders", json={**VOICE, **dict.fromkeys(LIMITS, text)})
        tally.answered(text, answer.status_code)
        if answer.status_code != 202:
            assert said_no(answer), text
            continue
        with app.app_context():
            order = db.session.scalars(select(Order).order_by(Order.id.desc()).limit(1)).one()
            for name in LIMITS:
                kept = getattr(order, name) or ""
                odd = any(unicodedata.category(each) in {"Cc", "Cs"} and each != "\n" for each in kept)
                tally.refuse_that((name, text), let_in=odd or len(kept) > LIMITS[name])
                as_sent = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\t", " ").strip())
                assert kept in (as_sent, ""), (name, text)


@on_one_database
@pytest.mark.usefixtures("kinds")
def test_no_text_is_a_language_a_stage_or_the_name_of_a_field(api: Api, tally: Tally) -> None:
    for text in strings_for("body, other"):
        for changes in ({"language": text}, {"stages": [text]}, {"stages": text}, {text: "x"}):
            answer = api("POST", "/orders", json={**ORDER, **changes})
            tally.answered(changes, answer.status_code)
            if changes == {"language": ""}:
                continue
            tally.refuse_that(changes, let_in=answer.status_code != 422)
            assert said_no(answer)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.sampled_from(["POEM", "VOICE", "ru", "\ud800", "\x00", 10**400, -(2**63)]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=10,
)
nearly_orders = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=20), anything, max_size=8)
quick = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@on_one_database
@pytest.mark.parametrize("examples", [60, pytest.param(300, marks=pytest.mark.thorough)])
def test_any_json_is_an_order_or_refused(api: Api, tally: Tally, examples: int) -> None:
    @settings(quick, max_examples=examples)
    @given(anything | nearly_orders | nearly_orders.map(lambda changes: {**VOICE, **changes}))
    def send(body: Any) -> None:
        answer = api("POST", "/orders", data=json.dumps(body), content_type="application/json")
        tally.answered(body, answer.status_code)
        assert answer.status_code == 202 or said_no(answer)
        if not isinstance(body, dict) or not set(body) <= set(FIELDS):
            assert answer.status_code in {400, 422}

    send()


WHOLE = json.dumps(VOICE, ensure_ascii=False).encode()


@on_one_database
def test_any_bytes_are_an_order_or_refused(api: Api, tally: Tally) -> None:
    cuts = st.tuples(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)), st.binary(max_size=8))
    broken = cuts.map(lambda cut: WHOLE[: cut[0]] + cut[2] + WHOLE[cut[1] :])

    @settings(quick, max_examples=200)
    @given(st.binary(max_size=200) | broken)
    @example(b"\xef\xbb\xbf" + WHOLE)
    @example(WHOLE + b"\x00")
    @example(WHOLE + WHOLE)
    @example(WHOLE.decode().encode("utf-16"))
    @example(WHOLE.decode().encode("cp1251"))
    @example(gzip.compress(WHOLE))
    @example(WHOLE.replace(b"{", b'{"poem": 1,'))
    @example(b'{"a":' * 5000 + b"1" + b"}" * 5000)
    @example(b"[" * 200_000)
    @example(b"1" * 5000)
    @example(b"-0")
    @example(b"Infinity")
    def send(body: bytes) -> None:
        answer = api("POST", "/orders", data=body, content_type="application/json")
        tally.answered(body, answer.status_code)
        if answer.status_code == 202:
            assert json.loads(body.decode())["stages"] == VOICE["stages"]
        else:
            assert said_no(answer)

    send()


@on_one_database
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "x"])
def test_a_compressed_body_is_refused_and_not_unpacked(api: Api, tally: Tally, encoding: str) -> None:
    packed = gzip.compress(b" " * 5_000_000)

    answer = api(
        "POST", "/orders", data=packed, content_type="application/json", headers={"Content-Encoding": encoding}
    )
    tally.answered(encoding, answer.status_code)

    assert said_no(answer)
    assert answer.status_code in {400, 415}


@on_one_database
def test_the_same_name_twice_is_refused_however_it_is_written(api: Api, tally: Tally) -> None:
    for name in ("recipient", "stages", "\\u0072ecipient"):
        body = WHOLE.replace(b"{", b'{"' + name.encode() + b'": ["POEM"], ', 1)
        answer = api("POST", "/orders", data=body, content_type="application/json")
        tally.answered(body, answer.status_code)
        assert json_of(answer)["error"]["code"] == "doubled_name"


@on_one_database
def test_a_very_long_address_is_answered(api: Api, tally: Tally) -> None:
    for path in (f"/orders/{'9' * 60_000}", f"/orders?{'a=b&' * 20_000}", f"/{'x/' * 20_000}"):
        for method in ("GET", "POST"):
            answer = api(method, path, json=ORDER) if method == "POST" else api(method, path)
            tally.answered((method, path), answer.status_code)
            assert answer.status_code == 202 or said_no(answer) or answer.status_code in {404, 405}
