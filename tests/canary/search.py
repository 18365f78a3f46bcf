"""Where the mark is looked for, and in which spellings."""

import re
import zlib
from base64 import b64encode, urlsafe_b64decode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import requests
from psycopg.conninfo import make_conninfo
from sqlalchemy import create_engine, inspect, make_url, text

#: What Flask's session keeps its contents in. The mark of a known device is signed as well, and written in clear.
_SESSION = re.compile(r"session=(\.?[\w-]{20,})\.[\w-]+\.[\w-]+")


def spellings(mark: str) -> dict[str, bytes]:
    """The mark as it is, and as base64 and hexadecimal digits would write it; escaped for an address it is the same."""
    found = {"plain": mark.encode(), "hexadecimal": mark.encode().hex().encode()}
    for before in range(3):
        first, whole = (before * 8 + 5) // 6, (before + len(mark)) * 8 // 6
        # Of letters and digits alone, so that its base64 is the same in both alphabets.
        found[f"base64, {before}"] = b64encode(b"\0" * before + mark.encode())[first:whole]
    return found


@dataclass
class Search:
    """Looks for ``mark`` in all it is shown. ``searched`` counts texts by kind, ``found`` says where the mark was."""

    mark: str
    searched: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def look(self, kind: str, name: str, content: bytes | str) -> None:
        """Search one text or file."""
        raw = (content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content).lower()
        self.searched[kind] += 1
        for spelling, needle in spellings(self.mark).items():
            place = raw.find(needle.lower())
            if place >= 0:
                around = raw[max(place - 60, 0) : place].decode("utf-8", "replace")
                self.found.append(f"{kind}: {name}: {spelling}, behind {around!r}")

    def look_at_answer(self, answer: requests.Response) -> None:
        """Search what a server has said: its headers, its body, and what is inside of its session cookie."""
        name = f"{answer.request.method} {answer.status_code} {answer.url.partition('?')[0]}"
        headers = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
        self.look("answers", name, headers.encode() + b"\n\n" + answer.content)
        for payload in _SESSION.findall(answer.headers.get("Set-Cookie", "")):
            raw = urlsafe_b64decode(payload.lstrip(".") + "==")
            self.look("cookies", name, zlib.decompress(raw) if payload.startswith(".") else raw)

    def look_at_folder(self, kind: str, folder: Path) -> None:
        """Search every file below ``folder``."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.look(kind, str(path.relative_to(folder)), path.read_bytes())

    def look_at_rows(self, database_url: str) -> None:
        """Search every row of every table, as a dump would write it."""
        engine = create_engine(database_url)
        with engine.connect() as connection:
            for table in inspect(engine).get_table_names():
                rows = connection.execute(text(f'SELECT * FROM "{table}"'))  # noqa: S608  # the database names it
                self.look("tables", table, "\n".join(map(str, rows)))
        engine.dispose()

    def look_at_postgres(self, database_url: str, folder: Path) -> None:
        """Search the raw files of one database, and the log of writes that all databases share."""
        url = make_url(database_url)
        where = make_conninfo("", **{name: str(value) for name, value in url.query.items()})
        with psycopg.connect(where, user=url.username, dbname=url.database, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            row = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
        assert row is not None
        self.look_at_folder("raw files", folder / "base" / str(row[0]))
        self.look_at_folder("raw files", folder / "pg_wal")

    def look_at_commands(self, commands: Iterable[bytes]) -> None:
        """Search what was sent to Redis."""
        for command in commands:
            self.look("commands to Redis", "command", command)
