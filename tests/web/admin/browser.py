"""What a browser does with our pages, without one: reads them and sends their forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    """One element: its name, attributes, parent and text, that of its children included."""

    name: str
    attributes: dict[str, str | None]
    parent: "Element | None" = None
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def get(self, attribute: str) -> str | None:
        return self.attributes.get(attribute)

    def is_inside(self, element_id: str) -> bool:
        element: Element | None = self
        while element is not None:
            if element.get("id") == element_id:
                return True
            element = element.parent
        return False


class Page(HTMLParser):
    """The elements of an HTML text, in their order."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(answer.get_data(as_text=True))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), self._open[-1] if self._open else None)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.words.append(data)

    def all(self, tag: str, inside: str | None = None, **attributes: str) -> list[Element]:
        """Every element of that name whose attributes are these; ``class_`` is written so."""
        wanted = {key.strip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.name == tag
            and all(element.get(key) == value for key, value in wanted.items())
            and (inside is None or element.is_inside(inside))
        ]

    def one(self, tag: str, inside: str | None = None, **attributes: str) -> Element:
        found = self.all(tag, inside, **attributes)
        assert len(found) == 1, (tag, attributes, [element.attributes for element in found])
        return found[0]

    def by_id(self, element_id: str) -> Element:
        found = [element for element in self.elements if element.get("id") == element_id]
        assert len(found) == 1, (element_id, len(found))
        return found[0]

    def options(self, select_id: str) -> dict[str, str]:
        """Value and words of each option of a select that a person can choose."""
        options = self.all("option", inside=select_id)
        return {str(option.get("value")): option.text for option in options if "hidden" not in option.attributes}

    def chosen(self, select_id: str) -> str:
        options = self.all("option", inside=select_id)
        return str(next((o for o in options if "selected" in o.attributes), options[0]).get("value"))


def token_of(answer: TestResponse) -> str:
    """The token of the first form of a page."""
    return str(Page(answer).all("input", name="csrf_token")[0].get("value"))


def post(
    client: FlaskClient, path: str, data: dict[str, Any] | None = None, *, token: str | None = None
) -> TestResponse:
    """Send a form with the token of a page of ours."""
    token = token or token_of(client.get("/admin/orders/new"))
    return client.post(path, data={"csrf_token": token, **(data or {})})


def save(client: FlaskClient, stage_type: str = "POEM", provider_kind: str = "DUMMY", **fields: str) -> TestResponse:
    """Press the button of one section; a field that is not named is sent empty."""
    blank = {"api_key": "", "model": "", "version": ""}
    data = {"stage_type": stage_type, "provider_kind": provider_kind, **blank, **fields}
    return post(client, "/admin/providers/update", data)
