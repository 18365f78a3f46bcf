"""Stages that their provider's pace holds go on at the moment when it takes more."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask

from domain.db import db
from providers.base import Limits
from providers.kinds import ProviderKind
from tasks.pace import release_at
from tests.builders import place_order, run, stage_of, working_section
from tests.running_system import wait_until


def test_the_oldest_gets_its_message_and_the_next_one_its_own(
    app: Flask, messages: list[tuple[int | str, ...]], change_settings: Callable[..., None]
) -> None:
    with app.app_context():
        working_section()
        change_settings(provider_limits={ProviderKind.DUMMY: Limits(calls=1, seconds=0.3)})
        orders = [place_order() for _ in range(3)]
        again_at = [run(each).again_at for each in orders]
        first, second = (stage_of(each).id for each in orders[1:])
        db.session.rollback()
        assert again_at[1] is not None

        release_at(again_at[1])
        release_at(again_at[1] + timedelta(seconds=10))
        wait_until(lambda: messages, "a message")
        run(orders[1])
        db.session.rollback()

        wait_until(lambda: len(messages) == 2, "the next message")

    assert messages == [("tasks.generation.generate_poem", stage_id) for stage_id in (first, second)]
