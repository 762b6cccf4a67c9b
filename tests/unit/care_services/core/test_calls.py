"""Peers that drip, never end, or answer with more than anybody reads: one bound of time and size for all of a call."""

import contextlib
import datetime as dt
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from care_services.core import calls
from care_services.core.calls import ask

HEAD = b"HTTP/1.1 200 OK\r\n"
MOST, SECONDS = 1000, 0.25


@contextmanager
def peer(first: bytes, again: bytes = b"", pause_s: float = 0.01) -> Iterator[str]:
    """A peer that sends ``first`` to whoever connects, then ``again`` and again until the line ends."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def serve() -> None:
            with contextlib.suppress(OSError):
                line, _ = server.accept()
                with line:
                    line.recv(65_536)
                    line.sendall(first)
                    while again and not over.wait(pause_s):
                        line.sendall(again)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/packages"
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    ("first", "again", "pause_s", "says"),
    [
        (b"", b"H", 0.05, "no whole answer within 0.25 s"),
        (HEAD + b"Content-Length: 900\r\n\r\n", b"x", 0.05, "no whole answer within 0.25 s"),
        (HEAD, b"X-A: " + b"b" * 500 + b"\r\n", 0.0, "got more than"),
        (HEAD + b"X-A: ", b"b" * 9000, 0.0, "got more than 65536 bytes"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", 0.0, "no whole answer within 0.25 s"),
        (HEAD + b"\r\n", b"x" * 600, 0.0, "the answer has more than 1000 bytes"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1f4\r\n" + b"x" * 500 + b"\r\n", 0.0, "more than 1000 bytes"),
        (HEAD + b"Content-Length: 999999999999\r\n\r\n", b"x" * 900, 0.0, "the answer has more than 1000 bytes"),
    ],
    ids=[
        "byte_by_byte",
        "body_drips",
        "headers_never_end",
        "header_never_ends",
        "continue",
        "endless",
        "chunks",
        "huge",
    ],
)
def test_a_peer_without_an_end_is_left_by_time_or_size(first: bytes, again: bytes, pause_s: float, says: str) -> None:
    # where size is the bound, a busy machine must not reach the time first
    timeout_s = SECONDS if "no whole answer" in says else 60.0
    with peer(first, again, pause_s) as url:
        answer = ask("POST", url, {}, b"package", most=MOST, timeout_s=timeout_s)
    assert answer.status is None
    assert says in answer.error


def test_a_name_that_leads_nowhere_in_time_or_to_another_net_is_no_peer() -> None:
    held = threading.Event()

    def slow(*_: object, **__: object) -> list[object]:
        held.wait(5)
        return []

    def moved(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]

    with patch.object(socket, "getaddrinfo", slow):
        assert "within 0.05 s" in ask("GET", "https://above.example/x", {}, timeout_s=0.05).error
    held.set()
    with patch.object(socket, "getaddrinfo", moved):
        assert "link-local" in ask("GET", "https://above.example/x", {}, timeout_s=1).error


def test_a_time_to_come_again_is_bounded_however_far_off_the_other_clock_is() -> None:
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    day = dt.timedelta(hours=24)
    said = {"Fri, 01 Jan 2100 00:00:00 GMT": day, "Thu, 01 Jan 1970 00:00:00 GMT": dt.timedelta(), "9" * 12: day}
    for text, wanted in said.items():
        answer = calls.Answer(status=503, headers={"retry-after": text})
        assert calls.retry_after(answer, now) == now + wanted, text
