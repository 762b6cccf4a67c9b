"""A line that loses packets: what TCP carries arrives whole and in order, or the connection ends."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from shouwang.verify import lines
from shouwang.verify.lines import Relay


class Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    monkeypatch.setattr(lines, "RETRANSMIT_S", 0.001)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with Relay(lambda: int(server.server_address[1])) as relay:
            yield relay
        server.shutdown()
        thread.join()


def test_what_is_lost_is_sent_again(line: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "GIVE_UP", 1000)
    line.loss = 0.5
    line.trouble("lossy", 60)
    with socket.create_connection(("127.0.0.1", line.port), 10) as client:
        for number in range(100):
            client.sendall(b"%08d" % number)
            got = b""
            while len(got) < 8:
                got += client.recv(8 - len(got))
            assert int(got) == number
    line.mend()


def test_where_too_much_is_lost_the_connection_ends(line: Relay) -> None:
    line.loss = 1.0
    line.trouble("lossy", 60)
    with socket.create_connection(("127.0.0.1", line.port), 10) as client:
        client.sendall(b"lost")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(8) == b""
    line.mend()
