"""Everything that can be wrong at SUNO, by name; ``Room.play`` and ``Key.scenario`` take these names."""

from typing import Any

from tests.emulator.state import ANY_ROUTE, Fault

EVERYWHERE = (ANY_ROUTE,)
#: What needs a key: not the files.
CALLS = ("credit", "generate", "record")
SUBMITTING = ("generate",)
LOOKING = ("record",)
FILES = ("file",)

RATE_TEXT = "Your call frequency is too high. Please try again later."
CREDIT_TEXT = "The current credits are insufficient. Please top up."
GATEWAY_PAGE = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>"


def _code(code: int, text: str, *, status: int = 200) -> Fault:
    body: dict[str, Any] = {"code": code, "msg": text, "data": None}
    return Fault(status=status, body=body)


def _ending(name: str) -> Fault:
    return Fault(shape=name)


SCENARIOS: dict[str, tuple[tuple[str, ...], Fault]] = {
    # the key
    "revoked": (CALLS, _code(401, "You do not have access permissions")),
    "revoked_with_status": (CALLS, _code(401, "You do not have access permissions", status=401)),
    # money and pace
    "no_credit": (SUBMITTING, _code(429, CREDIT_TEXT)),
    "no_credit_with_status": (SUBMITTING, _code(429, CREDIT_TEXT, status=429)),
    "no_credit_402": (SUBMITTING, _code(402, "Insufficient credits")),
    "rate_limited": (CALLS, _code(430, RATE_TEXT)),
    "rate_limited_405": (CALLS, _code(405, "Rate limit exceeded")),
    "rate_limited_by_status": (CALLS, Fault(status=429, body="Too Many Requests")),
    # the request
    "bad_parameters": (SUBMITTING, _code(400, "Invalid parameters")),
    "no_callback": (SUBMITTING, _code(422, "Please enter callBackUrl.")),
    "conflict": (SUBMITTING, _code(409, "Conflict")),
    "too_long": (SUBMITTING, _code(413, "The prompt is too long")),
    "media_not_fetched": (SUBMITTING, _code(451, "Failed to fetch the source")),
    # the provider
    "maintenance": (CALLS, _code(455, "The system is under maintenance")),
    "server_error": (CALLS, _code(500, "Server exception")),
    "failed_and_refunded": (SUBMITTING, _code(531, "Generation failed, credits refunded")),
    "unknown_code": (CALLS, _code(599, "What is this")),
    "html_502": (CALLS, Fault(status=502, body=GATEWAY_PAGE)),
    "html_503": (CALLS, Fault(status=503, body=GATEWAY_PAGE)),
    "not_json": (CALLS, Fault(status=200, body="<html>Welcome to the hotel's network</html>")),
    "redirect": (CALLS, Fault(status=307, body="", headers={"Location": "https://elsewhere.example/"})),
    # how a task ends, or does not
    "blocked": (SUBMITTING, _ending("SENSITIVE_WORD_ERROR")),
    "not_created": (SUBMITTING, _ending("CREATE_TASK_FAILED")),
    "failed": (SUBMITTING, _ending("GENERATE_AUDIO_FAILED")),
    "failed_with_refund": (SUBMITTING, _ending("GENERATE_AUDIO_FAILED:531")),
    "callback_exception": (SUBMITTING, _ending("CALLBACK_EXCEPTION")),
    "unheard_of": (SUBMITTING, _ending("MASTERING")),
    "slow_job": (SUBMITTING, Fault(shape="slow")),
    # what is known of a task
    "task_forgotten": (LOOKING, Fault(status=200, body={"code": 200, "msg": "success", "data": None})),
    "task_not_found": (LOOKING, _code(404, "Task not found")),
    "record_invalid": (LOOKING, _code(422, "recordInfo is null")),
    # the files
    "link_refused": (FILES, Fault(status=403, body="<Error><Code>AccessDenied</Code></Error>")),
    "link_gone": (FILES, Fault(status=404, body="<Error><Code>NoSuchKey</Code></Error>")),
    # the way back
    "slow": (CALLS, Fault(delay=3)),
    "lost": (CALLS, Fault(cut=True)),
    "cut_body": (EVERYWHERE, Fault(cut_body=True)),
    "drip": (EVERYWHERE, Fault(drip=0.1)),
    "drip_headers": (EVERYWHERE, Fault(drip=0.1, drip_headers=True)),
}
