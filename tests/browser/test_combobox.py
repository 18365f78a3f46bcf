"""The field that finds a model among many: what is typed chooses nothing, what is picked is chosen."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, StorageState, expect

from providers.kinds import ProviderKind, StageType
from tests.browser.chromium import arrive, open_context
from tests.browser.shared_system import Sections
from tests.emulator.openai_answers import Model
from tests.emulator.server import Emulator
from tests.running_system import RunningSystem

pytestmark = pytest.mark.browser

VOICE, POEM = StageType.VOICE, StageType.POEM
KEY = "sk-fake-combobox-0123456789-v1v2"
QUERIES = ("alena", "a", "marina", "ru", "FILIPP", "x", "нет такого", " ", "", "ander", "zhanar", "alexander")
IN_EACH_RUN = ("alena", "нет такого", "", "ander")
EACH_QUERY = [each if each in IN_EACH_RUN else pytest.param(each, marks=pytest.mark.thorough) for each in QUERIES]
OPTIONS = "#voice [role=option]:visible"


@pytest.fixture(scope="module")
def voices(emulated: Emulator, sections: Sections) -> Iterator[None]:
    """The voices of SPEECHKIT are to be chosen from; the chosen one is alexander."""
    emulated.speechkit.add_key("combobox", KEY)
    sections.save(VOICE, ProviderKind.SPEECHKIT, api_key=KEY)
    sections.settle()
    sections.save(VOICE, ProviderKind.SPEECHKIT, model="alexander")
    sections.settle()
    yield
    sections.clear(VOICE)


@pytest.fixture
def search(still_page: Page, voices: None) -> Locator:
    still_page.goto("/admin/providers")
    return still_page.locator("#voice [data-search]")


@pytest.fixture
def chosen(still_page: Page) -> Locator:
    """What would be sent."""
    return still_page.locator("#voice-model")


@pytest.mark.parametrize("query", EACH_QUERY)
def test_what_is_typed_chooses_nothing(search: Locator, chosen: Locator, query: str) -> None:
    search.fill(query)
    expect(chosen).to_have_value("alexander")
    search.press("Enter")
    search.press("Tab")

    expect(chosen).to_have_value("alexander")
    expect(search).to_have_value("alexander")


def test_what_was_picked_and_not_saved_yet_stays_whatever_is_typed_then(
    still_page: Page, search: Locator, chosen: Locator
) -> None:
    _pick(search, "zahar")

    after = {}
    for query in QUERIES:
        search.fill(query)
        after[query] = chosen.input_value()

    assert after == dict.fromkeys(QUERIES, "zahar")
    still_page.locator("#voice-api-key").focus()
    expect(search).to_have_value("zahar")


def _pick(search: Locator, name: str) -> None:
    search.click()
    search.page.get_by_role("listbox").get_by_role("option", name=name, exact=True).click()


def test_whoever_types_and_saves_without_a_choice_is_told(still_page: Page, search: Locator, chosen: Locator) -> None:
    search.fill("alena")
    still_page.locator("#voice-api-key").focus()

    expect(still_page.locator("#voice-model-note")).to_contain_text("По-прежнему выбрано: alexander")
    expect(still_page.locator("#live-news")).to_contain_text("По-прежнему выбрано: alexander")


def test_a_click_on_save_is_heard_while_something_is_typed(still_page: Page, search: Locator) -> None:
    page = still_page
    page.on("request", lambda request: sent.append(request.post_data or "") if request.method == "POST" else None)
    sent: list[str] = []
    search.fill("нет такого")

    with page.expect_request("**/update"):
        page.mouse.click(*_middle(page.locator("#voice-save")))

    assert "model=alexander" in sent[0]


def _middle(button: Locator) -> tuple[float, float]:
    """Where it is now; a real hand does not follow it when it moves."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + 2


