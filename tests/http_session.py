"""An administrator's browser and a shop's program, as far as HTTP goes: real requests to a real server."""

import re
import time
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from providers.kinds import ProviderKind, StageType

#: Half of what the web server keeps a connection for.
MAX_IDLE_SECONDS = 1
Hearer = Callable[[requests.Response], None]
#: Also by a web process that is just being deployed, on a machine that is busy.
ANSWERED_WITHIN_SECONDS = 60


class Browser:
    """Keeps cookies and sends the CSRF token of the page it was on. ``on_answer`` is shown whatever comes back."""

    def __init__(self, url: str, on_answer: Hearer | None = None) -> None:
        self.url = url
        self._session = _new_session(on_answer)

    def get(self, path: str) -> requests.Response:
        """Open a page; redirects are followed."""
        return self._session.get(self.url + path, timeout=ANSWERED_WITHIN_SECONDS)

    def post(self, path: str, page: str, **fields: Any) -> requests.Response:
        """Send the fields with the token of ``page``; redirects are not followed."""
        token = _field(self.get(page).text, "csrf_token")
        return self._session.post(
            self.url + path,
            data={**fields, "csrf_token": token},
            allow_redirects=False,
            timeout=ANSWERED_WITHIN_SECONDS,
        )

    def send(self, path: str, **body: Any) -> requests.Response:
        """Send what no page of ours would."""
        return self._session.post(self.url + path, allow_redirects=False, timeout=ANSWERED_WITHIN_SECONDS, **body)

    def sign_in(self, username: str, password: str) -> None:
        """Fails the test if it is refused."""
        answer = self.post("/admin/login", "/admin/login", username=username, password=password)
        assert answer.status_code == 303, answer.text

    def save_section(
        self, stage_type: StageType, provider_kind: ProviderKind, *, api_key: str = "", model: str = ""
    ) -> requests.Response:
        """Fill in one section's form and save it."""
        version = _field(self.get(f"/admin/providers/{stage_type}").text, "version")
        return self.post(
            "/admin/providers/update",
            "/admin/providers",
            stage_type=stage_type.value,
            provider_kind=provider_kind.value,
            api_key=api_key,
            model=model,
            version=version,
        )

    def models(self, stage_type: StageType) -> list[str]:
        """What the model select of one section offers."""
        page = self.get(f"/admin/providers/{stage_type}").text
        select = re.search(r'<select[^>]*name="model".*?</select>', page, re.DOTALL)
        assert select is not None
        return [model for model in re.findall(r'<option[^>]*value="([^"]*)"', select[0]) if model]


class Api:
    """A program that carries a token. ``on_answer`` is shown whatever comes back."""

    def __init__(self, url: str, token: str, on_answer: Hearer | None = None) -> None:
        self.url = url
        self._session = _new_session(on_answer)
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> requests.Response:
        return self._session.get(self.url + path, timeout=ANSWERED_WITHIN_SECONDS)

    def erase(self, order_id: int | str) -> requests.Response:
        """Erase the order."""
        return self._session.delete(f"{self.url}/api/v1/orders/{order_id}", timeout=ANSWERED_WITHIN_SECONDS)

    def send(self, path: str, **body: Any) -> requests.Response:
        """Send what no program should."""
        return self._session.post(self.url + path, timeout=ANSWERED_WITHIN_SECONDS, **body)

    def hang_up(self) -> None:
        """Close the connection; the next request opens a new one."""
        self._session.close()

    def place(self, *stages: StageType, key: str | None = None, **brief: Any) -> requests.Response:
        """Order works for a brief that can be changed field by field."""
        body = {"recipient": "Анна", "occasion": "60 лет", "details": "любит море", "tone": "тепло"}
        headers = {"Idempotency-Key": key} if key else {}
        return self._session.post(
            f"{self.url}/api/v1/orders",
            json={**body, "stages": [stage.value for stage in stages], **brief},
            headers=headers,
            timeout=ANSWERED_WITHIN_SECONDS,
        )

    def order(self, order_id: int | str) -> dict[str, Any]:
        """The order as it stands."""
        answer = self.get(f"/api/v1/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def is_done(self, order_id: int | str) -> bool:
        """Whether all works of the order are made."""
        return bool(self.order(order_id)["state"] == "done")

    def stage(self, stage_type: StageType) -> dict[str, Any]:
        """What stands for this stage, and how it is."""
        stages = self.get("/api/v1/stages").json()
        return dict(stages.get("stages", stages)[stage_type.value])

    def is_ready(self, stage_type: StageType) -> bool:
        """Whether an order of this stage placed now would run."""
        return bool(self.stage(stage_type)["ready"])


class _BriskAdapter(HTTPAdapter):
    """Uses no connection again that the server is about to close, as it would be reset in the middle of a request."""

    _used_at = 0.0

    def send(self, *request: Any, **options: Any) -> requests.Response:
        if time.monotonic() - self._used_at > MAX_IDLE_SECONDS:
            self.close()
        try:
            return super().send(*request, **options)
        finally:
            self._used_at = time.monotonic()


def _new_session(on_answer: Hearer | None) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _BriskAdapter())
    if on_answer is not None:
        session.hooks["response"].append(lambda answer, **_: on_answer(answer))
    return session


def _field(page: str, name: str) -> str:
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert tag is not None, f"no field {name} in: {page[:2000]}"
    value = re.search(r'value="([^"]*)"', tag[0])
    return value[1] if value else ""
