"""Nobody else on the machine reads what we write, and what was written before is taken from them."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from launch import env_file
from private_files import close_to_others, write_for_ourselves_alone
from settings import Settings


def modes(folder: Path) -> dict[str, str]:
    """Mode of all that is in a folder, and its own."""
    found = [folder, *folder.rglob("*")]
    return {str(each.relative_to(folder.parent)): oct(stat.S_IMODE(each.lstat().st_mode)) for each in found}


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def readable(tmp_path: Path, umask: None) -> Path:
    """A folder as an older version has made it."""
    folder = tmp_path / "var"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "1.mp3").touch()
    (folder / "quatrain.db").touch()
    (folder / "quatrain.db-wal").touch()
    (folder / "run.sh").touch(mode=0o755)
    return folder


def test_what_a_process_of_ours_makes_is_for_its_user_alone(tmp_path: Path, umask: None) -> None:
    write_for_ourselves_alone()

    with closing(sqlite3.connect(tmp_path / "made.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (n)")
        (tmp_path / "made").mkdir()
        found = modes(tmp_path)

    assert found[f"{tmp_path.name}/made"] == "0o700"
    assert {mode for name, mode in found.items() if "made.db" in name} == {"0o600"}
    assert f"{tmp_path.name}/made.db-wal" in found


def test_what_was_made_before_is_closed(readable: Path) -> None:
    assert close_to_others([readable], "sqlite://") == []

    assert modes(readable) == {
        "var": "0o700",
        "var/media": "0o700",
        "var/media/1.mp3": "0o600",
        "var/quatrain.db": "0o600",
        "var/quatrain.db-wal": "0o600",
        "var/run.sh": "0o700",
    }
    assert close_to_others([readable], "sqlite://") == []


def test_a_database_elsewhere_is_closed_with_what_stands_beside_it(readable: Path) -> None:
    assert close_to_others([], f"sqlite:///{readable / 'quatrain.db'}") == []

    found = modes(readable)
    assert (found["var/quatrain.db"], found["var/quatrain.db-wal"]) == ("0o600", "0o600")
    assert (found["var"], found["var/media/1.mp3"]) == ("0o755", "0o644")


def test_what_is_meant_for_all_and_what_a_link_leads_to_stay_as_they_are(readable: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o644)
    (readable / "link").symlink_to(elsewhere)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "of somebody").touch(mode=0o644)

    close_to_others([readable, shared], "postgresql+psycopg://u@h/d")

    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644
    assert modes(shared) == {"shared": "0o1777", "shared/of somebody": "0o644"}


def test_what_belongs_to_somebody_else_is_told(readable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, _mode: int) -> None:
        if path.name == "quatrain.db":
            raise PermissionError

    monkeypatch.setattr(Path, "chmod", refuse)

    assert close_to_others([readable], "sqlite://") == [readable / "quatrain.db"]


def test_a_file_that_goes_meanwhile_is_no_fault(readable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_path: Path, _mode: int) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "chmod", gone)

    assert close_to_others([readable], "sqlite://") == []


def test_a_release_closes_the_data(app: Flask, run: Callable[..., Result], readable: Path) -> None:
    before: Settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = before.model_copy(update={"var_dir": readable, "media_dir": readable / "media"})

    assert run("prepare").exit_code == 0

    assert set(modes(readable).values()) == {"0o600", "0o700"}


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_an_env_file_is_closed(mode: int, tmp_path: Path) -> None:
    written = tmp_path / ".env"
    written.touch()
    written.chmod(mode)

    assert not env_file.load(written, tmp_path / ".env.example")

    assert stat.S_IMODE(written.stat().st_mode) == 0o600
