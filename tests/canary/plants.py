"""The marked secrets: one of each kind that Quatrain keeps."""

import secrets
from dataclasses import dataclass, field

from providers.kinds import ProviderKind

#: In the middle of each secret, so that half of one is found as well. Letters and digits: no escaping changes them.
MARK = f"Canary{secrets.token_hex(4)}"
#: What stands behind it shows as the last four characters of a key, which is meant to be.
LAST_FOUR = "-a1b2"


def _planted(name: str) -> str:
    return f"fake-{name}-{MARK}-{secrets.token_hex(8)}{LAST_FOUR}"


@dataclass(frozen=True)
class Plants:
    """Keys by provider, and the environment of the processes; GEMINI's key comes from the environment alone."""

    keys: dict[ProviderKind, str] = field(
        default_factory=lambda: {
            kind: _planted(kind.lower()) for kind in ProviderKind if kind is not ProviderKind.DUMMY
        }
    )
    mistyped: str = field(default_factory=lambda: _planted("mistyped"))
    password: str = field(default_factory=lambda: _planted("password"))
    metrics_token: str = field(default_factory=lambda: _planted("metrics"))
    webhook_path: str = field(default_factory=lambda: f"/hooks/{_planted('hook')}")
    chat_path: str = field(default_factory=lambda: f"/chats/{_planted('chat')}")
    chat_token: str = field(default_factory=lambda: _planted("chat-token"))
    admin_secret: str = field(default_factory=lambda: _planted("seal-0A"))
    previous_admin_secret: str = field(default_factory=lambda: _planted("seal-before-0A"))
    session_secret: str = field(default_factory=lambda: _planted("session-0A"))

    def environment(self, webhook_host: str) -> dict[str, str]:
        """Variables of the processes."""
        chat = f"{webhook_host.replace('http://', 'json://')}{self.chat_path}"
        return {
            "ADMIN_SECRET_KEY": self.admin_secret,
            "ADMIN_SECRET_KEY_PREVIOUS": self.previous_admin_secret,
            "SECRET_KEY": self.session_secret,
            "ADMIN_PASSWORD": self.password,
            "METRICS_TOKEN": self.metrics_token,
            "ALERT_WEBHOOK_URL": f"{webhook_host}{self.webhook_path}",
            # One that listens, and one that nobody understands until something is sent there.
            "ALERT_URLS": f"{chat}?+X-Token={self.chat_token} tgram://{self.chat_token}/{self.chat_token}",
            "GEMINI_API_KEY": self.keys[ProviderKind.GEMINI],
        }
