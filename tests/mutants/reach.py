"""Which lines of the domain each test reaches: only those that reach a line could notice a change of it."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

DOMAIN = Path(__file__).parents[2] / "domain"
#: Of processor time. Whatever takes longer is about the whole, and would be the last to notice one line.
MAX_SECONDS = 3.0
SECONDS_FOR_A_MUTANT = 20.0


class Recorder:
    """A plugin of pytest that writes it down."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds: dict[str, float] = {}
        self._coverage = coverage.Coverage(data_file=None, include=[f"{DOMAIN}/*"], config_file=False)

    def pytest_sessionstart(self) -> None:
        """Not before: this is another process."""
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Let what runs now count for this test."""
        began = time.process_time()
        self._coverage.switch_context(item.nodeid)
        result = yield
        self._seconds[item.nodeid] = time.process_time() - began
        return result

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write, if all is well."""
        self._coverage.stop()
        if exitstatus:
            return
        data = self._coverage.get_data()
        tests = [test for test, seconds in self._seconds.items() if seconds < MAX_SECONDS]
        numbers = {test: number for number, test in enumerate(tests)}
        lines = {
            file: {
                line: [numbers[test] for test in reaching if test in numbers]
                for line, reaching in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        breadths = Counter(test for of_file in lines.values() for reaching in of_file.values() for test in reaching)
        facts = [(test, self._seconds[test], breadths[number]) for number, test in enumerate(tests)]
        self._file.write_text(json.dumps({"tests": facts, "lines": lines}))


class Reach:
    """What was written down."""

    def __init__(self, file: Path) -> None:
        known = json.loads(file.read_text())
        self._tests: list[tuple[str, float, int]] = known["tests"]
        self._lines: dict[str, dict[str, list[int]]] = known["lines"]

    def of(self, file: str, lines: range) -> tuple[list[str], float]:
        """The tests that reach one of the lines, and how long they take.

        Those that reach little beside come first, as they are about it; of what the whole suite passes through, as many
        as there is time for.
        """
        of_file = self._lines.get(file, {})
        found = {number for line in lines for number in of_file.get(str(line), ())}
        chosen, total = [], 0.0
        for test, seconds, _ in sorted((self._tests[number] for number in found), key=lambda test: test[2]):
            chosen.append(test)
            total += seconds
            if total > SECONDS_FOR_A_MUTANT:
                break
        return chosen, total
