"""What the processes print, in one stream: each line with its time, the name of its process and a colour of its own."""

import queue
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from honcho.colour import get_colours
from honcho.printer import Message, Printer

from escaping import escape_controls

OURS = "system"


class Output:
    """Any thread may add a line; one thread prints them, in the order in which they came."""

    def __init__(self, names: Iterable[str]) -> None:
        self._colours = dict(zip(names, get_colours(), strict=False))
        self._printer = Printer(sys.stdout, width=max(map(len, [OURS, *self._colours])))
        self._lines: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def add(self, name: str, line: str | bytes) -> None:
        """A line that the process ``name`` has printed."""
        now = datetime.now()  # noqa: DTZ005  # the clock on the wall of who reads it
        text = line.decode(errors="replace") if isinstance(line, bytes) else line
        self._lines.put(Message("line", escape_controls(text), now, name, self._colours.get(name)))

    def say(self, sentence: str) -> None:
        """A line of our own."""
        self.add(OURS, sentence)

    def print_for(self, seconds: float) -> None:
        """Print what is there and what comes within ``seconds``."""
        until = time.monotonic() + seconds
        with suppress(queue.Empty):
            while True:
                self._print(self._lines.get(timeout=max(until - time.monotonic(), 0)))
                if time.monotonic() > until:
                    return

    def print_rest(self) -> None:
        """Print what is there."""
        with suppress(queue.Empty):
            while True:
                self._print(self._lines.get_nowait())

    def _print(self, line: Message) -> None:
        # A terminal that is closed, or that lacks a letter, must not keep us from our work.
        with suppress(OSError, ValueError):
            self._printer.write(line)