def test_it_says_what_it_is(still_page: Page, search: Locator) -> None:
    expect(search).to_have_role("combobox")
    expect(search).to_have_accessible_name("Голос")
    expect(search).to_have_attribute("aria-expanded", "false")

    search.fill("ALE")

    expect(still_page.locator(OPTIONS)).to_have_text(["alena", "alexander"])
    expect(search).to_have_attribute("aria-expanded", "true")
    found = still_page.get_by_role("listbox", name="Голос")
    expect(found.get_by_role("option")).to_have_count(2)
    expect(found.get_by_role("option", name="alexander", exact=True, selected=True)).to_be_visible()
    expect(still_page.locator("#live-news")).to_have_text("Найдено: 2")
    assert search.get_attribute("aria-controls") == found.get_attribute("id")


def test_a_model_is_chosen_with_the_keyboard(still_page: Page, search: Locator, chosen: Locator) -> None:
    search.focus()
    still_page.keyboard.type("ale")
    search.press("ArrowDown")
    active = still_page.locator(f"#{search.get_attribute('aria-activedescendant')}")
    expect(active).to_have_text("alena")
    # Round and back again.
    search.press("ArrowUp")
    search.press("ArrowDown")
    # What is only looked at is not chosen.
    expect(chosen).to_have_value("alexander")

    search.press("Enter")

    expect(chosen).to_have_value("alena")
    expect(search).to_have_value("alena")
    expect(search).to_be_focused()
    expect(search).to_have_attribute("aria-expanded", "false")
    assert search.get_attribute("aria-activedescendant") is None


def test_home_and_end_go_back_to_what_is_typed(still_page: Page, search: Locator) -> None:
    search.focus()
    still_page.keyboard.type("lena")
    search.press("ArrowDown")

    search.press("Home")
    assert search.get_attribute("aria-activedescendant") is None
    still_page.keyboard.type("a")
    search.press("End")
    search.press("Backspace")

    expect(search).to_have_value("alen")


def test_escape_closes_and_then_brings_the_chosen_one_back(search: Locator, chosen: Locator) -> None:
    search.fill("alena")

    search.press("Escape")
    expect(search).to_have_attribute("aria-expanded", "false")
    expect(search).to_have_value("alena")
    search.press("Escape")

    expect(search).to_have_value("alexander")
    expect(chosen).to_have_value("alexander")


def test_leaving_chooses_nothing_that_was_only_looked_at(search: Locator, chosen: Locator) -> None:
    search.fill("alena")
    search.press("ArrowDown")
    search.press("Tab")

    expect(chosen).to_have_value("alexander")
    expect(search).to_have_attribute("aria-expanded", "false")


def test_a_click_shows_all_of_them_and_a_second_one_chooses(still_page: Page, search: Locator, chosen: Locator) -> None:
    search.click()
    expect(still_page.locator(OPTIONS)).to_have_count(still_page.locator("#voice-model option:not([hidden])").count())

    still_page.get_by_role("listbox").get_by_role("option", name="zahar").click()

    expect(chosen).to_have_value("zahar")
    expect(search).to_have_value("zahar")


def test_a_finger_does_the_same_on_a_phone(
    chromium: Browser, system: RunningSystem, signed_in: StorageState, voices: None
) -> None:
    phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
    with open_context(chromium, system.url, storage_state=signed_in, **phone) as context:
        page = context.new_page()
        page.goto("/admin/providers")
        search = page.locator("#voice [data-search]")
        search.tap()
        # Far down in a list that scrolls.
        page.get_by_role("listbox").get_by_role("option", name="yulduz", exact=True).tap()

        expect(page.locator("#voice-model")).to_have_value("yulduz")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_another_provider_offers_no_models_of_this_one_and_back_again_it_does(
    still_page: Page, search: Locator, chosen: Locator
) -> None:
    everything = still_page.locator("#voice-model option:not([hidden])").count()
    still_page.select_option("#voice-provider-kind", "DUMMY")
    expect(chosen).to_have_value("")
    expect(search).to_have_value("первая строка списка")

    search.fill("ale")
    expect(still_page.locator(OPTIONS)).to_have_count(0)
    search.fill("")
    expect(still_page.locator(OPTIONS)).to_have_text(["первая строка списка"])
    search.press("Tab")
    expect(chosen).to_have_value("")

    still_page.select_option("#voice-provider-kind", "SPEECHKIT")
    expect(chosen).to_have_value("alexander")
    expect(search).to_have_value("alexander")
    search.click()
    expect(still_page.locator(OPTIONS)).to_have_count(everything)


