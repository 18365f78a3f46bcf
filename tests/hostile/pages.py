"""What bad input may not do to a page that shows it: be more than text."""

from tests.web.admin.browser import Page

Bones = set[tuple[str, tuple[str, ...]]]


def bones(page: Page) -> Bones:
    """Every kind of element in a page, with the names of its attributes."""
    return {(element.name, tuple(sorted(element.attributes))) for element in page.elements}


def as_shown(text: str) -> str:
    """``text`` as a reader of the page finds it, whatever its white space."""
    return " ".join(text.split())
