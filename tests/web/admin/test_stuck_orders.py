"""What stands longer than it should is shown with the reason, in the list and on the page of its order."""

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, update

from domain import heartbeats
from domain.db import db, utc_now
from domain.monitoring.stuck import StuckStage
from domain.monitoring.stuck_rules import StuckReason
from domain.orders.models import Attempt, AttemptState, Stage, StageState
from domain.orders.stages import update_order_states
from providers.kinds import ProviderKind, StageType
from tests import builders
from tests.web.admin.browser import Page
from web.i18n.stuck import latest_failure, standstill_advice, standstill_words

pytestmark = pytest.mark.usefixtures("clock")

POEM, VOICE, SONG, CLIP = StageType
MINUTE = timedelta(minutes=1)
NUMBER = re.compile(r"(?:№|No\.) (\d+) ")


@pytest.fixture(autouse=True)
def worker(app: Flask) -> None:
    """A worker is at work."""
    with app.app_context():
        heartbeats.beat(heartbeats.WORKER, utc_now())


def put(order_id: int, stage_type: StageType = POEM, **values: object) -> int:
    """Let a stage be as it would be after a while; returns its id."""
    stage_id = builders.stage_of(order_id, stage_type).id
    db.session.execute(update(Stage).where(Stage.id == stage_id).values(**values))
    update_order_states([order_id])
    db.session.commit()
    return stage_id


def order_without_a_key(since: datetime) -> int:
    order_id = builders.place_order().id
    put(order_id, state=StageState.WAITING, reason="not_configured", waiting_since=since)
    return order_id


def order_with_a_slow_song(now: datetime) -> int:
    order_id = builders.place_order(frozenset({SONG}), poem="Море шумит.").id
    stage_id = put(order_id, SONG, state=StageState.SUBMITTED, due_at=now + MINUTE)
    db.session.add(
        Attempt(
            stage_id=stage_id,
            number=1,
            state=AttemptState.ACCEPTED,
            provider_kind=ProviderKind.SUNO,
            model="V5",
            submitted_at=now - 120 * MINUTE,
            deadline_at=now + 30 * MINUTE,
        )
    )
    db.session.commit()
    return order_id


def rows(page: Page) -> dict[int, str]:
    """The text of each row of the list, by the id of its order."""
    found = ((NUMBER.match(item.text), item.text) for item in page.all("tr", inside="main"))
    return {int(number[1]): text for number, text in found if number}


