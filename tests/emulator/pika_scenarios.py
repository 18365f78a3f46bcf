"""Everything that can be wrong at PIKA, by name; ``Room.play`` and ``Key.scenario`` take these names."""

from collections.abc import Mapping
from typing import Any

from tests.emulator.state import ANY_ROUTE, Fault

EVERYWHERE = (ANY_ROUTE,)
#: What needs a key; the catalogue and the files do not.
CALLS = ("balance", "submit", "job", "content", "upload")
SUBMITTING = ("submit",)
LOOKING = ("job",)
FILES = ("file",)

BUSY_TEXT = "concurrency limit exceeded: {count} video job(s) already in flight"
BALANCE_TEXT = "Insufficient org balance"
GATEWAY_PAGE = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>cloudflare</body>\r\n</html>"

#: By ``error.code`` of a failed job: its message.
JOB_FAILURES: dict[str, str] = {
    "content_moderation": "Your prompt was refused by content moderation",
    "insufficient_balance": BALANCE_TEXT,
    "cycle_limit_exceeded": "Invoice cycle limit exceeded",
    "usage_limit_exceeded": "Usage limit exceeded",
    "membership_required": "An active API Club membership is required",
    "admission_suspended": "Admission is suspended for this organization",
    "invalid_input": "The input cannot be priced",
    "rate_limited": "Too many requests",
    "provider_unavailable": "The provider is temporarily unavailable",
    "provider_timeout": "The provider timed out",
    "timed_out": "The job timed out",
    "provider_error": "The provider failed",
    "internal": "Internal error",
    "gremlins": "A code that nobody has documented",
}


def failed_job(code: str, job_id: str = "media_01FAILED") -> dict[str, Any]:
    """A job that has failed, as in its own record."""
    error = {"code": code, "message": JOB_FAILURES[code]}
    return {"id": job_id, "status": "failed", "output": None, "error": error}


def _message(status: int, text: str, headers: Mapping[str, str] | None = None) -> Fault:
    return Fault(status=status, body={"message": text}, headers=headers or {})


def _error(status: int, code: str) -> Fault:
    return Fault(status=status, body={"error": {"code": code, "message": JOB_FAILURES[code]}})


SCENARIOS: dict[str, tuple[tuple[str, ...], Fault]] = {
    # the key
    "revoked": (CALLS, _message(401, "Unauthorized")),
    "inactive": (CALLS, _message(403, "API key is inactive")),
    "suspended": (CALLS, _error(403, "admission_suspended")),
    # money and pace
    "no_credit": (SUBMITTING, Fault(status=402, body=failed_job("insufficient_balance"))),
    "no_credit_in_a_success": (SUBMITTING, Fault(status=200, body=failed_job("insufficient_balance"))),
    "no_credit_without_a_job": (SUBMITTING, _error(402, "insufficient_balance")),
    "no_membership": (SUBMITTING, _error(403, "membership_required")),
    "rate_limited": (CALLS, _message(429, "Too many requests", {"Retry-After": "7"})),
    "too_many_jobs": (SUBMITTING, _message(429, BUSY_TEXT.format(count=20), {"Retry-After": "30"})),
    "rate_limited_by_code": (CALLS, _error(429, "rate_limited")),
    # the request
    "no_such_operation": (SUBMITTING, _message(404, "Unknown operation")),
    "token_used_up": (SUBMITTING, _message(409, "Idempotency-Key was used with another body")),
    "invalid": (SUBMITTING, _message(422, "prompt: Field required")),
    "invalid_by_code": (SUBMITTING, _error(422, "invalid_input")),
    "blocked_at_once": (SUBMITTING, Fault(status=422, body=failed_job("content_moderation"))),
    "blocked_in_a_success": (SUBMITTING, Fault(status=200, body=failed_job("content_moderation"))),
    # the provider
    "unavailable": (CALLS, _message(503, "Service unavailable", {"Retry-After": "5"})),
    "unavailable_as_a_job": (SUBMITTING, Fault(status=503, body=failed_job("provider_unavailable"))),
    "server_error": (CALLS, _message(500, "Internal server error")),
    "html_502": (CALLS, Fault(status=502, body=GATEWAY_PAGE)),
    "not_json": (EVERYWHERE, Fault(status=200, body="<html>Welcome to the hotel's network</html>")),
    "redirect": (CALLS, Fault(status=307, body="", headers={"Location": "https://elsewhere.example/"})),
    # how a job ends, or does not
    **{f"fails_{code}": (SUBMITTING, Fault(shape=f"fail:{code}")) for code in JOB_FAILURES},
    "slow_job": (SUBMITTING, Fault(shape="slow")),
    # what is known of a job
    "unheard_of": (LOOKING, Fault(shape="status:rendering")),
    "several": (LOOKING, Fault(shape="videos")),
    "no_output": (LOOKING, Fault(shape="no_output")),
    "job_not_found": (LOOKING, _message(404, "Job not found")),
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
