"""`flask providers …`: the four sections."""

from contextlib import suppress
from typing import Any

import click
from flask_babel import force_locale

from domain.db import reading
from domain.orders.queries import MAX_ID
from domain.provider_configs import overview
from domain.provider_configs.changes import (
    ChangeRefused,
    NewSettings,
    import_environment,
    request_check,
    restore_previous,
    save,
)
from domain.provider_configs.history import page_of
from domain.provider_configs.overview import Section
from providers.kinds import ProviderKind, StageType
from providers.registry import needs_key
from tasks.messages import send_check
from web.cli.output import DatabaseGroup, Refused, echo, print_json, print_table, read_secret
from web.i18n.history import actor_words, history_sentence
from web.i18n.messages import refusal, section_news

STAGE = click.Choice([stage_type.value for stage_type in StageType], case_sensitive=False)
PROVIDER = click.Choice([kind.value for kind in ProviderKind], case_sensitive=False)
ACTOR = "command line"

providers = DatabaseGroup("providers", help="The four sections: which provider, key and model serve a stage.")


@providers.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_sections(as_json: bool) -> None:
    """List the sections as they are stored; asks no provider."""
    with reading():
        facts = [_facts_of_section(section) for section in overview.overview().values()]
    if as_json:
        print_json(facts)
        return
    names = ("stage_type", "ready", "reason", "provider_kind", "model", "key", "checked_at", "waiting")
    heads = (name.upper().replace("_", " ") for name in names)
    print_table(heads, ((each[name] for name in names) for each in facts))


@providers.command("set")
@click.argument("stage", type=STAGE)
@click.argument("provider", type=PROVIDER)
@click.option(
    "--model", default="", help="A model of the list; without it the present one stays, or the first is taken."
)
@click.option("--keep-key", is_flag=True, help="Keep the stored key, and read none: to change the model alone.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def set_section(stage: str, provider: str, model: str, keep_key: bool, as_json: bool) -> None:
    """Have PROVIDER serve STAGE. The key is asked for, or read from standard input; never an argument.

    Example: flask --app wsgi providers set POEM OPENAI --model gpt-5.4 < key.txt
    """
    stage_type, kind = StageType(stage), ProviderKind(provider)
    key = "" if keep_key or not needs_key(kind) else read_secret("Key")
    try:
        saved = save(NewSettings(stage_type, kind, key, model, None, ACTOR))
    except ChangeRefused as refused:
        raise Refused(_sentence(refused)) from None
    started = saved.check_needed and send_check(stage_type)
    if as_json:
        print_json({"stage_type": stage_type, "changed": saved.changed, "check_started": started})
        return
    news = "saved" if saved.changed else "unchanged"
    if saved.check_needed:
        news = "saved_checking" if started else "saved_not_started"
    with force_locale("en"):
        echo(f"{stage_type}: {section_news(news)}")


@providers.command("check")
@click.argument("stage", type=STAGE)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def check_section(stage: str, as_json: bool) -> None:
    """Have a worker check the key and fetch the models of STAGE now.

    Example: flask --app wsgi providers check POEM
    """
    stage_type = StageType(stage)
    try:
        request_check(stage_type, ACTOR)
    except ChangeRefused:
        raise Refused(f"There is nothing to check: {stage_type} has no provider.") from None
    _tell_started([stage_type], as_json=as_json)


@providers.command("refresh")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def refresh_sections(as_json: bool) -> None:
    """Have the lists of models of all sections fetched now, whatever their age. Their keys are checked as well."""
    asked = []
    for stage_type in StageType:
        with suppress(ChangeRefused):
            request_check(stage_type, ACTOR, proof=False)
            asked.append(stage_type)
    if not asked and not as_json:
        echo("There is nothing to refresh: no section has a provider.")
        return
    _tell_started(asked, as_json=as_json)


@providers.command("import-env")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def import_environment_keys(as_json: bool) -> None:
    """Store the keys of the environment as the settings of the sections that were never set.

    They are sealed and checked as if they had been typed into the page. Afterwards the variables can be removed.
    """
    imported = []
    for stage_type in StageType:
        try:
            saved = import_environment(stage_type, ACTOR)
        except ChangeRefused as refused:
            raise Refused(f"{stage_type}: the environment's key was not stored ({refused.code}).") from None
        if saved is not None:
            imported.append(stage_type)
            send_check(stage_type)
    if as_json:
        print_json({"imported": imported})
        return
    for stage_type in imported:
        echo(f"{stage_type}: the environment's key is stored, and will be checked.")
    if not imported:
        echo("There is no key in the environment for a section that was never set.")


@providers.command("restore")
@click.argument("stage", type=STAGE)
def restore_section(stage: str) -> None:
    """Bring the previous settings of STAGE back, as new ones that are checked first.

    Example: flask --app wsgi providers restore SONG
    """
    stage_type = StageType(stage)
    try:
        restore_previous(stage_type, ACTOR)
    except ChangeRefused as refused:
        raise Refused(_sentence(refused)) from None
    _tell_started([stage_type], as_json=False)


@providers.command("history")
@click.argument("stage", type=STAGE)
@click.option("--limit", type=click.IntRange(1, 1000), default=25, show_default=True, help="How many.")
@click.option("--before", type=click.IntRange(1, MAX_ID), help="Only entries with a smaller id: the next page.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def show_history(stage: str, limit: int, before: int | None, as_json: bool) -> None:
    """Show who changed what in STAGE, and what its checks have found, newest first.

    Example: flask --app wsgi providers history POEM
    """
    with reading(), force_locale("en"):
        entries = page_of(StageType(stage), limit, before)
        if as_json:
            names = ("id", "at", "actor", "event", "facts")
            print_json([{name: getattr(entry, name) for name in names} for entry in entries])
            return
        rows = ((entry.id, entry.at, actor_words(entry.actor), history_sentence(entry)) for entry in entries)
        print_table(("ID", "AT", "WHO", "WHAT"), rows)


def _tell_started(stage_types: list[StageType], *, as_json: bool) -> None:
    started = {stage_type: send_check(stage_type) for stage_type in stage_types}
    if as_json:
        print_json({"checks_started": started})
        return
    for stage_type, is_sent in started.items():
        later = "" if is_sent else " The broker is away: it starts later."
        echo(f"The check of {stage_type} was asked for.{later}")


def _sentence(refused: ChangeRefused) -> str:
    with force_locale("en"):
        return refusal(refused.code, refused.facts)


def _facts_of_section(section: Section) -> dict[str, Any]:
    row = section.row
    return {
        "stage_type": section.stage_type,
        "ready": section.blocked is None,
        "reason": section.blocked or (row.reason if row else None),
        "provider_kind": section.provider_kind,
        "model": section.model,
        "key": _key_in_short(section),
        "status": row.status if row else None,
        "checked_at": row.checked_at if row else None,
        "models": len(row.models_cache) if row else 0,
        "models_updated_at": row.models_cache_updated_at if row else None,
        "candidate_provider_kind": row.candidate_provider_kind if row else None,
        "candidate_status": row.candidate_status if row else None,
        "candidate_reason": row.candidate_reason if row else None,
        "waiting": section.waiting,
    }


def _key_in_short(section: Section) -> str | None:
    """The last four characters, or that the key is stored, or that it comes from the environment."""
    if section.row is None:
        return "from the environment" if section.environment else None
    if section.row.api_key_last4:
        return f"…{section.row.api_key_last4}"
    return "stored" if section.row.api_key_encrypted else None
