"""The name of a form as it was shown once, hidden in it: so what is sent twice is known to be the same."""

import secrets

#: Of the hidden field.
FORM_KEY = "form_key"


def new_form_key() -> str:
    """What nobody guesses, for a form that is about to be shown."""
    return secrets.token_urlsafe(16)
