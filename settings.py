"""Every environment variable, once: its type, unit, default and a sentence on what it does.

``.env.example`` lists the same variables, and a test compares the two. Read only by ``wsgi.py``,
``celeryconfig.py`` and ``launch``; everything else asks ``current_settings()``.
"""

import os
import re
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, cast
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

import tzlocal
from flask import current_app
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from providers.base import Limits
from providers.kinds import ProviderKind

LIMIT = re.compile(
    r"(?P<kind>\w+)=(?:(?P<calls>[1-9]\d{0,8})/(?P<seconds>\d{1,9}(?:\.\d{1,9})?)s|(?P<jobs>[1-9]\d{0,8})jobs)",
    re.ASCII,
)
#: What stands between two addresses of ALERT_URLS. A comma may be a part of one, unless another address follows it.
BETWEEN_ADDRESSES = re.compile(r"[\s,]*\s[\s,]*|,+(?=[a-z][a-z0-9]*://)", re.IGNORECASE)
ADDRESS = re.compile(r"[a-z][a-z0-9]*://\S+", re.IGNORECASE)
HOW_TO_MAKE_ONE = 'make one with: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
NOT_SET = f"is not set; {HOW_TO_MAKE_ONE}"
MIN_SECRET_LENGTH = 32
MIN_TOKEN_LENGTH = 16
#: What Celery is given while REDIS_URL is not set: commands that send no message need no broker.
NO_BROKER = "redis-url-is-not-set://"
#: Files in the folder of zones that are no places: what they hold differs from machine to machine, or is no time.
NO_ZONES = ("Factory", "localtime", "posixrules")
KNOWN_SECRETS = ("changeme", "change_me", "secret", "your_own_random_generated_secret_key", "thisisasecret_1234")

FALLBACK_KEYS = {
    ProviderKind.YANDEX_GPT: "yandex_api_key",
    ProviderKind.SPEECHKIT: "speechkit_api_key",
    ProviderKind.SUNO: "suno_api_key",
    ProviderKind.PIKA: "pika_api_key",
    ProviderKind.GEMINI: "gemini_api_key",
    ProviderKind.OPENAI: "openai_api_key",
}

#: More than these is a slip of the keyboard, and would stop whatever counts with it.
Days = Annotated[float, Field(gt=0, le=36_500)]
Hours = Annotated[float, Field(gt=0, le=100_000)]
Minutes = Annotated[float, Field(gt=0, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0, le=100_000_000)]
Threads = Annotated[int, Field(ge=1, le=10_000)]
Megabytes = Annotated[int, Field(ge=0, le=1_000_000_000)]


class SettingsFault(Exception):
    """The environment cannot be used; the text has one line per fault and never a secret."""


