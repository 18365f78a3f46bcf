"""The seams that people forget: who imports whom, who reads the environment, queues, task names, tables."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect

import celeryconfig
from domain.db import Base, db
from domain.orders.models import StageState
from domain.provider_configs.models import ProviderConfig
from providers.kinds import ALLOWED_PROVIDERS, ProviderKind, StageType, allowed_providers
from providers.registry import ADAPTERS
from settings import FALLBACK_KEYS
from tasks.messages import CHECK_TASK, GENERATION_TASKS
from tests.database_kinds import on_one_database

ROOT = Path(__file__).parent.parent
ROOMS = ("providers", "domain", "tasks", "web", "wire")
READS_THE_ENVIRONMENT = {"settings.py"}


def sources() -> list[Path]:
    """Every module of the product that runs in its processes."""
    return [
        path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "node_modules" not in path.parts
    ] + [
        ROOT / "wsgi.py",
        ROOT / "celeryconfig.py",
        ROOT / "settings.py",
        ROOT / "escaping.py",
        ROOT / "private_files.py",
    ]


def beyond_adapters() -> list[Path]:
    """The modules that must know no vendor."""
    return [path for path in sources() if "providers" not in path.relative_to(ROOT).parts]


@cache
def tree_of(path: Path) -> ast.Module:
    """What is written in the module."""
    return ast.parse(path.read_text())


def names_in(path: Path) -> set[str]:
    """Every name and attribute that the module mentions."""
    tree = tree_of(path)
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name)
    }


def texts_in(path: Path) -> list[str]:
    """Every text in the module that is not a docstring."""
    tree = tree_of(path)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body
        if isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def test_only_the_settings_read_the_environment() -> None:
    readers = {path.name for path in sources() if names_in(path) & {"environ", "getenv", "environb"}}

    assert readers <= READS_THE_ENVIRONMENT


def test_only_the_resolver_reads_the_environments_keys() -> None:
    fallbacks = {"fallback_key", *FALLBACK_KEYS.values()}
    readers = {str(path.relative_to(ROOT)) for path in sources() if names_in(path) & fallbacks}

    assert readers == {"settings.py", "domain/provider_configs/resolver.py"}


@pytest.mark.parametrize("path", beyond_adapters(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_outside_an_adapter_names_a_model(path: Path) -> None:
    assert [text for text in texts_in(path) if re.search(r"\b(gpt-|gemini-|yandexgpt|chirp|o\d-)", text)] == []


@pytest.mark.parametrize("path", beyond_adapters(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_settings_titles_and_adapters_name_a_vendor(path: Path) -> None:
    if path.name in {"settings.py", "key_places.py"} or path == ROOT / "web/i18n/messages.py":
        return

    vendors = {kind.value for kind in ProviderKind} - {"DUMMY"}
    assert names_in(path) & vendors == set()
    assert [text for text in texts_in(path) if text.upper() in vendors] == []


def test_an_import_inside_a_function_hides_a_circle() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path in sources()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert hidden == []


def test_apprise_is_imported_only_by_whoever_has_an_address_for_it() -> None:
    importers = {
        str(path.relative_to(ROOT))
        for path in sources()
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.Import) and any(each.name.startswith("apprise") for each in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("apprise"))
    }

    assert importers == set()
    assert [path.name for path in sources() if "apprise" in texts_in(path)] == ["alert_targets.py"]


@on_one_database
def test_every_task_has_the_name_of_the_contract(migrated_app: Flask) -> None:
    celery_app = migrated_app.extensions["celery"]
    celery_app.loader.import_default_modules()

    ours = {name for name in celery_app.tasks if name.startswith("tasks.")}
    assert ours == {
        "tasks.alerts.notice",
        "tasks.config.validate_and_fetch_models",
        "tasks.config.refresh_stale_models",
        "tasks.generation.generate_poem",
        "tasks.generation.generate_voice",
        "tasks.generation.generate_song",
        "tasks.generation.generate_clip",
        "tasks.generation.poll_jobs",
        "tasks.recovery.sweep",
    }
    assert {CHECK_TASK, *GENERATION_TASKS.values()} <= ours
    assert {entry["task"] for entry in celeryconfig.beat_schedule.values()} <= ours


def test_the_worker_of_the_procfile_listens_to_every_queue_that_is_routed_to() -> None:
    worker = next(line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("worker:"))
    listens = re.search(r"--queues (\S+)", worker)

    assert listens is not None
    assert set(listens[1].split(",")) == {route["queue"] for route in celeryconfig.task_routes.values()}


def test_the_matrix_is_the_customers() -> None:
    assert ALLOWED_PROVIDERS == {
        StageType.POEM: (ProviderKind.YANDEX_GPT, ProviderKind.GEMINI, ProviderKind.OPENAI),
        StageType.VOICE: (ProviderKind.SPEECHKIT,),
        StageType.SONG: (ProviderKind.SUNO,),
        StageType.CLIP: (ProviderKind.PIKA,),
    }
    for stage_type in StageType:
        assert ProviderKind.DUMMY not in allowed_providers(stage_type, dummy=False)
        assert allowed_providers(stage_type, dummy=True)[-1] is ProviderKind.DUMMY


def test_every_adapter_says_what_it_is() -> None:
    for kind, adapter in ADAPTERS.items():
        assert adapter.kind is kind


def test_the_sections_table_has_the_customers_columns() -> None:
    columns = ProviderConfig.__table__.columns

    assert {
        "stage_type",
        "provider_kind",
        "api_key_encrypted",
        "model",
        "models_cache",
        "models_cache_updated_at",
        "updated_at",
        "status",
    } <= set(columns.keys())
    assert columns["stage_type"].unique


def test_every_state_of_a_stage_is_of_the_contract() -> None:
    assert {state.value for state in StageState} == {
        "blocked",
        "queued",
        "running",
        "submitted",
        "fetching",
        "uncertain",
        "waiting",
        "attention",
        "done",
        "failed",
    }


def test_migrations_lead_to_the_tables_of_the_code_and_back(migrated_app: Flask) -> None:
    with migrated_app.app_context():
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(db.engine).get_table_names()) == set(Base.metadata.tables) | {"alembic_version"}

        downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
        upgrade()
        assert set(inspect(db.engine).get_table_names()) == set(Base.metadata.tables) | {"alembic_version"}
