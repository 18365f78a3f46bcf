"""Static files travel compressed, pages as they are."""

import gzip

import pytest
from flask.testing import FlaskClient

GZIP = {"Accept-Encoding": "gzip, deflate"}
SHEETS = ["/static/app.css", "/bootstrap/static/css/bootstrap.min.css"]


@pytest.mark.parametrize("path", SHEETS)
def test_a_static_file_is_compressed_for_who_takes_that(client: FlaskClient, path: str) -> None:
    plain, small = client.get(path, buffered=True), client.get(path, headers=GZIP, buffered=True)

    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert [each.headers["Vary"] for each in (plain, small)] == ["Accept-Encoding"] * 2
    assert gzip.decompress(small.data) == plain.data
    assert int(small.headers["Content-Length"]) == len(small.data)


def test_who_has_it_already_is_sent_nothing(client: FlaskClient) -> None:
    tag = client.get(SHEETS[1], headers=GZIP, buffered=True).headers["ETag"]

    again = client.get(SHEETS[1], headers={**GZIP, "If-None-Match": tag}, buffered=True)

    assert again.status_code == 304
    assert again.data == b""


def test_a_page_is_not_compressed_as_its_size_would_tell_of_its_secrets(client: FlaskClient) -> None:
    assert "Content-Encoding" not in client.get("/admin/login", headers=GZIP).headers
