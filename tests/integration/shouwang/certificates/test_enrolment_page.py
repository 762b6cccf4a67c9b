"""The enrolment page amid connections that say nothing, or half of something; and with a pair that is renewed."""

import datetime as dt
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography import x509

from database.settings import DatabaseSettings
from observability.liveness import unwatched
from shouwang.brokers.local import free_port
from shouwang.brokers.pki import Pki
from shouwang.certificates.enrolment import create_app
from shouwang.certificates.issuer import Issuer
from shouwang.certificates.page import PLACES, PLACES_EACH, Door, Pair, serve_page
from tests.support.services import in_thread, wait_for

pytestmark = pytest.mark.integration


class Page:
    """The page on a loopback port."""

    def __init__(self, pki: Pki) -> None:
        self.pki, self.port = pki, free_port()
        self.pair = pki.server("enrolment", ["127.0.0.1"])
        self.context = ssl.create_default_context(cafile=str(pki.ca))

    def run(self, stop: threading.Event) -> None:
        app = create_app(DatabaseSettings(), lambda: Issuer(*self.pki.issuing), self.pki.ca, dt.timedelta(days=1))
        serve_page(app, "127.0.0.1", self.port, Pair(*self.pair), stop, unwatched())

    def status(self) -> int:
        """What a gateway that wants to enrol gets."""
        asked = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=10)
        try:
            asked.request("GET", "/authority")
            return asked.getresponse().status
        finally:
            asked.close()

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def intruder(self, number: int, source: str) -> socket.socket:
        """A connection that says nothing, half of a TLS greeting, half of a request, or half of a body."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(source, 0))
        said = (
            b"",
            b"\x16\x03\x01",
            b"POST /enrol HTT",
            b"POST /enrol HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{",
        )
        if number % 4 < 2:
            plain.sendall(said[number % 4])
            return plain
        secured = self.context.wrap_socket(plain, server_hostname="127.0.0.1")
        secured.sendall(said[number % 4])
        return secured

    def serial(self) -> int:
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            self.context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"").serial_number


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    found = Page(Pki(tmp_path / "pki"))
    with in_thread(found.run):
        wait_for(found.listens, 20, lambda: "the page does not start")
        yield found


def ended(conn: socket.socket) -> bool:
    """Whether the page has closed this connection; the socket's time-out fails the test otherwise."""
    try:
        while conn.recv(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    return True


def test_idle_and_half_sent_connections_keep_nobody_out(page: Page) -> None:
    with ExitStack() as stack:
        first = [stack.enter_context(page.intruder(number, "127.0.0.1")) for number in range(60)]
        assert page.status() == 200, "its own neighbours took every place"
        assert all(ended(conn) for conn in first[: 60 - PLACES_EACH])
        for number in range(PLACES + 60):
            stack.enter_context(page.intruder(number, f"127.0.1.{1 + number // PLACES_EACH}"))
        assert page.status() == 200, "a crowd of addresses took every place"


def test_no_connection_lasts(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "lasts_s", 0.5)
    with ExitStack() as stack:
        conns = [stack.enter_context(page.intruder(number, "127.0.0.1")) for number in range(8)]
        assert all(ended(conn) for conn in conns)
        assert page.status() == 200


def test_a_renewed_pair_is_used_without_a_restart(page: Page, tmp_path: Path) -> None:
    cert, key = page.pair
    before = page.serial()
    other = Pki(tmp_path / "other").server("enrolment", ["127.0.0.1"])
    mine = cert.read_bytes()
    cert.write_bytes(other[0].read_bytes())  # half of the pair alone
    with pytest.raises(ssl.SSLError):
        Pair(*page.pair).load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert page.serial() == before
    cert.write_bytes(mine)
    cert.unlink()
    page.pki.server("enrolment", ["127.0.0.1"])
    renewed = x509.load_pem_x509_certificate(cert.read_bytes()).serial_number
    assert renewed != before
    wait_for(lambda: page.serial() == renewed, 20, lambda: "the old certificate is still shown")
    assert page.status() == 200
    assert key.exists()
