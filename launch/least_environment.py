"""What each process of the Procfile is told: no secret that it has no use for."""

from collections.abc import Mapping

_SIGN_IN = ("SECRET_KEY", "ADMIN_PASSWORD", "METRICS_TOKEN")
#: Which variables a process does not get. The one that ends before the others start, ``release``, gets all.
WITHHELD: Mapping[str, tuple[str, ...]] = {
    # The first administrator is there by then, and it is others who tell of troubles.
    "web": ("ADMIN_PASSWORD", "ALERT_WEBHOOK_URL", "ALERT_URLS"),
    "worker": _SIGN_IN,
    # It tells when no worker is there, so it knows the sections, with their keys, and where to tell it.
    "beat": (*_SIGN_IN, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
}


def environment_of(process: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The part of ``environment`` that the process of that name has a use for."""
    withheld = WITHHELD.get(process, ())
    return {name: value for name, value in environment.items() if name.upper() not in withheld}
