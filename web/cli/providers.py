"""`flask providers …`: the four sections."""

from typing import Any

import click

from domain import sections
from domain.db import reading
from domain.section_changes import ChangeRefused, import_environment, request_check
from domain.sections import Section
from providers.kinds import StageType
from tasks.messages import send_check
from web.cli.terminal import DatabaseGroup, Refused, print_json, print_table

STAGE = click.Choice([stage_type.value for stage_type in StageType], case_sensitive=False)
ACTOR = "command line"

providers = DatabaseGroup("providers", help="The four sections: which provider, key and model serve a stage.")


@providers.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_sections(as_json: bool) -> None:
    """List the sections as they are stored; asks no provider."""
    with reading():
        facts = [_facts_of_section(section) for section in sections.overview().values()]
    if as_json:
        print_json(facts)
        return
    names = ("stage_type", "ready", "reason", "provider_kind", "model", "key", "checked_at", "waiting")
    heads = (name.upper().replace("_", " ") for name in names)
    print_table(heads, ((each[name] for name in names) for each in facts))


@providers.command("check")
@click.argument("stage", type=STAGE)
def check_section(stage: str) -> None:
    """Have a worker check the key and fetch the models of STAGE now.

    Example: flask --app wsgi providers check POEM
    """
    stage_type = StageType(stage)
    try:
        request_check(stage_type, ACTOR)
    except ChangeRefused:
        raise Refused(f"There is nothing to check: {stage_type} has no provider.") from None
    later = "" if send_check(stage_type) else " The broker is away: it starts later."
    click.echo(f"The check of {stage_type} was asked for.{later}")


@providers.command("import-env")
def import_environment_keys() -> None:
    """Store the keys of the environment as the settings of the sections that were never set.

    They are sealed and checked as if they had been typed into the page. Afterwards the variables can be removed.
    """
    imported = False
    for stage_type in StageType:
        try:
            saved = import_environment(stage_type, ACTOR)
        except ChangeRefused as refused:
            raise Refused(f"{stage_type}: the environment's key was not stored ({refused.code}).") from None
        if saved is not None:
            imported = True
            send_check(stage_type)
            click.echo(f"{stage_type}: the environment's key is stored, and will be checked.")
    if not imported:
        click.echo("There is no key in the environment for a section that was never set.")


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
