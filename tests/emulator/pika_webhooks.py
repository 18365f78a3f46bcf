"""PIKA's webhooks: set up for the account, signed as standardwebhooks.com says, and logged.

Names of events and shape of the payload are not known; these are ours, and only good for waking somebody up.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from tests.emulator.callbacks import Courier, is_here
from tests.emulator.jobs import Job


@dataclass(frozen=True)
class Endpoint:
    """Where the webhooks of an account go. ``secret`` is ``whsec_`` and the key in base64."""

    id: str
    url: str
    secret: str = field(repr=False)


class Webhooks:
    """The endpoints, and a row for each delivery as ``GET /v1/webhooks/deliveries`` shows it."""

    def __init__(self, courier: Courier) -> None:
        self.endpoints: list[Endpoint] = []
        self.deliveries: list[dict[str, Any]] = []
        self._courier = courier

    def add(self, url: str) -> Endpoint:
        """Register ``url``, which must be on this machine."""
        if not is_here(url):
            raise ValueError(f"not on this machine: {url}")
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        endpoint = Endpoint(f"ep_{secrets.token_hex(8)}", url, secret)
        self.endpoints.append(endpoint)
        return endpoint

    def tell(self, job: Job, status: str) -> None:
        """Send to each endpoint that ``job`` has ended."""
        event = f"media.job.{status}"
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        payload = {"type": event, "timestamp": moment, "data": {"id": job.id, "status": status}}
        body = json.dumps(payload).encode()
        for endpoint in self.endpoints:
            before = len(self._courier.sent)
            arrived = self._courier.deliver(job.id, event, endpoint.url, body, signed_headers(endpoint.secret, body))
            self.deliveries.append(
                {
                    "endpoint_id": endpoint.id,
                    "event_type": event,
                    "source_id": job.id,
                    "status": "delivered" if arrived else "failed",
                    "attempt_count": len(self._courier.sent) - before,
                }
            )


def signed_headers(secret: str, body: bytes, at: int | None = None) -> dict[str, str]:
    """The three headers of Standard Webhooks; ``at`` is in seconds of Unix time, now by default."""
    message_id, moment = f"msg_{secrets.token_hex(12)}", str(at or int(time.time()))
    signed = f"{message_id}.{moment}.".encode() + body
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": message_id, "webhook-timestamp": moment, "webhook-signature": signature}
