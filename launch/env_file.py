"""The .env file: made once with fresh secrets, then only read."""

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from private_files import OURS_ALONE

PASSWORD_BYTES = 12
SECRET_BYTES = 32
HEADING = (
    "# Made by `make run`. Keep ADMIN_SECRET_KEY: without it the stored keys cannot be read. .env.example lists more."
)


def load(env_file: Path, example: Path) -> bool:
    """Put ``env_file`` into the environment, which wins over it, and let nobody else read it.

    True when the file had to be made first.

    Raises ``OSError`` when it can be neither read nor written.
    """
    made = not env_file.exists()
    if made:
        _write_for_owner_only(env_file, first_env(example.read_text(), fresh_values()))
    with suppress(OSError):
        # One that was written by hand; where it is somebody else's, he decides.
        env_file.chmod(stat.S_IMODE(env_file.stat().st_mode) & ~OURS_ALONE)
    # Given a path that cannot be read, dotenv says nothing.
    for name, value in dotenv_values(stream=StringIO(env_file.read_text()), interpolate=False).items():
        # An empty variable counts as unset, as in settings.py.
        if value is not None and not os.environ.get(name):
            os.environ[name] = value
    return made


def fresh_values() -> dict[str, str]:
    """What a first start needs: two secrets, an administrator, and works without any provider."""
    return {
        "ADMIN_SECRET_KEY": secrets.token_urlsafe(SECRET_BYTES),
        "SECRET_KEY": secrets.token_urlsafe(SECRET_BYTES),
        "ADMIN_USERNAME": "admin",
        "ADMIN_PASSWORD": secrets.token_urlsafe(PASSWORD_BYTES),
        "DUMMY_PROVIDER": "1",
    }


def first_env(example: str, values: Mapping[str, str]) -> str:
    """The paragraphs of ``example`` (.env.example) that explain the variables of ``values``, filled in with them."""
    lines = [HEADING]
    comment: list[str] = []
    for line in example.splitlines():
        name = line.partition("=")[0]
        if line.startswith("#"):
            comment.append(line)
            continue
        if name in values:
            lines += ["", *comment, f"{name}={values[name]}"]
        comment = []
    return "\n".join(lines) + "\n"


def _write_for_owner_only(path: Path, text: str) -> None:
    # O_EXCL: a second start at the same moment must not replace the secrets that the first one already uses.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
