"""Flask-WTF's form, which says nothing of types itself."""

from typing import Any

from flask_wtf import FlaskForm


class TypedForm(FlaskForm):
    """What our forms are made of."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # Flask-WTF has no types

    def is_valid(self) -> bool:
        """Whether the request has sent it, and all of its fields hold what they may."""
        return bool(self.validate_on_submit())  # type: ignore[no-untyped-call]  # Flask-WTF has no types
