"""What crashes is told to the log alone; what only ends is not told at all."""

import io
import json
import logging
import sys
import threading

import pytest

from tests.conftest import production_settings
from web.logs import configure_logs


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written into the log of a process that has just set it up."""
    # Whoever looks for crashes in the tests has put his own there.
    for module in (sys, threading):
        monkeypatch.setattr(module, "excepthook", module.excepthook)
    configure_logs(production_settings())
    written = io.StringIO()
    handler = next(each for each in logging.getLogger().handlers if each.get_name() == "quatrain")
    monkeypatch.setattr(handler, "stream", written)
    return written


def events(log: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in log.getvalue().splitlines()]


def crash(fault: BaseException) -> None:
    """As Python does with what nobody has caught."""
    sys.excepthook(type(fault), fault, fault.__traceback__)


def crash_in_a_thread(fault: BaseException) -> None:
    def fail() -> None:
        raise fault

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


def test_a_crash_is_told_to_the_log_alone(log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    crash(RuntimeError("of the process"))
    crash_in_a_thread(RuntimeError("of a thread"))

    assert events(log) == ["process crashed", "thread crashed"]
    assert capsys.readouterr().err == ""


def test_a_ctrl_c_is_no_crash(log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    crash(KeyboardInterrupt())

    assert events(log) == []
    assert capsys.readouterr().err.strip() == "KeyboardInterrupt"


def test_a_thread_that_ends_itself_is_no_crash(log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    crash_in_a_thread(SystemExit(1))

    assert events(log) == []
    assert capsys.readouterr().err == ""