def test_typing_is_nothing_to_lose_and_a_choice_is(still_page: Page, search: Locator) -> None:
    page, asked = still_page, list[str]()

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    search.fill("alena")
    page.click("header >> text=Заказы")
    arrive(page, re.compile(r"/admin/orders$"))
    assert asked == []

    page.goto("/admin/providers")
    search.fill("alena")
    search.press("ArrowDown")
    search.press("Enter")
    page.click("header >> text=Заказы")
    arrive(page, re.compile(r"/admin/orders$"))
    assert asked == ["beforeunload"]


def test_a_choice_is_saved_and_survives_what_the_page_looks_up(page: Page, sections: Sections, voices: None) -> None:
    page.goto("/admin/providers")
    search = page.locator("#voice [data-search]")
    search.fill("omazh")
    search.press("ArrowDown")
    search.press("Enter")
    page.click("#voice-save")
    expect(page.locator("#voice-status")).to_contain_text("omazh")
    expect(page.locator("#voice [data-search]")).to_have_value("omazh")

    # Somebody else saves another one: the form is a new one.
    sections.save(VOICE, ProviderKind.SPEECHKIT, model="alexander")
    expect(page.locator("#voice[data-idle]")).to_be_attached()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(page.locator("#voice [data-search]")).to_have_value("alexander")
    expect(page.locator("#voice select[name=model]")).to_be_hidden()


def test_a_model_that_is_typed_where_there_is_no_list_is_left_alone(still_page: Page, voices: None) -> None:
    page = still_page
    page.goto("/admin/providers")
    page.evaluate("""() => {
      const select = document.querySelector("#poem-model");
      const typed = Object.assign(document.createElement("input"), { name: "model", id: "poem-model" });
      select.replaceWith(typed);
    }""")
    page.fill("#poem-model", "my-own-model")

    page.select_option("#poem-provider-kind", "GEMINI")

    expect(page.locator("#poem-model")).to_have_value("my-own-model")
    expect(page.locator("#poem-api-key-hint")).to_contain_text("нужен свой ключ")


def test_four_hundred_models_are_found_at_once(
    still_page: Page, sections: Sections, emulated: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"{KEY}-many"
    emulated.openai.add_key("hundreds", key)
    models = tuple(Model(f"gpt-5.{number}", 1772600000 - number) for number in range(400))
    monkeypatch.setattr(emulated.openai, "catalogue", models)
    sections.save(POEM, ProviderKind.OPENAI, api_key=key)
    sections.settle()
    still_page.goto("/admin/providers")
    search = still_page.locator("#poem [data-search]")
    search.click()
    items = still_page.locator("#poem [role=option]")
    expect(items).to_have_count(400)

    milliseconds = search.evaluate("""(field) => {
      const began = performance.now();
      for (const typed of ["g", "gp", "gpt", "gpt-", "gpt-5", "gpt-5.", "gpt-5.3", "gpt-5.39", "gpt-5.399", ""]) {
        field.value = typed;
        field.dispatchEvent(new Event("input", { bubbles: true }));
        document.body.offsetHeight;
      }
      return (performance.now() - began) / 10;
    }""")

    # What a person feels as at once, on a machine that has much else to do.
    assert milliseconds < 100
    search.press("ArrowUp")
    expect(items.last).to_be_in_viewport()
    sections.clear(POEM)
