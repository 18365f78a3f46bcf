"""What the logs never hold."""

import pytest

from web.logs import HIDDEN, Redactor

CANARY = "CANARY/0123456789+abc"


def test_a_known_value_is_taken_out_wherever_it_stands() -> None:
    redactor = Redactor([CANARY])

    event = redactor(
        None, "info", {"event": f"sent {CANARY}", "deep": {"list": [CANARY]}, "url": "CANARY%2F0123456789%2Babc"}
    )

    assert "CANARY" not in str(event)
    assert event["event"] == f"sent {HIDDEN}"


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer abcdef0123456789",
        "Api-Key AQVNabcdefghij0123456789",
        "sk-proj-abcdef0123456789",
        "AIzaSyA0123456789abcdefghij",
        "https://provider.example/v1?key=abcdef0123456789&x=1",
    ],
)
def test_what_has_the_shape_of_a_key_is_taken_out(secret: str) -> None:
    cleaned = Redactor().clean(f"request failed: {secret}")

    assert HIDDEN in cleaned
    assert "0123456789" not in cleaned


def test_plain_words_and_numbers_stay() -> None:
    event = {"event": "check finished", "models": 12, "candidate": False, "stage_type": "POEM", "task": None}

    assert Redactor(["short"])(None, "info", dict(event)) == event
