"""The pages of orders: placing one, finding it, following it, trying again, fetching the works."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from domain.db import db, utc_now
from domain.orders.models import Order, OrderState, StageState
from providers.kinds import StageType
from tests import builders
from tests.local_s3 import LocalS3
from tests.web.admin.browser import Page, post

pytestmark = pytest.mark.usefixtures("clock")

ORDER = {
    "recipient": "Анна",
    "occasion": "60 лет",
    "details": "любит море",
    "tone": "тепло",
    "language": "ru",
    "stages": ["POEM", "VOICE"],
    "poem": "",
}
NEW = "/admin/orders/new"


def orders(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Order)) or 0


@pytest.fixture
def made_order(app: Flask) -> int:
    """An order whose voice and video are done."""
    with app.app_context():
        builders.working_section(StageType.VOICE)
        builders.working_section(StageType.CLIP)
        order_id = builders.place_order(frozenset({StageType.VOICE, StageType.CLIP}), poem="Море шумит.").id
        builders.run(order_id, StageType.VOICE)
        builders.run(order_id, StageType.CLIP)
    return order_id


def test_placing_an_order_leads_to_its_page_and_wakes_a_worker(
    app: Flask, admin: FlaskClient, messages: list[tuple[str, int | str]]
) -> None:
    answer = post(admin, NEW, ORDER)

    assert (answer.status_code, answer.location) == (303, "/admin/orders/1")
    page = Page(admin.get("/admin/orders/1"))
    assert "любит море" in page.by_id("main").text
    assert "admin" in page.by_id("main").text
    assert page.by_id("poem").get("data-say") == "Стих: в очереди"
    assert page.by_id("voice").get("data-say") == "Озвучка: ждёт стих"
    with app.app_context():
        assert messages == [("tasks.generation.generate_poem", builders.stage_of(1).id)]


@pytest.mark.parametrize(
    ("change", "field_id", "sentence"),
    [
        ({"recipient": "  "}, "recipient", "Заполните это поле."),
        ({"occasion": ""}, "occasion", "Заполните это поле."),
        ({"details": "ы" * 2001}, "details", "Не больше 2000 символов, а здесь 2001."),
        ({"tone": "a\x00b"}, "tone", "Здесь есть недопустимые символы."),
        ({"language": "de"}, "language", "Выберите русский или английский."),
        ({"stages": []}, "stages", "Выберите хотя бы одну работу."),
        ({"stages": ["SONG"]}, "poem", "Закажите и стих или дайте свой текст."),
        ({"poem": "Свой стих"}, "poem", "Стих заказан"),
    ],
)
def test_what_is_wrong_with_an_order_is_said_at_its_field(
    app: Flask, admin: FlaskClient, change: dict[str, object], field_id: str, sentence: str
) -> None:
    answer = post(admin, NEW, {**ORDER, **change})

    page = Page(answer)
    assert answer.status_code == 422
    assert sentence in page.by_id(f"{field_id}-error").text
    assert page.by_id("recipient").get("value") == {**ORDER, **change}["recipient"]
    assert orders(app) == 0


@pytest.mark.parametrize("change", [{"colour": "red"}, {"recipient": ["a", "b"]}])
def test_fields_that_our_page_cannot_send_are_refused(
    app: Flask, admin: FlaskClient, change: dict[str, object]
) -> None:
    assert post(admin, NEW, {**ORDER, **change}).status_code == 400
    assert orders(app) == 0


def test_an_order_of_the_longest_texts_passes(app: Flask, admin: FlaskClient) -> None:
    longest = {"recipient": "Ж" * 100, "occasion": "Щ" * 200, "details": "Ы" * 2000, "tone": "Ю" * 200}

    answer = post(admin, NEW, {**ORDER, **longest, "stages": ["VOICE"], "poem": "Ъ" * 4000})

    assert answer.status_code == 303
    with app.app_context():
        assert db.session.get_one(Order, 1).poem == "Ъ" * 4000


def test_markup_in_an_order_stays_text(admin: FlaskClient) -> None:
    post(admin, NEW, {**ORDER, "recipient": "<script>alert(1)</script>"})

    for path in ("/admin/orders", "/admin/orders/1"):
        text = admin.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_the_list_is_newest_first_filtered_and_paged(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        for number in range(30):
            builders.place_order(recipient=f"Гость {number}")
        builders.set_state(3, StageType.POEM, StageState.FAILED, reason="content_blocked")

    def ids(path: str) -> list[int]:
        links = Page(admin.get(path)).all("a", inside="main")
        return [int(a.text.split()[1]) for a in links if "№" in a.text]

    assert ids("/admin/orders") == list(range(30, 5, -1))
    older = next(a for a in Page(admin.get("/admin/orders")).all("a") if a.text == "Раньше")
    assert ids(str(older.get("href"))) == [5, 4, 3, 2, 1]
    assert ids("/admin/orders?state=failed") == [3]
    assert ids("/admin/orders?state=nonsense&before=x") == list(range(30, 5, -1))


def test_an_order_that_is_not_there_is_not_found(admin: FlaskClient) -> None:
    for path in ("/admin/orders/1", "/admin/orders/99999999999999999999", "/admin/orders/x", "/admin/orders?before=-1"):
        answer = admin.get(path)
        assert answer.status_code == 404
        assert Page(answer).one("h1").text == "Такой страницы нет"


def test_the_works_can_be_seen_and_fetched(admin: FlaskClient, made_order: int) -> None:
    page = Page(admin.get(f"/admin/orders/{made_order}"))

    audio, video = page.one("audio"), page.one("video")
    assert "controls" in audio.attributes
    assert "controls" in video.attributes
    for element, kind in ((audio, "audio/"), (video, "video/")):
        address = str(element.get("src")).partition("#")[0]
        whole = admin.get(address, buffered=True)
        part = admin.get(address, headers={"Range": "bytes=10-19"}, buffered=True)
        assert (whole.status_code, part.status_code) == (200, 206)
        assert str(whole.content_type).startswith(kind)
        assert part.data == whole.data[10:20]
        assert whole.headers["X-Content-Type-Options"] == "nosniff"
        saved = admin.get(f"{address}?download=1", buffered=True)
        assert str(saved.headers["Content-Disposition"]).startswith("attachment; filename=")


def test_a_range_beyond_the_end_is_416(admin: FlaskClient, made_order: int) -> None:
    answer = admin.get(f"/admin/orders/{made_order}/works/VOICE", headers={"Range": "bytes=99999999-"}, buffered=True)

    assert answer.status_code == 416
    assert "Content-Range" in answer.headers


def test_a_text_is_shown_and_fetched_as_text(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        builders.working_section()
        order_id = builders.place_order().id
        builders.run(order_id)
        text = builders.text_of(order_id)

    answer = admin.get(f"/admin/orders/{order_id}/works/POEM")

    assert (answer.text, answer.mimetype) == (text, "text/plain")
    assert text.splitlines()[0] in admin.get(f"/admin/orders/{order_id}").text
    assert admin.get(f"/admin/orders/{order_id}/works/VOICE").status_code == 404
    assert admin.get(f"/admin/orders/{order_id}/works/POEM?download=1").headers["Content-Disposition"].startswith("att")


def test_a_work_that_is_not_done_or_whose_file_is_gone_is_not_found(
    app: Flask, admin: FlaskClient, made_order: int
) -> None:
    for file in app.config["SETTINGS"].media_dir.iterdir():
        file.unlink()
    with app.app_context():
        other = builders.place_order().id

    assert admin.get(f"/admin/orders/{made_order}/works/CLIP").status_code == 404
    assert admin.get(f"/admin/orders/{other}/works/POEM").status_code == 404


def test_a_store_that_does_not_answer_is_said_so(
    app: Flask, admin: FlaskClient, made_order: int, s3: LocalS3, change_settings: Callable[..., None]
) -> None:
    change_settings(**{**s3.settings, "aws_endpoint_url": "http://127.0.0.1:1"})

    page = admin.get(f"/admin/orders/{made_order}/works/CLIP")

    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "Хранилище файлов не отвечает" in page.text


def test_a_failed_stage_says_why_and_can_be_tried_again_once(
    app: Flask, admin: FlaskClient, messages: list[tuple[str, int | str]]
) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        builders.set_state(order_id, StageType.POEM, StageState.FAILED, reason="content_blocked", detail="SAFETY")
        stage_id = builders.stage_of(order_id).id
    page = Page(admin.get(f"/admin/orders/{order_id}"))
    assert "Провайдер не принял слова заказа." in page.by_id("poem").text
    assert "SAFETY" in page.by_id("poem").text
    retry = str(page.one("form", inside="poem").get("action"))

    first, second = post(admin, retry), post(admin, retry)

    assert (first.status_code, first.location) == (303, f"/admin/orders/{order_id}#poem")
    assert second.status_code == 303
    assert messages == [("tasks.generation.generate_poem", stage_id)]
    assert "Повторять нечего" in admin.get(f"/admin/orders/{order_id}").text
    with app.app_context():
        assert builders.stage_of(order_id).state is StageState.QUEUED
        assert db.session.get_one(Order, order_id).state is OrderState.RUNNING
    assert post(admin, f"/admin/orders/{order_id}/stages/CLIP/retry").status_code == 404


def test_a_stage_that_pauses_after_a_failure_can_be_tried_at_once(
    app: Flask, admin: FlaskClient, messages: list[tuple[str, int | str]]
) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        later = utc_now() + timedelta(minutes=20)
        builders.set_state(order_id, StageType.POEM, StageState.QUEUED, reason="unavailable", due_at=later)
        stage_id = builders.stage_of(order_id).id
    page = Page(admin.get(f"/admin/orders/{order_id}"))
    assert "Повторить сейчас" in page.by_id("poem").text

    post(admin, str(page.one("form", inside="poem").get("action")))

    assert messages == [("tasks.generation.generate_poem", stage_id)]
    with app.app_context():
        assert builders.stage_of(order_id).due_at <= utc_now()
    assert "Повторить сейчас" not in admin.get(f"/admin/orders/{order_id}").text


def test_a_waiting_stage_leads_to_its_section(app: Flask, admin: FlaskClient) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        builders.set_state(order_id, StageType.POEM, StageState.WAITING, reason="no_credit", waiting_since=utc_now())

    page = Page(admin.get(f"/admin/orders/{order_id}"))

    assert "Не хватает денег или квоты." in page.by_id("poem").text
    assert page.one("a", inside="poem").get("href") == "/admin/providers#poem"
    assert "Ждёт 1 работа" in Page(admin.get("/admin")).by_id("main").text
    assert "1 заказ" in Page(admin.get("/admin")).by_id("main").text


@pytest.mark.parametrize(
    ("reason", "tried"), [("unavailable", True), ("provider_pace", False)], ids=["tried in vain", "held"]
)
def test_a_queued_stage_says_what_it_waits_for(app: Flask, admin: FlaskClient, reason: str, tried: bool) -> None:
    with app.app_context():
        order_id = builders.place_order().id
        builders.set_state(order_id, StageType.POEM, StageState.QUEUED, reason=reason)

    poem = Page(admin.get(f"/admin/orders/{order_id}")).by_id("poem").text

    assert ("Следующая попытка" in poem) == tried
    assert ("Попытка повторится сама" in poem) == tried
    assert ("Продолжится само, сначала старые заказы" in poem) != tried


def test_a_page_follows_an_order_until_nothing_moves(app: Flask, admin: FlaskClient, made_order: int) -> None:
    with app.app_context():
        moving = builders.place_order().id

    live = Page(admin.get(f"/admin/orders/{moving}")).by_id("stages").get("data-live")

    fragment = Page(admin.get(str(live)))
    assert fragment.all("html") == []
    assert fragment.by_id("stages").get("data-live") == live
    assert Page(admin.get(f"/admin/orders/{made_order}")).by_id("stages").get("data-live") is None
