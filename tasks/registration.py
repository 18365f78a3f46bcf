"""How a function becomes a task. Celery's own decorator says nothing of types, and would take them from each task."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from celery import shared_task

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def task(name: str) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a task called ``name`` of the function below; it can still be called as that function."""
    register: Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]] = shared_task(name=name)
    return register