class Settings(BaseSettings):
    """The environment of one process. Secrets print as asterisks."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    admin_secret_key: SecretStr = Field(description="Seals the providers' keys in the database. 32 characters or more.")
    admin_secret_key_previous: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Earlier values of ADMIN_SECRET_KEY, comma-separated: they open, they never seal."
    )
    secret_key: SecretStr | None = Field(
        None, description="Signs sessions and forms. Never equal to ADMIN_SECRET_KEY. Workers and beat need none."
    )
    admin_username: str = Field("admin", description="Name of the first administrator.")
    admin_password: SecretStr | None = Field(
        None, description="Password of the first administrator; read only while there is no administrator."
    )

    database_url: str = Field("", repr=False, description="Where the data lives. Default: SQLite in VAR_DIR.")
    redis_url: str = Field(
        "", repr=False, description="The message broker. Unset: `make run` starts a Redis of its own."
    )
    broker_url: str = Field(
        "", repr=False, description="Another message broker than Redis, such as amqp://…; wins over REDIS_URL."
    )
    var_dir: Path = Field(Path("var"), description="Folder for everything that is written: data, works, schedules.")
    media_dir: Path | None = Field(None, description="Folder for the media files of works. Default: VAR_DIR/media.")
    media_url: str = Field(
        "", description="A bucket for them instead: s3://bucket/prefix. They pass through MEDIA_DIR on their way there."
    )
    aws_endpoint_url: str = Field("", description="Where the bucket is, unless it is Amazon's.")
    aws_region: str = Field("", description="The bucket's region.")
    aws_access_key_id: SecretStr | None = Field(
        None, description="Key for the bucket. Unset: the one that the machine's role gives."
    )
    aws_secret_access_key: SecretStr | None = Field(None, description="Its secret.")
    host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the web server listens on.")
    public_url: str = Field("", description="Address under which others reach us. https:// makes cookies secure.")
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="How many proxies of ours stand before the web server: so many X-Forwarded-* entries are believed.",
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names under which we may be asked, comma-separated; .example.com takes its subdomains in. Unset: "
        "any.",
    )
    time_zone: str = Field(
        "",
        description="The shop's time zone, such as Europe/Moscow: for the times on pages, and for when a day begins. "
        "Unset: the machine's.",
    )
    session_idle_minutes: Minutes = Field(
        30,
        description="A session ends when nobody used it for so long; a page that keeps itself up to date is nobody.",
    )
    session_hours: Hours = Field(8, description="A session ends so long after signing in, used or not.")
    metrics_token: SecretStr | None = Field(
        None, description="What Prometheus shows at /metrics, as a bearer token; unset, there is no such page."
    )
    alert_webhook_url: SecretStr | None = Field(
        None, description="Where alerts are posted as JSON, such as a chat's webhook; unset, they are only in the log."
    )
    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Where alerts are sent besides: addresses that Apprise understands, such as tgram://token/chat or "
        "mailto://user:password@host, with spaces, commas or new lines between them.",
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    dummy_provider: bool = Field(
        False, description="1 offers the built-in DUMMY provider, which needs no key and makes real sample works."
    )

    yandex_api_key: SecretStr | None = Field(None, description="Serves POEM while that section has never been set.")
    speechkit_api_key: SecretStr | None = Field(None, description="The same for VOICE.")
    suno_api_key: SecretStr | None = Field(None, description="The same for SONG.")
    pika_api_key: SecretStr | None = Field(None, description="The same for CLIP.")
    gemini_api_key: SecretStr | None = Field(None, description="The same for POEM, where YANDEX_API_KEY is not set.")
    openai_api_key: SecretStr | None = Field(None, description="The same for POEM, where neither of them is set.")

    openai_base_url: str = Field("https://api.openai.com/v1", description="For gateways and tests.")
    gemini_base_url: str = Field("https://generativelanguage.googleapis.com", description="For gateways and tests.")
    yandex_gpt_base_url: str = Field("https://ai.api.cloud.yandex.net/v1", description="For gateways and tests.")
    speechkit_base_url: str = Field("https://tts.api.cloud.yandex.net", description="For gateways and tests.")
    suno_base_url: str = Field("https://api.sunoapi.org", description="For gateways and tests.")
    pika_base_url: str = Field("https://api.dev.pika.art", description="For gateways and tests.")

    provider_limits: Annotated[dict[ProviderKind, Limits], NoDecode] = Field(
        {},
        description="What a provider allows us, where that is not what its documentation says: SUNO=20/10s is calls in "
        "seconds, PIKA=20jobs is works at the same time; comma-separated.",
    )
    worker_threads: Threads = Field(64, description="Provider calls that one worker makes at the same time.")
    min_free_disk_mb: Megabytes = Field(
        100,
        description="Megabytes on the disk of MEDIA_DIR that are kept for orders which were accepted already.",
    )
    web_workers: Threads = Field(2, description="Processes of the web server.")
    web_threads: Threads = Field(8, description="Threads of each web process.")
    web_patience_seconds: Seconds = Field(
        20, description="How long a client may take to send a request, all of it; who takes longer is hung up on."
    )
    stage_wait_hours: Hours = Field(72, description="How long a stage waits for its section before it fails.")
    retention_days: Days | None = Field(
        None,
        description="So long after its end an order is erased: its words, works and files, in the database and in the "
        "store of media. Unset: never.",
    )
    sweep_interval_seconds: Seconds = Field(2, description="How often work that stands still is looked for.")
    poll_interval_seconds: Seconds = Field(3, description="How often due jobs at providers are looked for.")
    refresh_interval_seconds: Seconds = Field(3600, description="How often sections with an old list are looked for.")
    alerts_interval_seconds: Seconds = Field(5, description="How often troubles to be told of are looked for.")
    watchdog_seconds: Seconds = Field(
        60, description="A worker that hears nothing for so long while messages wait ends, to be started anew."
    )
    models_max_age_hours: Hours = Field(24, description="Age at which a section's list of models is fetched anew.")

    @field_validator("admin_secret_key_previous", "trusted_hosts", mode="before")
    @classmethod
    def _split_on_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("alert_urls", mode="before")
    @classmethod
    def _split_addresses(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        addresses = dict.fromkeys(each for each in BETWEEN_ADDRESSES.split(value.strip(" ,\t\r\n")) if each)
        for number, each in enumerate(addresses, start=1):
            if not ADDRESS.fullmatch(each):
                raise ValueError(f"cannot be read, number {number} is no address; write each like tgram://token/chat")
        return tuple(addresses)

    @field_validator("provider_limits", mode="before")
    @classmethod
    def _read_limits(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        limits: dict[str, Limits] = {}
        for part in filter(None, (each.strip() for each in value.split(","))):
            found = LIMIT.fullmatch(part)
            if (
                found is None
                or found["kind"].upper() not in ProviderKind.__members__
                or float(found["seconds"] or 1) == 0
            ):
                raise ValueError("cannot be read; write it like SUNO=20/10s,PIKA=20jobs")
            kind, before = found["kind"].upper(), limits.get(found["kind"].upper(), Limits())
            if found["jobs"]:
                limits[kind] = replace(before, jobs=int(found["jobs"]))
            else:
                limits[kind] = replace(before, calls=int(found["calls"]), seconds=float(found["seconds"]))
        return limits

    @field_validator("admin_secret_key", "secret_key")
    @classmethod
    def _refuse_a_weak_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        text = value.get_secret_value().strip()
        if len(text) < MIN_SECRET_LENGTH:
            raise ValueError(f"is shorter than {MIN_SECRET_LENGTH} characters; {HOW_TO_MAKE_ONE}")
        if any("\ud800" <= character <= "\udfff" for character in text):
            # Bytes of the environment that are not UTF-8: what signs and seals could not use them.
            raise ValueError(f"holds what is no text; {HOW_TO_MAKE_ONE}")
        if len(set(text)) < 8 or text.lower().replace("-", "_") in KNOWN_SECRETS:
            raise ValueError(f"can be guessed; {HOW_TO_MAKE_ONE}")
        return SecretStr(text)

    @field_validator("metrics_token")
    @classmethod
    def _refuse_a_short_token(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value().strip() if value else ""
        if value and len(text) < MIN_TOKEN_LENGTH:
            raise ValueError(f"is shorter than {MIN_TOKEN_LENGTH} characters; {HOW_TO_MAKE_ONE}")
        if value and len(set(text)) < 8:
            raise ValueError(f"can be guessed; {HOW_TO_MAKE_ONE}")
        return value

    @field_validator("database_url")
    @classmethod
    def _name_the_driver(cls, value: str) -> str:
        # Platforms still hand out postgres://, which SQLAlchemy no longer knows; psycopg 3 is our driver.
        for prefix in ("postgres://", "postgresql://"):
            if value.startswith(prefix):
                return "postgresql+psycopg://" + value.removeprefix(prefix)
        return value

    @field_validator("media_url")
    @classmethod
    def _know_the_store(cls, value: str) -> str:
        if value and not re.fullmatch(r"s3://[^/\s]+(/[^/\s]+)*/?", value):
            raise ValueError("must be s3://bucket or s3://bucket/prefix")
        return value

    @field_validator("time_zone")
    @classmethod
    def _know_the_zone(cls, value: str) -> str:
        if value and _zone_named(value) is None:
            raise ValueError("is not the name of a time zone; write it like Europe/Moscow or Asia/Yekaterinburg")
        return value

    @field_validator("log_level")
    @classmethod
    def _know_the_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @model_validator(mode="after")
    def _fill_in_the_paths(self) -> "Settings":
        if self.secret_key and self.admin_secret_key == self.secret_key:
            raise ValueError("SECRET_KEY must not be equal to ADMIN_SECRET_KEY; " + HOW_TO_MAKE_ONE)
        self.var_dir = self.var_dir.resolve()
        self.media_dir = (self.media_dir or self.var_dir / "media").resolve()
        self.database_url = self.database_url or f"sqlite:///{self.var_dir / 'quatrain.db'}"
        return self

    @classmethod
    def from_env(cls, *, signs: bool = True) -> "Settings":
        """Read the process's environment. Raises ``SettingsFault`` that lists every fault at once.

        ``signs`` is whether this process signs sessions and forms: web and the commands do, a worker and beat do not.
        """
        faults = [f"SECRET_KEY {NOT_SET}."] if signs and not os.environ.get("SECRET_KEY") else []
        try:
            settings = cls()  # type: ignore[call-arg]  # pydantic-settings fills the fields from the environment
        except ValidationError as fault:
            faults += [_sentence(error) for error in fault.errors()]
        if faults:
            raise SettingsFault("\n".join(faults))
        return settings

    @property
    def broker(self) -> str:
        """The URL of the message broker; empty where there is none."""
        return self.broker_url or self.redis_url

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the shop: that of ``TIME_ZONE``, else the machine's, else UTC."""
        return _zone_named(self.time_zone) or machine_zone() or ZoneInfo("UTC")

    @property
    def zone_remark(self) -> str | None:
        """What to tell whoever starts us where nothing names the time zone of the shop, in one sentence."""
        if self.time_zone or machine_zone():
            return None
        return (
            "The TZ of this machine, or its own setting, names no time zone that is known, so times are shown in UTC; "
            "set TIME_ZONE, such as TIME_ZONE=Europe/Moscow."
        )

    def secrets(self) -> list[str]:
        """Every secret of the environment in clear, passwords inside of addresses too: for whoever hides them."""
        values = [getattr(self, name) for name in type(self).model_fields]
        values = [each for value in values for each in (value if isinstance(value, tuple) else (value,))]
        found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        found += [part for each in self.alert_urls for part in _secret_parts(each.get_secret_value())]
        for url in (self.database_url, self.redis_url, self.broker_url):
            password = urlsplit(url).password if "://" in url else None
            found += [password, unquote(password)] if password else []
        return [secret for each in found for secret in {each, each.strip()}]

    def provider_keys(self) -> list[str]:
        """The keys of providers among them."""
        return [key for kind in FALLBACK_KEYS if (key := self.fallback_key(kind))]

    def base_url(self, kind: ProviderKind) -> str:
        """Where ``kind`` is reached; empty for DUMMY, which is reached nowhere."""
        return str(getattr(self, f"{kind.lower()}_base_url", "")).rstrip("/")

    def fallback_key(self, kind: ProviderKind) -> str:
        """The key of requirement A2 for ``kind``, or an empty text. Only the resolver asks for it."""
        secret = cast(SecretStr | None, getattr(self, FALLBACK_KEYS.get(kind, ""), None))
        return secret.get_secret_value().strip() if secret else ""


