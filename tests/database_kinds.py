"""On which kinds of database a test runs, where it is not both."""

import pytest

#: What a promise has to do with no database at all is seen on SQLite; the thorough see it on PostgreSQL too.
ONE_DATABASE = ("sqlite", pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.thorough]))

on_one_database = pytest.mark.parametrize("migrated_app", ONE_DATABASE, indirect=True)