def test_the_list_says_which_stage_stands_why_and_since_when(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        stuck, fine = order_without_a_key(utc_now() - 180 * MINUTE), builders.place_order().id

    shown = rows(Page(admin.get("/admin/orders")))

    assert "⚠ Стих: ключ не задан. Без движения: 3 часа (с 09:00)." in shown[stuck]
    assert "Без движения" not in shown[fine]
    assert (
        "Poem: no key is set. Has not moved for 3 hours (since 09:00)."
        in rows(Page(admin.get("/admin/orders?lang=en")))[stuck]
    )


def test_the_stages_of_an_order_stand_in_the_list_in_their_order(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order(frozenset(StageType)).id
        put(order_id, state=StageState.ATTENTION, reason="answer_lost")

    words = rows(Page(admin.get("/admin/orders")))[order_id].split("⚠")[1:]

    assert [each.split(":")[0].strip() for each in words] == ["Стих", "Озвучка", "Песня", "Видео"]
    assert "по стиху нужно решение" in words[1]


def test_a_healthy_order_shows_nothing_of_it(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section()
        done = builders.place_order().id
        builders.run(done)
        fresh = builders.place_order(frozenset(StageType)).id

    for path in ("/admin/orders", f"/admin/orders/{done}", f"/admin/orders/{fresh}"):
        text = Page(admin.get(path)).by_id("main").text
        assert "Без движения" not in text
        assert "⚠" not in text
    assert Page(admin.get(f"/admin/orders/{fresh}")).all("div", class_="alert alert-warning py-2 mb-0") == []


def test_the_filter_shows_only_stuck_orders_page_by_page(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        stuck = [order_without_a_key(utc_now() - 5 * MINUTE) for _ in range(27)]
        builders.place_order()

    first = Page(admin.get("/admin/orders?stuck=1"))
    older = str(next(a for a in first.all("a") if a.text == "Раньше").get("href"))
    second = Page(admin.get(older))

    assert list(rows(first)) == stuck[:1:-1]
    assert list(rows(second)) == stuck[1::-1]
    assert "Раньше" not in [a.text for a in second.all("a")]
    newest = str(next(a for a in second.all("a") if a.text == "К новым").get("href"))
    assert list(rows(Page(admin.get(newest)))) == list(rows(first))


def test_the_filter_is_a_button_beside_those_of_the_states(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = order_without_a_key(utc_now() - 5 * MINUTE)

    button = Page(admin.get("/admin/orders")).one("a", href="/admin/orders?stuck=1")
    pressed = Page(admin.get("/admin/orders?stuck=1")).all("a", aria_current="true")

    assert button.text == "Застряло"
    assert [a.text for a in pressed] == ["Застряло"]
    assert list(rows(Page(admin.get("/admin/orders?stuck=1&state=waiting")))) == [order_id]
    assert list(rows(Page(admin.get("/admin/orders?stuck=1&state=failed")))) == []


def test_when_nothing_is_stuck_the_page_says_so(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.place_order()

    page = Page(admin.get("/admin/orders?stuck=1"))

    assert rows(page) == {}
    assert "Ничего не застряло." in page.by_id("main").text


@pytest.mark.parametrize("path", ["/admin/orders", "/admin/orders?stuck=1"])
def test_a_long_list_takes_as_many_queries_as_a_short_one(app: Flask, admin: FlaskClient, path: str) -> None:
    def queries() -> int:
        statements: list[str] = []

        def note(*arguments: object) -> None:
            statements.append(str(arguments[2]))

        with app.app_context():
            event.listen(db.engine, "before_cursor_execute", note)
            admin.get(path)
            event.remove(db.engine, "before_cursor_execute", note)
        return sum("FROM" in each for each in statements)

    with app.app_context():
        order_without_a_key(utc_now() - 5 * MINUTE)
    few = queries()
    with app.app_context():
        for _ in range(9):
            order_without_a_key(utc_now() - 5 * MINUTE)

    assert queries() == few


@pytest.mark.parametrize("part", ["", "?part=stages"])
def test_the_page_of_an_order_says_why_since_when_what_to_do_and_what_comes(
    app: Flask, admin: FlaskClient, part: str
) -> None:
    with app.app_context():
        order_id = order_with_a_slow_song(utc_now())

    song = Page(admin.get(f"/admin/orders/{order_id}{part}")).by_id("song")

    assert "Провайдер делает это дольше обычного. Пока ничего делать не нужно." in song.text
    assert "Без движения: 2 часа (с 10:00)." in song.text
    assert "Если работа не придёт, через 30 минут (сегодня, 12:30) понадобится решение." in song.text
    assert song.get("data-say") == "Песня: создаётся у провайдера. Провайдер делает это дольше обычного"


def test_the_page_says_a_reason_of_the_stage_itself_once(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = order_without_a_key(utc_now() - 180 * MINUTE)

    poem = Page(admin.get(f"/admin/orders/{order_id}")).by_id("poem").text

    assert poem.count("Ключ не задан.") == 1
    assert poem.count("3 часа") == 1
    assert "Если ничего не изменится, попытки прекратятся через 3 дня (21 нояб., 09:00)." in poem
    assert "с настройками" not in poem.lower()


def test_a_stage_that_stands_after_a_failure_tells_of_both(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        put(order_id, due_at=utc_now() - 5 * MINUTE, reason="unavailable", detail="503")

    poem = Page(admin.get(f"/admin/orders/{order_id}")).by_id("poem").text

    assert "Все обработчики заняты." in poem
    assert "Последний сбой: провайдер не отвечает." in poem
    assert "503" in poem
    assert "Следующая попытка" not in poem


def test_what_follows_a_poem_that_failed_says_so(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order(frozenset({POEM, VOICE})).id
        put(order_id, state=StageState.FAILED, reason="content_blocked")

    page = Page(admin.get(f"/admin/orders/{order_id}"))

    assert "Стих не получился. Повторите стих" in page.by_id("voice").text
    assert "Без движения" not in page.by_id("poem").text


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("why", StuckReason)
def test_every_standstill_has_its_words_and_its_advice(app: Flask, why: StuckReason, language: str) -> None:
    standing = StuckStage(1, POEM, StageState.QUEUED, why, utc_now(), None, reason=None)

    with app.test_request_context(f"/?lang={language}"):
        words, advice = str(standstill_words(standing)), str(standstill_advice(standing))

    assert words[0].islower()
    assert not words.endswith(".")
    assert advice[0].isupper()
    assert advice.endswith(".")
    assert ("а" <= words[0] <= "я") == (language == "ru")


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (StuckReason.DISK_FULL, "storage_full"),
        (StuckReason.ANSWER_LOST, "answer_lost"),
        (StuckReason.POEM_FAILED, "no_poem"),
        (StuckReason.SETTINGS, "no_credit"),
        (StuckReason.DECISION, "job_too_long"),
    ],
)
def test_a_reason_that_is_said_already_is_no_second_failure(app: Flask, why: StuckReason, reason: str) -> None:
    with app.test_request_context():
        assert latest_failure(StuckStage(1, POEM, StageState.WAITING, why, utc_now(), None, reason)) == ""
        assert latest_failure(StuckStage(1, POEM, StageState.WAITING, StuckReason.NO_WORKER, utc_now(), None, reason))
