"""Everything that can be wrong at YANDEX_GPT, by name; ``Room.play`` and ``Key.scenario`` take these names."""

from tests.emulator.state import ANY_ROUTE, Fault
from tests.emulator.yandex_gpt_answers import FOLDER, error, native_error
from tests.emulator.yandex_gpt_requests import mismatch

EVERYWHERE = (ANY_ROUTE,)
LISTING = ("models",)
GENERATING = ("chat", "native")

UNKNOWN_KEY = "Unknown api key 'AQVN****abcd (00000000)'"
NO_KEY = "IAM token or API key has to be passed in request"
DENIED = f"Permission to [resource-manager.folder {FOLDER}, resource-manager.cloud b1gexample00cloud0id] denied"


def _fault(status: int, text: str) -> Fault:
    return Fault(status=status, body=error(status, text))


SCENARIOS: dict[str, tuple[tuple[str, ...], Fault]] = {
    # the key
    "revoked": (EVERYWHERE, _fault(401, UNKNOWN_KEY)),
    "revoked_native": (EVERYWHERE, Fault(status=401, body=native_error(401, UNKNOWN_KEY))),
    "expired": (EVERYWHERE, _fault(401, "The apikey has expired 2026-09-01 00:00:00 +0000 UTC")),
    "no_key": (EVERYWHERE, _fault(401, NO_KEY)),
    "denied": (GENERATING, _fault(403, DENIED)),
    "denied_everywhere": (EVERYWHERE, _fault(403, DENIED)),
    # the folder, the model and the request
    "folder_mismatch": (GENERATING, _fault(400, mismatch("unknown", FOLDER))),
    "folder_mismatch_on_list": (LISTING, _fault(400, mismatch("unknown", FOLDER))),
    "bare_model_refused": (GENERATING, _fault(400, "Failed to parse model URI: yandexgpt")),
    "invalid_model_uri": (GENERATING, _fault(400, "invalid model_uri")),
    "no_such_model": (GENERATING, _fault(400, "Failed to get model")),
    "model_not_found": (GENERATING, _fault(404, "model not found")),
    "problem_json": (
        GENERATING,
        Fault(
            status=400,
            body={
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "detail": "Invalid model URI: x",
                "instance": "/v1/chat/completions",
            },
        ),
    ),
    "too_long": (GENERATING, _fault(400, "Number of input tokens must be no more than 8192, got 9136")),
    "bad_request": (GENERATING, _fault(400, "max_tokens: must be positive")),
    # pace
    "gauge": (
        GENERATING,
        _fault(429, "ai.textGenerationCompletionSessionsCount.count gauge quota limit exceed: allowed 10 requests"),
    ),
    "rate_limited": (
        GENERATING,
        _fault(429, "ai.textGenerationCompletionRequestsPerHour.rate rate quota limit exceed: allowed 100 requests"),
    ),
    # the provider
    "server_error": (EVERYWHERE, _fault(500, "Internal error")),
    "unimplemented": (EVERYWHERE, _fault(501, "unknown method")),
    "overloaded": (EVERYWHERE, _fault(503, "upstream connect error")),
    "deadline": (GENERATING, _fault(504, "context deadline exceeded")),
    "plain_404": (EVERYWHERE, Fault(status=404, body="404 page not found")),
    "html_502": (EVERYWHERE, Fault(status=502, body="<html><title>502 Bad Gateway</title></html>")),
    # what a 200 can hold
    "placeholder_list": (LISTING, Fault(shape="placeholder")),
    "content_filter": (GENERATING, Fault(shape="content_filter")),
    "polite_refusal": (GENERATING, Fault(shape="polite_refusal")),
    "incomplete": (GENERATING, Fault(shape="length")),
    "bare_model": (GENERATING, Fault(shape="bare_model")),
    "not_json": (EVERYWHERE, Fault(status=200, body="<html>Welcome to the hotel's network</html>")),
    # the way back
    "slow": (EVERYWHERE, Fault(delay=3)),
    "lost": (EVERYWHERE, Fault(cut=True)),
    "cut_body": (EVERYWHERE, Fault(cut_body=True)),
}
