"""Where a provider's link may lead, checked with real servers and a name service of the test's own."""

import io
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.wrappers import Request, Response

from providers.errors import InvalidResponse, Unavailable
from providers.http.addresses import ForbiddenAddress, Guard, Reach, reach_of
from providers.http.download import Downloaded, download
from providers.kinds import ProviderKind
from tests.providers.conftest import words_of
from tests.providers.file_host import FileHost
from tests.providers.http.test_client import wire_that_says

KIND = ProviderKind.PIKA
VENDOR = "https://api.dev.pika.art"
SECRET = "X-Signature=9f2c7b1e8a6053d4"
WAV = b"RIFF\x04\x00\x00\x00WAVE" + bytes(100_000)


class Names:
    """A name service: each name has a list of addresses per question, the last one for all that follow."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def look_up(self, host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        try:
            addresses = [str(ip_address(host))]
        except ValueError:
            self.asked.append(host)
            if host not in self.answers:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
            rounds = self.answers[host]
            addresses = rounds[min(self.asked.count(host), len(rounds)) - 1]
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    service = Names()
    monkeypatch.setattr(socket, "getaddrinfo", service.look_up)
    return service


@pytest.fixture
def host(names: Names) -> Iterator[FileHost]:
    with FileHost() as running:
        running.host.content = WAV
        yield running


def fetch(url: str, base_url: str) -> Downloaded:
    return download(url, io.BytesIO(), kind=KIND, medium="audio", base_url=base_url, seconds=60)


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("93.184.216.34", Reach.PUBLIC),
        ("2606:2800:220:1::1", Reach.PUBLIC),
        ("127.0.0.1", Reach.THIS_MACHINE),
        ("127.9.9.9", Reach.THIS_MACHINE),
        ("::1", Reach.THIS_MACHINE),
        ("::ffff:127.0.0.1", Reach.THIS_MACHINE),
        ("10.1.2.3", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("192.168.1.1", Reach.PRIVATE),
        ("fd12::1", Reach.PRIVATE),
        ("::ffff:10.0.0.1", Reach.PRIVATE),
        ("64:ff9b::a00:1", Reach.PRIVATE),
        ("64:ff9b::5db8:d822", Reach.PUBLIC),
        ("0.0.0.0", Reach.NOWHERE),
        ("::", Reach.NOWHERE),
        ("169.254.169.254", Reach.NOWHERE),
        ("::ffff:169.254.169.254", Reach.NOWHERE),
        ("64:ff9b::a9fe:a9fe", Reach.NOWHERE),
        ("fe80::1", Reach.NOWHERE),
        ("fe80::1%eth0", Reach.NOWHERE),
        ("fd00:ec2::254", Reach.NOWHERE),
        ("168.63.129.16", Reach.NOWHERE),
        ("100.100.100.200", Reach.NOWHERE),
        ("192.0.0.192", Reach.NOWHERE),
        ("198.18.0.1", Reach.NOWHERE),
        ("224.0.0.1", Reach.NOWHERE),
        ("ff0e::1", Reach.NOWHERE),
        ("255.255.255.255", Reach.NOWHERE),
        ("240.0.0.1", Reach.NOWHERE),
        ("2002:7f00:1::", Reach.NOWHERE),
        ("2001:0:53aa:64c:0:0:80ff:fffe", Reach.NOWHERE),
        # What was given to the public internet, up to its ends.
        ("2000::1", Reach.PUBLIC),
        ("2001:200::1", Reach.PUBLIC),
        ("2a00:1450:4001:800::200e", Reach.PUBLIC),
        ("3ffe:ffff::1", Reach.PUBLIC),
        ("192.88.98.1", Reach.PUBLIC),
        ("192.88.100.1", Reach.PUBLIC),
        # And what the registries of special addresses have, by their names there.
        ("0.1.2.3", Reach.NOWHERE),
        ("100.64.0.1", Reach.NOWHERE),
        ("192.0.0.9", Reach.NOWHERE),
        ("192.0.0.170", Reach.NOWHERE),
        ("192.0.2.1", Reach.NOWHERE),
        ("192.31.196.1", Reach.NOWHERE),
        ("192.52.193.1", Reach.NOWHERE),
        ("192.88.99.1", Reach.NOWHERE),
        ("192.175.48.1", Reach.NOWHERE),
        ("198.51.100.1", Reach.NOWHERE),
        ("203.0.113.1", Reach.NOWHERE),
        ("::a00:1", Reach.NOWHERE),
        ("::7f00:1", Reach.NOWHERE),
        ("::5db8:d822", Reach.NOWHERE),
        ("::ffff:0:a00:1", Reach.NOWHERE),
        ("64:ff9b::7f00:1", Reach.THIS_MACHINE),
        ("64:ff9b::c0a8:101", Reach.PRIVATE),
        ("64:ff9b:0:0:0:1::1", Reach.NOWHERE),
        ("64:ff9b:1::a00:1", Reach.NOWHERE),
        ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Reach.NOWHERE),
        ("100::1", Reach.NOWHERE),
        ("100:0:0:1::1", Reach.NOWHERE),
        ("2001:1::1", Reach.NOWHERE),
        ("2001:2::1", Reach.NOWHERE),
        ("2001:3::1", Reach.NOWHERE),
        ("2001:4:112::1", Reach.NOWHERE),
        ("2001:10::1", Reach.NOWHERE),
        ("2001:20::1", Reach.NOWHERE),
        ("2001:30::1", Reach.NOWHERE),
        ("2001:db8::1", Reach.NOWHERE),
        ("2002:a00:1::1", Reach.NOWHERE),
        ("2002:5db8:d822::1", Reach.NOWHERE),
        ("2620:4f:8000::1", Reach.NOWHERE),
        ("3fff::1", Reach.NOWHERE),
        ("3fff:fff:ffff::1", Reach.NOWHERE),
        ("5f00::1", Reach.NOWHERE),
        ("4000::1", Reach.NOWHERE),
        ("fec0::1", Reach.NOWHERE),
        ("feff::1", Reach.NOWHERE),
        ("2a00:1450::5efe:a00:1", Reach.NOWHERE),
        ("2a00:1450::200:5efe:a00:1", Reach.NOWHERE),
        ("fd00:ec2::23", Reach.NOWHERE),
        ("fd20:ce::254", Reach.NOWHERE),
    ],
)
def test_an_address_says_who_can_be_there(address: str, reach: Reach) -> None:
    assert reach_of(ip_address(address)) is reach


@pytest.mark.parametrize(
    ("base", "target", "over_tls", "allowed"),
    [
        ("93.184.216.34", "93.184.216.35", True, True),
        ("93.184.216.34", "93.184.216.35", False, False),
        ("93.184.216.34", "127.0.0.1", True, False),
        ("93.184.216.34", "10.0.0.1", True, False),
        ("127.0.0.1", "127.0.0.1", True, True),
        ("127.0.0.1", "127.0.0.1", False, True),
        ("127.0.0.1", "::1", False, True),
        ("127.0.0.1", "93.184.216.35", True, True),
        ("127.0.0.1", "93.184.216.35", False, False),
        ("127.0.0.1", "10.0.0.1", True, False),
        ("10.0.0.5", "10.0.0.1", True, True),
        ("10.0.0.5", "10.0.0.1", False, False),
        ("10.0.0.5", "127.0.0.1", True, False),
        ("169.254.169.254", "169.254.169.254", True, False),
        ("169.254.169.254", "169.254.169.254", False, False),
    ],
)
def test_a_link_may_lead_to_the_internet_and_to_where_the_provider_is(
    names: Names, base: str, target: str, over_tls: bool, allowed: bool
) -> None:
    names.answers = {"base.example": [[base]], "files.example": [[target]]}
    guard = Guard("https://base.example:8443/v1")

    if allowed:
        assert guard.addresses_of("files.example", 443, over_tls=over_tls) == [target]
    else:
        with pytest.raises(ForbiddenAddress):
            guard.addresses_of("files.example", 443, over_tls=over_tls)


def test_one_forbidden_address_among_others_is_enough(names: Names) -> None:
    names.answers = {"files.example": [["93.184.216.34", "10.0.0.1"]]}

    with pytest.raises(ForbiddenAddress):
        Guard("https://base.invalid").addresses_of("files.example", 443, over_tls=True)


def test_a_few_addresses_of_a_name_are_enough(names: Names) -> None:
    names.answers = {"files.example": [[f"93.184.216.{n}" for n in (1, 1, 2, 3, 4)]]}

    found = Guard(VENDOR).addresses_of("files.example", 443, over_tls=True)

    assert found == ["93.184.216.1", "93.184.216.2", "93.184.216.3"]


@pytest.mark.parametrize(
    "base_url", ["", "https://", "no url", "https://[/", "https://h:99999/", "https://base.invalid"]
)
def test_a_base_url_that_leads_nowhere_opens_nothing(names: Names, base_url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        Guard(base_url).addresses_of("127.0.0.1", 443, over_tls=True)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "files.example"])
def test_a_link_into_our_own_machine_is_not_followed(host: FileHost, names: Names, name: str) -> None:
    names.answers = {"localhost": [["127.0.0.1"]], "files.example": [["127.0.0.1"]]}

    for scheme in ("http", "https"):
        with pytest.raises(InvalidResponse, match="forbidden address") as caught:
            fetch(f"{scheme}://{name}:{host.port}/file?{SECRET}", VENDOR)

    assert host.calls == []
    assert SECRET not in words_of(caught.value)
    assert caught.value.__context__ is None


def test_numbers_that_mean_this_machine_are_seen_through() -> None:
    with FileHost() as running:
        for name in ("2130706433", "0x7f.1", "127.1", "0"):
            with pytest.raises((InvalidResponse, Unavailable)):
                fetch(f"http://{name}:{running.port}/file", VENDOR)

        assert running.calls == []


def test_a_name_that_leads_elsewhere_a_moment_later_is_asked_for_once(host: FileHost, names: Names) -> None:
    names.answers = {"files.example": [["127.0.0.1"], ["10.0.0.1"]]}

    result = fetch(f"http://files.example:{host.port}/file", host.base_url)

    assert result.size_bytes == len(WAV)
    assert names.asked == ["files.example"]
    assert host.calls[0]["host"] == f"files.example:{host.port}"


def test_a_name_is_checked_anew_for_each_connection(host: FileHost, names: Names) -> None:
    host.host.content = WAV * 5
    host.host.cuts = [200_000, None]
    names.answers = {"files.example": [["127.0.0.1"], ["10.0.0.1"]]}

    with pytest.raises(InvalidResponse, match="forbidden address"):
        fetch(f"http://files.example:{host.port}/file", host.base_url)

    assert len(host.calls) == 1


def test_the_next_address_is_tried_where_one_does_not_answer(host: FileHost, names: Names) -> None:
    names.answers = {"files.example": [["127.0.0.9", "127.0.0.1"]]}

    assert fetch(f"http://files.example:{host.port}/file", host.base_url).size_bytes == len(WAV)
    assert names.asked == ["files.example"]


def test_an_unknown_name_is_a_passing_failure(names: Names) -> None:
    with pytest.raises(Unavailable, match="unknown host"):
        fetch("https://files.invalid/file", VENDOR)


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/file",
        "https://10.0.0.1/file",
        "//169.254.169.254/latest/meta-data/",
        "http://files.example/file",
    ],
)
def test_a_redirect_is_checked_like_the_link(host: FileHost, names: Names, target: str) -> None:
    names.answers = {"files.example": [["192.168.0.7"]]}
    host.pages["/file"] = lambda _: Response(status=302, headers={"Location": target})

    with pytest.raises(InvalidResponse, match="forbidden address"):
        fetch(host.url, host.base_url)

    assert len(host.calls) == 1


@pytest.mark.parametrize(
    "target", [b"ftp://files.example/", b"file:///etc/passwd", b"http://a:b@127.0.0.1/", b"http://[/", b"/\xff"]
)
def test_a_redirect_to_no_link_at_all_is_not_followed(target: bytes) -> None:
    said = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + target + b"\r\n\r\n"
    with wire_that_says(said) as url, pytest.raises(InvalidResponse, match="bad link"):
        fetch(url, url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "https://u:p@a.example/x",
        "http://[/",
        "https://a.example:99999/x",
        "https://*.a.example/x",
    ],
)
def test_what_is_no_link_is_not_followed(names: Names, url: str) -> None:
    with pytest.raises(InvalidResponse, match="bad link") as caught:
        fetch(url, VENDOR)

    assert caught.value.__context__ is None


@pytest.mark.parametrize(("hops", "arrives"), [(3, True), (4, False)])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_three_redirects_are_followed(host: FileHost, status: int, hops: int, arrives: bool) -> None:
    def send_on(request: Request) -> Response:
        number = int(request.path[1:])
        return Response(status=status, headers={"Location": f"/{number + 1}" if number < hops else "/file"})

    host.pages.update({f"/{number}": send_on for number in range(1, hops + 1)})

    if arrives:
        assert fetch(f"{host.base_url}/1", host.base_url).size_bytes == len(WAV)
    else:
        with pytest.raises(InvalidResponse, match="too many redirects"):
            fetch(f"{host.base_url}/1", host.base_url)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A certificate for files.example, believed in for the length of a test; the paths of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "files.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("files.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate_path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate_path))
    return str(certificate_path), str(key_path)


def test_tls_is_with_the_name_although_the_connection_is_with_its_address(
    names: Names, certificate: tuple[str, str]
) -> None:
    names.answers = {"files.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    asked_for: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked_for.append(name)

    with FileHost(ssl_context=context) as host:
        host.host.content = WAV
        result = fetch(f"https://files.example:{host.port}/file", host.base_url)
        with pytest.raises(Unavailable, match="TLS"):
            fetch(f"https://other.example:{host.port}/file", host.base_url)

    assert result.size_bytes == len(WAV)
    assert asked_for == ["files.example", "other.example"]
    assert len(host.calls) == 1
