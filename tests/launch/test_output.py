"""What the processes print: in the order in which it came, and without an end where they know none."""

import pytest

from launch.output import Output


def lines_of(printed: str) -> list[str]:
    return [line.partition("| ")[2] for line in printed.splitlines()]


def test_one_that_never_stops_printing_keeps_nobody_from_looking_after_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output(["chatty"])
    lines = [f"line {number}" for number in range(100)]
    for line in lines:
        output.add("chatty", line)

    output.print_for(0)

    first = lines_of(capsys.readouterr().out)
    assert first == ["line 0"]
    output.print_rest()
    assert first + lines_of(capsys.readouterr().out) == lines
