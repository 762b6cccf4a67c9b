"""Attacks on the server by raw bytes: lengths told twice, bodies without end, requests half sent, foreign hosts."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest
from fastapi import Request

from console.app import ROUTERS, create_app, gather
from console.server import PatientProtocol
from console.settings import ConsoleSettings
from console.shell.guard import FORM, HEADERS, PHOTO
from console.shell.text import page_router
from database.settings import DatabaseSettings
from tests.support.console import broker_away, serving
from tests.support.network import build_city

pytestmark = pytest.mark.integration

PART = b"x" * 65536
CHUNK = b"%x\r\n%s\r\n" % (len(PART), PART)


class HastyProtocol(PatientProtocol):
    """The protocol of the console, which loses its patience early."""

    head_s = 0.3


odd = page_router()
read = [0]


@odd.post("/odd/read")
async def read_all(request: Request) -> None:
    """A page that reads whatever comes."""
    async for part in request.stream():
        read[0] += len(part)


@odd.get("/odd/broken")
def broken() -> None:
    raise ZeroDivisionError


@pytest.fixture(scope="module")
def settings() -> ConsoleSettings:
    return ConsoleSettings(allowed_hosts="console.example.org")


@pytest.fixture
def address(database_url: str, settings: ConsoleSettings) -> Iterator[tuple[str, int]]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
    with served(database_url, settings) as address:
        yield address


@contextmanager
def served(
    database_url: str, settings: ConsoleSettings, protocol: type[PatientProtocol] = PatientProtocol
) -> Iterator[tuple[str, int]]:
    read[0] = 0
    with broker_away() as broker:
        app = create_app(settings, DatabaseSettings(url=database_url), broker, gather((*ROUTERS, odd)))
        with serving(app, protocol) as url:
            parts = urlsplit(url)
            yield str(parts.hostname), int(parts.port or 0)


def head(address: tuple[str, int], path: str, *lines: str, method: str = "POST", host: str = "") -> bytes:
    own = f"{address[0]}:{address[1]}"
    fixed = (f"{method} {path} HTTP/1.1", f"Host: {host or own}", f"Origin: http://{host or own}")
    return "\r\n".join((*fixed, *lines, "", "")).encode()


def answer(address: tuple[str, int], *sent: bytes) -> tuple[int, str]:
    """Status and text of the answer to these bytes; sending stops when the server has closed."""
    with socket.create_connection(address, timeout=30) as conn:
        try:
            for part in sent:
                conn.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return _answer_on(conn)


def _answer_on(conn: socket.socket) -> tuple[int, str]:
    got = b""
    try:
        while part := conn.recv(65536):
            got += part
            length = re.search(rb"content-length: (\d+)\r\n", got, re.IGNORECASE)
            if length and len(got.partition(b"\r\n\r\n")[2]) >= int(length[1]):
                break
    except ConnectionResetError:
        pass
    return (int(got.split()[1]) if got else 0), got.decode()


JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


def test_a_length_told_in_two_ways_is_refused_unread(address: tuple[str, int]) -> None:
    for lines in (
        ("Content-Length: 3", CHUNKED),
        (CHUNKED, "Content-Length: 3"),
        ("content-length: 3", "TRANSFER-ENCODING: chunked"),
    ):
        status, text = answer(address, head(address, "/odd/read", JSON, *lines), *[CHUNK] * 400)
        assert status in (0, 400), f"{lines}; 0: closed while the attacker was still sending"
        assert read[0] == 0, lines
        status, text = answer(address, head(address, "/api/login", JSON, *lines))
        assert status == 400, lines
        assert "connection: close" in text.lower(), lines


def test_a_length_that_is_none_or_beyond_bounds_is_refused(address: tuple[str, int]) -> None:
    for length in ("-1", "1e3", "0x10", "3, 4", "٣", "9" * 30, "9" * 5000):
        status, _ = answer(address, head(address, "/odd/read", f"Content-Length: {length}"))
        assert status in (400, 413), length
        assert read[0] == 0, length


def test_a_body_without_a_length_is_read_up_to_the_bound(address: tuple[str, int]) -> None:
    status, _ = answer(address, head(address, "/odd/read", CHUNKED), *[CHUNK] * 400)
    assert status in (0, 413)
    assert read[0] <= FORM.size
    login = json.dumps({"login": "carer", "password": "three words together"}).encode()
    small = b"%x\r\n%s\r\n0\r\n\r\n" % (len(login), login)
    assert answer(address, head(address, "/api/login", JSON, CHUNKED), small)[0] == 200


def test_only_the_page_that_takes_a_photo_takes_much(address: tuple[str, int]) -> None:
    for path, bound in (("/api/login", FORM), ("/login", FORM), ("/w/abc", PHOTO)):
        assert answer(address, head(address, path, f"Content-Length: {bound.size + 1}"))[0] == 413, path
    assert PHOTO.size > FORM.size


def test_requests_half_sent_are_ended(database_url: str, settings: ConsoleSettings) -> None:
    with served(database_url, settings, HastyProtocol) as address:
        starts = [b"", b"P", b"POST /api/login HTT", head(address, "/login")[:-2]]
        conns = [socket.create_connection(address, timeout=20) for _ in range(40)]
        for number, conn in enumerate(conns):
            conn.sendall(starts[number % len(starts)])
        answers = [_answer_on(conn) for conn in conns]
        assert answers == [(0, "")] * 40, "closed without a word; the socket's time-out fails the test otherwise"
        for conn in conns:
            conn.close()
        kept = socket.create_connection(address, timeout=20)
        kept.sendall(head(address, "/login", method="GET"))
        assert _answer_on(kept)[0] == 200
        kept.sendall(b"GET / HT")
        assert _answer_on(kept) == (0, ""), "the second request of a connection has no more time than the first"
        kept.close()


def test_a_body_that_trickles_is_ended(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.shell.guard.FORM", type(FORM)(FORM.size, 0.2))
    status, text = answer(address, head(address, "/api/login", JSON, "Content-Length: 50"), b'{"login"')
    assert status == 408
    assert "connection: close" in text.lower()


def test_a_host_that_is_not_ours_is_refused_except_for_probes(address: tuple[str, int]) -> None:
    for host in ("evil.example", "evil.example:8420", "console.example.org.evil.example", "", "127.0.0.1@evil"):
        lines = head(address, "/orders/", method="GET").replace(f"{address[0]}:{address[1]}".encode(), host.encode())
        status, text = answer(address, lines)
        assert status == 421
        assert "\nlocation:" not in text.lower()
    for host in ("console.example.org", "CONSOLE.example.org:443", "localhost:1", "[::1]:8420"):
        assert answer(address, head(address, "/orders/", method="GET", host=host))[0] == 404, "no redirect by a slash"
    assert answer(address, head(address, "/healthz", method="GET", host="10.1.2.3:8420"))[0] in (200, 503)
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    assert answer(address, head(address, "/api/live", *upgrade, key, method="GET", host="evil.example"))[0] == 403


@pytest.mark.parametrize(
    ("trusted", "believed"),
    [("", "127.0.0.1"), ("10.0.0.1", "127.0.0.1"), ("127.0.0.1", "203.0.113.9")],
    ids=["nobody", "another machine", "the proxy"],
)
def test_a_forwarded_address_is_believed_from_the_proxy_alone(database_url: str, trusted: str, believed: str) -> None:
    """The last one, which the proxy has seen itself; the ones before are the client's word."""
    body = b"login=dispatcher&password=not-these-words"
    form = ("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}")
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        with served(database_url, ConsoleSettings(trusted_proxy=trusted)) as address:
            lines = head(address, "/login", "X-Forwarded-For: 198.51.100.7, 203.0.113.9", *form)
            assert answer(address, lines + body)[0] == 401
        origins = conn.execute("SELECT origin FROM audit WHERE action LIKE '%login%'").fetchall()
        counted = conn.execute("SELECT DISTINCT origin FROM login_failure").fetchall()
    assert [row[0].split()[-1] for row in origins] == [believed]
    assert counted == [(believed,)]


