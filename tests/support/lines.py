"""A line between a client and its server that can fall silent: nothing is lost, nothing is closed, nothing comes."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit, urlunsplit


class SilentLine:
    """A TCP proxy; :meth:`url` leads an address through it, ``silent`` holds back what either side says."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = threading.Event()
        self._open.set()
        self._ended = False
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="line")]

    def url(self, url: str) -> str:
        """The same address by way of this line."""
        parts = urlsplit(url)
        before = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{before}@127.0.0.1:{self._listener.getsockname()[1]}"))

    def silence(self) -> None:
        self._open.clear()

    def speak(self) -> None:
        self._open.set()

    def __enter__(self) -> "SilentLine":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._open.set()
        for line in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._ended:
            try:
                down, _ = self._listener.accept()
                up = socket.create_connection(self._upstream)
            except OSError:
                return
            self._sockets += [down, up]
            for source, target in ((down, up), (up, down)):
                thread = threading.Thread(target=self._forward, args=(source, target), name="line")
                self._threads.append(thread)
                thread.start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
