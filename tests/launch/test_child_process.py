"""How processes are started on a machine that is no Linux."""

import pytest

from launch import child_process


def test_where_no_kernel_can_be_asked_a_child_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_prctl", None)

    prepare = child_process.dying_with_parent()

    prepare()
