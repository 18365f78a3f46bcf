"""What strangers send steers no terminal: every sink writes such letters out, and loses nothing."""

import io
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from flask import Flask
from honcho.printer import Printer
from hypothesis import given
from hypothesis import strategies as st

from escaping import escape_controls
from launch.output import Output
from tests.domain.unhurried import unhurried
from web.cli import output as cli_output
from web.logs import configure_logs

OBEYED = {
    "escape": "\x1b[2J",
    "backspace": "\b",
    "carriage return": "\r",
    "delete": "\x7f",
    "a C1 control": "\x9b31m",
    "next line": "\x85",
    "right to left": "\u202e",
    "an isolate": "\u2066",
    "an Arabic letter mark": "\u061c",
    "a line separator": "\u2028",
    "a paragraph separator": "\u2029",
    "no width": "\u200b",
    "a byte order mark": "\ufeff",
    "half of a pair": "\ud83d",
    "a hidden tag": "\U000e0041",
}
SHOWN = ("Анна, 60\n\tлет", "naïve", "👩‍👩‍👧", "日本", "«…»", "\u00a0", "\\u202e")


@pytest.mark.parametrize("obeyed", OBEYED)
def test_a_letter_that_a_terminal_obeys_is_written_out(obeyed: str) -> None:
    escaped = escape_controls(f"Анна{OBEYED[obeyed]}.")

    assert escaped.startswith("Анна\\u")
    assert escaped.isprintable()


@pytest.mark.parametrize("text", SHOWN)
def test_all_other_letters_stay(text: str) -> None:
    assert escape_controls(text) == text


@unhurried
@given(st.text(st.characters(codec=None)))
def test_json_means_the_same_as_before(text: str) -> None:
    assert json.loads(escape_controls(json.dumps(text, ensure_ascii=False))) == text


@pytest.fixture
def migrated_app(apps: Callable[[str], Flask]) -> Flask:
    """No log knows which database it is."""
    return apps("sqlite")


@pytest.fixture
def log(app: Flask, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is logged, as a process of ours writes it."""
    configure_logs(app.config["SETTINGS"])
    written = io.StringIO()
    handler = next(each for each in logging.getLogger().handlers if each.get_name() == "quatrain")
    monkeypatch.setattr(handler, "stream", written)
    return written


#: Pytest, which takes notes of what is logged, cannot pass half of a pair on from process to process.
@pytest.mark.parametrize("obeyed", [name for name in OBEYED if name != "half of a pair"])
def test_a_line_of_the_log_steers_no_terminal(obeyed: str, log: io.StringIO) -> None:
    sent = f"Анна{OBEYED[obeyed]}."

    structlog.get_logger("test").warning("sent", text=sent, **{f"by {OBEYED[obeyed]}": 1})
    logging.getLogger("gunicorn.error").error("cannot serve %s", sent)

    lines = log.getvalue().splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert json.loads(lines[0])["text"] == sent


def test_half_of_a_pair_breaks_no_line_of_the_log(log: io.StringIO) -> None:
    handler = next(each for each in logging.getLogger().handlers if each.get_name() == "quatrain")

    record = {"name": "test", "msg": "Анна\ud83d.", "levelno": logging.WARNING, "levelname": "WARNING"}
    line = handler.format(logging.makeLogRecord(record))

    assert line.isprintable()
    assert json.loads(line)["event"] == "Анна\ud83d."


@pytest.mark.parametrize("obeyed", OBEYED)
def test_a_line_of_a_child_process_steers_no_terminal(obeyed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    output = Output(["web"])
    monkeypatch.setattr(output, "_printer", Printer(printed))

    output.add("web", f"Анна{OBEYED[obeyed]}.".encode(errors="surrogatepass"))
    output.print_rest()

    line = printed.getvalue().removesuffix("\n")
    assert "Анна" in line
    assert line.isprintable()


def test_a_command_prints_nothing_that_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "Анна\x9b31m\u202e\n"

    cli_output.print_table(["NAME"], [[name], ["short"]])
    cli_output.echo(f"{name}is removed.", err=True)
    cli_output.Refused(f"There is no {name}.").show()

    said, refused = capsys.readouterr()
    assert said.splitlines() == ["NAME", "Анна\\u009b31m\\u202e\\n", "short"]
    assert (said + refused).replace("\n", "").isprintable()


def test_a_command_prints_json_that_means_what_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    names = list(OBEYED.values())

    cli_output.print_json(names)

    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable()
    assert json.loads(said) == names


def test_no_command_prints_past_that_door() -> None:
    commands = [path for path in Path("web/cli").glob("*.py") if path.name != "output.py"]

    assert len(commands) > 5
    assert not [path.name for path in commands if re.search(r"click\.s?echo\(|\bprint\(", path.read_text())]
