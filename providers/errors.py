"""What can go wrong when we call a provider.

ProviderError
  SettingsError               the section's settings do not work; orders wait until they do
    KeyRejected                 the key is wrong, expired or revoked
    PermissionMissing           the key is real but may not do this
    CreditExhausted             no money or quota left
    RegionRefused               the provider refuses our country or network
    ModelNotFound               the chosen model does not exist for this key
  TransientError              try again later
    Unavailable                 connection refused, TLS, 5xx, an answer we do not know
      OutcomeUnknown            the request was sent and no answer came: it may have been carried out
    RateLimited                 too many calls
    InvalidResponse             a success status with a body that we cannot read
    LinkExpired                 the link to a finished file leads nowhere; its job may give another one
  ContentError                trying this order again cannot help
    ContentBlocked              the provider's safety filter said no
    RequestRefused              the provider says that our request is malformed
    JobFailed                   a job that was taken has failed at the provider, for no fault of the words
    JobUnknown                  the provider knows no job of that id

An error carries codes, never a body, a header, a prompt or a key: ``detail`` is the provider's own
short code or a few fixed words of ours, safe to store and to show.
"""

from typing import ClassVar

from providers.kinds import ProviderKind

MAX_DETAIL_LENGTH = 300


class ProviderError(Exception):
    """A provider did not give us what we asked for.

    ``code`` names the class in rows, pages and logs. ``retry_after`` is in seconds, where the provider
    said how long to wait. ``request_id`` is the provider's own id of the call, for its support.
    """

    code: ClassVar[str] = "provider_error"

    def __init__(
        self,
        kind: ProviderKind,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        detail = detail[:MAX_DETAIL_LENGTH]
        super().__init__(f"{kind}: {self.code}" + (f": {detail}" if detail else ""))
        self.kind = kind
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id


class SettingsError(ProviderError):
    """The section's settings do not work: no order fails for it, all wait."""


class KeyRejected(SettingsError):
    """The provider says that the key is wrong, expired or revoked."""

    code = "rejected"


class PermissionMissing(SettingsError):
    """The key is real but may not do this; ``detail`` names the missing scope where the provider does."""

    code = "no_permission"


class CreditExhausted(SettingsError):
    """No money or quota is left on the account."""

    code = "no_credit"


class RegionRefused(SettingsError):
    """The provider refuses our country or network."""

    code = "region"


class ModelNotFound(SettingsError):
    """The chosen model does not exist, or this key may not use it."""

    code = "model_not_found"


class TransientError(ProviderError):
    """A later try may succeed with nothing changed."""


class Unavailable(TransientError):
    """The provider could not be reached, or answered in a way that says nothing about key or order."""

    code = "unavailable"


class OutcomeUnknown(Unavailable):
    """The request left us and no whole answer came back: it may have been carried out and charged."""


class RateLimited(TransientError):
    """Too many calls."""

    code = "rate_limited"


class InvalidResponse(TransientError):
    """A success status, but not the shape that we know."""

    code = "unreadable_answer"


class LinkExpired(TransientError):
    """The host of a finished file does not give it out: the link is too old, was withdrawn, or is not there yet.

    The job is not to blame: looking at it again may give a link that works.
    """

    code = "link_expired"


class ContentError(ProviderError):
    """Trying this order again with the same words cannot help."""


class ContentBlocked(ContentError):
    """The provider's safety filter refused the words of the order, or refused to write."""

    code = "content_blocked"


class RequestRefused(ContentError):
    """The provider says that our request is malformed or too long."""

    code = "request_refused"


class JobFailed(ContentError):
    """A job that the provider had taken has failed there, and it does not say that the words were at fault."""

    code = "job_failed"


class JobUnknown(ContentError):
    """The provider knows no job of this id."""

    code = "job_unknown"
