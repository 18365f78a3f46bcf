"""What may be a name and what may be a password, for whoever makes or changes an account."""

import unicodedata
from enum import StrEnum

MAX_NAME_LENGTH = 200
MIN_PASSWORD_LENGTH = 8
#: What a person is advised; shorter ones are taken.
ADVISED_PASSWORD = 15
MAX_PASSWORD_LENGTH = 1024


class AccountRefused(Exception):
    """A name or password cannot be taken; the text says why."""


class PasswordFault(StrEnum):
    """What is wrong with a password."""

    LENGTH = "length"
    NOT_TEXT = "not_text"
    GUESSABLE = "guessable"


_SENTENCES = {
    PasswordFault.LENGTH: f"The password must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters.",
    PasswordFault.NOT_TEXT: "The password is not text in UTF-8.",
    PasswordFault.GUESSABLE: "This password is one of the first that somebody would try: it is common, or made of a"
    " name, a date or a row of keys. Take another one, such as four words that have nothing to do with each other.",
}


class PasswordRefused(AccountRefused):
    """A password cannot be taken; ``fault`` says why, for who says it in another language."""

    def __init__(self, fault: PasswordFault) -> None:
        super().__init__(_SENTENCES[fault])
        self.fault = fault


def clean_name(name: str) -> str:
    """``name`` as it is kept: composed, without white space around it. Raises ``AccountRefused`` if it is none."""
    clean = composed(name.strip())
    if not clean:
        raise AccountRefused("The name is empty.")
    if len(clean) > MAX_NAME_LENGTH or not clean.isprintable():
        raise AccountRefused(f"The name must have 1 to {MAX_NAME_LENGTH} characters, all of them printable.")
    return clean


def clean_password(password: str) -> str:
    """``password`` as it is hashed: composed, and nothing taken off. Raises ``PasswordRefused`` if it cannot be one."""
    clean = composed(password)
    if not MIN_PASSWORD_LENGTH <= len(clean) <= MAX_PASSWORD_LENGTH:
        raise PasswordRefused(PasswordFault.LENGTH)
    # Bytes that are not UTF-8 become such halves on their way in, and no browser could send them.
    if any(unicodedata.category(character) == "Cs" for character in clean):
        raise PasswordRefused(PasswordFault.NOT_TEXT)
    return clean


def composed(text: str) -> str:
    """The same text whichever keyboard typed it: é is one character on some and two on others (RFC 8265, 4.2.2).

    NFC and not NFKC, which would make ② and 2 the same password.
    """
    return unicodedata.normalize("NFC", text)