@cache
def machine_zone() -> ZoneInfo | None:
    """The time zone that this machine is set to, by the variable TZ or for all its programs.

    None where that is none that has a name. What stands in TZ counts even then: the machine's own programs heed it too.
    """
    try:
        with warnings.catch_warnings():
            # It warns where there is no setting at all, which is UTC, or where two settings differ.
            warnings.simplefilter("ignore")
            return _zone_named(tzlocal.get_localzone().key)
    except (LookupError, ValueError, OSError):
        # TZ is a rule, such as MSK-3, or a slip; or the machine's own files name two zones.
        return None


def _zone_named(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name and name not in NO_ZONES else None
    except (LookupError, ValueError, OSError):
        # Unknown, a path that leads out of the folder of zones, a folder in there.
        return None


def _secret_parts(address: str) -> list[str]:
    """What of an address of ALERT_URLS would show up in that of the request which it becomes: tokens and passwords.

    A part without a digit is a word, such as "services", and taking it out everywhere would do harm; but a password.
    """
    front, _, query = address.partition("://")[2].partition("?")
    place, *path = front.split("/")
    user, _, host = place.rpartition("@")
    name, _, password = user.partition(":")
    # Many a service has its token where others have their host.
    tokens = [] if "." in host else [host, *host.split(":")]
    parts = [name, *tokens, *path, *(value for _, value in parse_qsl(query))]
    telling = [part for part in parts if re.search(r"\d", part) and re.search(r"[^\W\d_]", part)]
    return [each for part in (password, *telling) for each in (part, unquote(part))]


def _sentence(error: object) -> str:
    """One fault as a sentence; ``error`` is an item of pydantic's ``ValidationError.errors()``."""
    fault = cast(dict[str, object], error)
    name = "_".join(str(part) for part in cast(tuple[object, ...], fault["loc"])).upper()
    text = NOT_SET if fault["type"] == "missing" else str(fault["msg"]).removeprefix("Value error, ")
    return f"{name} {text}".strip() + "."


def current_settings() -> Settings:
    """The settings of the Flask application at work. Raises ``RuntimeError`` outside an application context."""
    return cast(Settings, current_app.config["SETTINGS"])
