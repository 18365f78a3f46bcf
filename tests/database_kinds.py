"""On which kinds of database a test runs, where its folder says otherwise."""

import pytest

POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.postgresql)
#: What a promise has to do with no database at all is seen on SQLite; the thorough see it on PostgreSQL too.
ONE_DATABASE = ("sqlite", pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.thorough]))
BOTH_DATABASES = ("sqlite", POSTGRESQL)

on_one_database = pytest.mark.parametrize("migrated_app", ONE_DATABASE, indirect=True)
on_both_databases = pytest.mark.parametrize("migrated_app", BOTH_DATABASES, indirect=True)
