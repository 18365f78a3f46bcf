"""How long to wait, in every way that a provider says it."""

from datetime import UTC, datetime

import pytest
import time_machine
from requests.structures import CaseInsensitiveDict

from providers.http.retry_after import seconds_to_wait

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


def wait(headers: dict[str, str], text: str = "", *, status: int = 429) -> float | None:
    return seconds_to_wait(status, CaseInsensitiveDict(headers), text)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "20"}, 20),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "86400"}, 3600),
        ({"Retry-After": "999999999999"}, 3600),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "Retry-After": "20"}, 1.5),
        ({"retry-after-ms": "soon", "Retry-After": "20"}, 20),
        ({"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30),
        ({"Retry-After": "Fri, 20 Nov 2026 12:00:30 -0000"}, 30),
        ({"Retry-After": "Fri, 20 Nov 2026 11:00:00 GMT"}, 1),
        ({"x-ratelimit-reset-requests": "12ms"}, 1),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-reset-requests": "1h2m3.5s"}, 3600),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "8s"}, 8),
        (
            {
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "8s",
                "x-ratelimit-remaining-tokens": "100",
            },
            2,
        ),
        ({"Retry-After": "20", "x-ratelimit-reset-requests": "6m0s"}, 20),
    ],
)
def test_headers_say_how_long(headers: dict[str, str], expected: float) -> None:
    with time_machine.travel(NOW, tick=False):
        assert wait(headers) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Limit 30000. Please try again in 3.89s. Visit https://…", 3.89),
        ("Please try again in 6m0s.", 360),
        ("please try again in 20ms", 1),
        ("Please try again in a while", None),
        ("", None),
    ],
)
def test_words_say_how_long_where_no_header_does(text: str, expected: float | None) -> None:
    assert wait({}, text) == expected
    assert wait({"Retry-After": "7"}, text) == 7


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "inf", "1e9", "0x10", "99999999999999999999", "²"])
def test_what_is_no_time_is_no_hint(value: str) -> None:
    assert wait({"Retry-After": value}) is None
    assert wait({"retry-after-ms": value}) is None
    assert wait({"x-ratelimit-reset-tokens": value}) is None


def test_a_limit_that_was_not_hit_makes_no_outage_longer() -> None:
    headers = {"x-ratelimit-reset-requests": "6m0s"}

    assert wait(headers, "Please try again in 3.89s", status=503) is None
    assert wait({"Retry-After": "5", **headers}, status=503) == 5
