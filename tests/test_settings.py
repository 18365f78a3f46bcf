"""The environment: faults all at once, secrets never shown, and .env.example tells the truth about it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from providers.base import Limits
from providers.kinds import ProviderKind
from settings import FALLBACK_KEYS, Settings, SettingsFault, machine_zone

EXAMPLE = Path(__file__).parent.parent / ".env.example"
GOOD = "q9Zk-3fLw_8sVxTn2RbYcJ5hUe7MdPaG4iWo"
OTHER = "Hd7_pW2xKcV9-mTzRq4nBsLf8yJgEaU3oXi6"


@pytest.fixture
def set_machine_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """What the variable TZ of the machine is to hold."""

    def set_it(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        for cached in ("_cache_tz", "_cache_tz_name"):
            monkeypatch.setattr(f"tzlocal.unix.{cached}", None)
        machine_zone.cache_clear()

    yield set_it
    machine_zone.cache_clear()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only the two secrets that must be there."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("ADMIN_SECRET_KEY", GOOD)
    monkeypatch.setenv("SECRET_KEY", OTHER)
    monkeypatch.chdir(tmp_path)


def test_all_faults_are_listed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("ADMIN_SECRET_KEY", "too-short")
    monkeypatch.setenv("PORT", "70000")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")

    with pytest.raises(SettingsFault) as caught:
        Settings.from_env()

    names = [line.partition(" ")[0] for line in str(caught.value).splitlines()]
    assert sorted(names) == ["ADMIN_SECRET_KEY", "LOG_LEVEL", "PORT", "SECRET_KEY"]


def test_a_missing_secret_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADMIN_SECRET_KEY")

    with pytest.raises(SettingsFault, match=r"^ADMIN_SECRET_KEY is not set; make one with: python3 -c "):
        Settings.from_env()


def test_who_signs_nothing_needs_no_secret_to_sign_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")

    assert Settings.from_env(signs=False).secret_key is None


@pytest.mark.parametrize("token", ["x", " 15-characters ", "123456789012345"])
def test_a_token_of_the_metrics_that_can_be_guessed_is_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", token)

    with pytest.raises(
        SettingsFault, match=r"^METRICS_TOKEN is shorter than 16 characters; make one with: python3"
    ) as it:
        Settings.from_env()
    assert token not in str(it.value)


def test_the_shortest_token_of_the_metrics_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "1234567890123456")

    assert Settings.from_env().metrics_token


@pytest.mark.parametrize(
    "weak",
    [
        "q9Zk-3fLw_8sVxTn2RbYcJ5hUe7MdPa",
        " " * 40,
        "a" * 40,
        "abc" * 20,
        "your_own_random_generated_secret_key",
        "Your-Own-Random-Generated-Secret-Key",
    ],
)
@pytest.mark.parametrize("name", ["ADMIN_SECRET_KEY", "SECRET_KEY"])
def test_a_weak_secret_is_refused_and_not_repeated(name: str, weak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, weak)

    with pytest.raises(SettingsFault, match=f"^{name} .*make one with") as caught:
        Settings.from_env()

    assert weak not in str(caught.value)
    assert caught.value.__cause__ is None


def test_both_secrets_may_not_be_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", GOOD)

    with pytest.raises(SettingsFault, match="SECRET_KEY must not be equal to ADMIN_SECRET_KEY") as caught:
        Settings.from_env()

    assert GOOD not in str(caught.value)


def test_no_secret_shows_in_text_or_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = {
        name: f"{'json://' if name == 'alert_urls' else ''}canary-of-{name}-0123456789-abcdefgh"
        for name, field in Settings.model_fields.items()
        if _is_secret(field)
    }
    assert len(planted) == 15
    for name, value in planted.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:canary-database@host/name")
    monkeypatch.setenv("REDIS_URL", "redis://:canary-redis@host/0")

    settings = Settings.from_env()

    shown = f"{settings} {settings!r}"
    assert "canary" not in shown
    assert settings.fallback_key(ProviderKind.PIKA) == planted["pika_api_key"]


def test_a_fault_shows_no_value_of_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "canary")

    with pytest.raises(SettingsFault) as caught:
        Settings.from_env()

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("", []),
        ("json://one", ["json://one"]),
        ("json://one tgram://two\n\tslack://three", ["json://one", "tgram://two", "slack://three"]),
        ("json://one,tgram://two , slack://three,", ["json://one", "tgram://two", "slack://three"]),
        ("mailto://u:p@h?to=a@b.org,c@d.org,json://two", ["mailto://u:p@h?to=a@b.org,c@d.org", "json://two"]),
        ("json://h?u=a%2Chttp://b", ["json://h?u=a%2Chttp://b"]),
        ("json://one json://two json://one", ["json://one", "json://two"]),
    ],
)
def test_addresses_of_alerts_stand_apart_and_may_hold_commas(
    written: str, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_URLS", written)

    assert [each.get_secret_value() for each in Settings.from_env().alert_urls] == addresses


@pytest.mark.parametrize("written", ["canary", "json://one canary", "json://one, canary@b.org", "json://", "://canary"])
def test_what_is_no_address_of_alerts_is_refused_by_its_number(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_URLS", written)

    with pytest.raises(
        SettingsFault, match=r"^ALERT_URLS cannot be read, number [12] is no address; write each like tgram://"
    ) as caught:
        Settings.from_env()

    assert "canary" not in str(caught.value)


def test_tokens_and_passwords_inside_of_addresses_of_alerts_are_known_as_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "ALERT_URLS",
        "tgram://123456789:fakeAA0123/-100200300/ mailto://anna:pass%2Fword@mail2.example.org?to=a@b.org "
        "json://hooks.example.org/services/fake01B2/?+X-Token=fake03D4 slack://fakeT1/fakeB2",
    )

    known = set(Settings.from_env().secrets())

    assert known >= {"123456789:fakeAA0123", "fakeAA0123", "pass%2Fword", "pass/word", "fake01B2", "fake03D4", "fakeB2"}
    assert not known & {"services", "mail2.example.org", "hooks.example.org", "anna"}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_of_postgresql_gets_our_driver(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://user:word@host:5432/name?sslmode=require")

    assert Settings.from_env().database_url == "postgresql+psycopg://user:word@host:5432/name?sslmode=require"


def test_what_is_not_set_goes_under_var(tmp_path: Path) -> None:
    settings = Settings.from_env()

    assert settings.database_url == f"sqlite:///{tmp_path}/var/quatrain.db"
    assert settings.media_dir == tmp_path / "var" / "media"


def test_another_broker_wins_over_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://host/0")
    assert Settings.from_env().broker == "redis://host/0"

    monkeypatch.setenv("BROKER_URL", "amqp://host//")
    assert Settings.from_env().broker == "amqp://host//"


@pytest.mark.parametrize("url", ["s3://", "s3:///works", "https://host/bucket", "gifts", "s3://gifts/a works"])
def test_a_bucket_that_cannot_be_read_is_a_fault(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_URL", url)

    with pytest.raises(SettingsFault, match=r"^MEDIA_URL must be s3://bucket or s3://bucket/prefix\.$"):
        Settings.from_env()


#: Files in the folder of zones of many a machine.
NO_PLACES = ("posixrules", "localtime", "Factory")


@pytest.mark.parametrize("name", ["Moscow", "../etc/passwd", "/etc/passwd", "Europe", "UTC+3", "МСК", *NO_PLACES])
def test_a_time_zone_that_nobody_knows_stops_the_start_with_a_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIME_ZONE", name)

    with pytest.raises(
        SettingsFault,
        match=r"^TIME_ZONE is not the name of a time zone; write it like Europe/Moscow or Asia/Yekaterinburg\.$",
    ):
        Settings.from_env()


@pytest.mark.parametrize(
    ("setting", "machine", "zone"),
    [
        ("Europe/Moscow", "Asia/Tokyo", "Europe/Moscow"),
        ("", "Asia/Tokyo", "Asia/Tokyo"),
        ("", ":Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_the_time_zone_is_the_machines_unless_it_is_set(
    setting: str, machine: str, zone: str, monkeypatch: pytest.MonkeyPatch, set_machine_zone: Callable[[str], None]
) -> None:
    monkeypatch.setenv("TIME_ZONE", setting)
    set_machine_zone(machine)
    settings = Settings.from_env()

    assert settings.zone.key == zone
    assert settings.zone_remark is None


@pytest.mark.parametrize("machine", ["UTC+3", "MSK-3", "Foo/Bar", "Europe", "../Moscow", *NO_PLACES])
def test_a_machine_whose_time_zone_nobody_knows_shows_utc_and_says_how_to_set_it(
    machine: str, set_machine_zone: Callable[[str], None]
) -> None:
    set_machine_zone(machine)
    settings = Settings.from_env()

    assert settings.zone.key == "UTC"
    assert settings.zone_remark == (
        "The TZ of this machine, or its own setting, names no time zone that is known, so times are shown in UTC; "
        "set TIME_ZONE, such as TIME_ZONE=Europe/Moscow."
    )


def test_a_time_zone_that_is_set_needs_none_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, set_machine_zone: Callable[[str], None]
) -> None:
    monkeypatch.setenv("TIME_ZONE", "Europe/Moscow")
    set_machine_zone("MSK-3")

    assert Settings.from_env().zone_remark is None


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")

    settings = Settings.from_env()

    assert settings.port == 8000
    assert settings.fallback_key(ProviderKind.OPENAI) == ""


def test_earlier_secrets_are_split_on_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_SECRET_KEY_PREVIOUS", f" {GOOD}x, ,{OTHER}y ")

    earlier = Settings.from_env().admin_secret_key_previous

    assert [secret.get_secret_value() for secret in earlier] == [f"{GOOD}x", f"{OTHER}y"]


def test_base_url_ends_without_a_slash_and_dummy_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUNO_BASE_URL", "http://127.0.0.1:9/suno/")

    settings = Settings.from_env()

    assert settings.base_url(ProviderKind.SUNO) == "http://127.0.0.1:9/suno"
    assert settings.base_url(ProviderKind.DUMMY) == ""
    assert all(settings.base_url(kind).startswith("http") for kind in ProviderKind if kind is not ProviderKind.DUMMY)


def test_every_provider_has_the_fallback_key_of_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FALLBACK_KEYS.values():
        monkeypatch.setenv(name.upper(), f" {name} ")

    settings = Settings.from_env()

    assert {kind: settings.fallback_key(kind) for kind in ProviderKind} == {
        ProviderKind.YANDEX_GPT: "yandex_api_key",
        ProviderKind.SPEECHKIT: "speechkit_api_key",
        ProviderKind.SUNO: "suno_api_key",
        ProviderKind.PIKA: "pika_api_key",
        ProviderKind.GEMINI: "gemini_api_key",
        ProviderKind.OPENAI: "openai_api_key",
        ProviderKind.DUMMY: "",
    }


def test_env_example_lists_every_setting_and_nothing_else() -> None:
    listed = re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(), flags=re.MULTILINE)

    assert len(listed) == len(set(listed))
    assert set(listed) == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_env_example_tells_the_default(name: str) -> None:
    written = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE.read_text(), flags=re.MULTILINE))[name.upper()]
    default = Settings.model_fields[name].default

    if _is_secret(Settings.model_fields[name]) or default in (None, "", {}, (), PydanticUndefined):
        assert written == ""
    else:
        assert written == (str(int(default)) if isinstance(default, bool) else str(default))


def _is_secret(field: object) -> bool:
    return SecretStr.__name__ in str(getattr(field, "annotation", ""))


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("SUNO=20/10s", {ProviderKind.SUNO: Limits(calls=20, seconds=10)}),
        (
            " suno=5/0.5s , PIKA=3jobs,",
            {ProviderKind.SUNO: Limits(calls=5, seconds=0.5), ProviderKind.PIKA: Limits(jobs=3)},
        ),
        ("SUNO=5/1.0s,PIKA=5/0.5s", {ProviderKind.SUNO: Limits(5, 1.0), ProviderKind.PIKA: Limits(5, 0.5)}),
        ("SUNO=20/10s,SUNO=4jobs", {ProviderKind.SUNO: Limits(calls=20, seconds=10, jobs=4)}),
    ],
)
def test_limits_of_providers_are_read(
    text: str, limits: dict[ProviderKind, Limits], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_LIMITS", text)

    assert Settings.from_env().provider_limits == limits


@pytest.mark.parametrize(
    "text",
    [
        "SUNO",
        "SUNO=20",
        "SUNO=0/10s",
        "SUNO=20/0s",
        "SUNO=20/0.0s",
        "NOBODY=3jobs",
        "SUNO=-1jobs",
        "SUNO=20/10s PIKA=3jobs",
    ],
)
def test_limits_that_cannot_be_read_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_LIMITS", text)

    with pytest.raises(
        SettingsFault, match=r"^PROVIDER_LIMITS cannot be read; write it like SUNO=20/10s,PIKA=20jobs\.$"
    ):
        Settings.from_env()


def test_all_secrets_are_told_to_whoever_hides_them(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "ADMIN_SECRET_KEY_PREVIOUS": f"{GOOD}x,{OTHER}y",
        "SUNO_API_KEY": " fake-suno-key ",
        "METRICS_TOKEN": "fake-metrics-token",
        "DATABASE_URL": "postgresql://u:fake-p%40ss@db.example/q",
        "REDIS_URL": "redis://:fake-redis-password@redis.example/0",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    secrets = set(Settings.from_env().secrets())

    assert secrets >= {GOOD, f"{GOOD}x", f"{OTHER}y", "fake-suno-key", "fake-metrics-token"}
    assert secrets >= {"fake-p%40ss", "fake-p@ss", "fake-redis-password"}
    assert "" not in secrets