def test_the_scheme_of_the_origin_counts(address: tuple[str, int], database_url: str) -> None:
    other = head(address, "/login", "Content-Length: 0").replace(b"Origin: http://", b"Origin: https://")
    assert answer(address, other)[0] == 403
    with served(database_url, ConsoleSettings(secure_cookie=True)) as behind_tls:
        plain = head(behind_tls, "/login", "Content-Length: 0")
        assert answer(behind_tls, plain)[0] == 403
        encrypted = plain.replace(b"Origin: http://", b"Origin: https://")
        status, text = answer(behind_tls, encrypted)
        assert status == 422
        assert "strict-transport-security: max-age=31536000" in text.lower()


def test_an_error_of_ours_has_a_page_and_every_header(address: tuple[str, int]) -> None:
    for path, status in (("/odd/broken", 500), ("/nowhere", 404), ("/residents/%00", 422)):
        got, text = answer(address, head(address, path, method="GET"))
        assert got == status
        assert "ZeroDivision" not in text
        for name in HEADERS:
            assert f"{name}:".lower() in text.lower(), (path, name)
        assert "cache-control: no-store" in text.lower()
        assert "server: uvicorn" not in text.lower()
    assert "平台出错了" in answer(address, head(address, "/odd/broken", method="GET"))[1]
