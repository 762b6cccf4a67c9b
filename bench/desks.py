"""Desks of dispatchers: live sockets of a console that are open all the while, in a thread of their own."""

import asyncio
import json
import threading
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection

from bench.console_sockets import _open


class Desks:
    """Use as a context manager: a socket for each session is open inside."""

    def __init__(self, address: str, sessions: Sequence[str]) -> None:
        self._origin, self._sessions = address, sessions
        self._heard: list[set[str]] = [set() for _ in sessions]
        self._open = threading.Event()
        self._fault: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="desks", daemon=True)

    def __enter__(self) -> "Desks":
        self._thread.start()
        if not self._open.wait(60) or self._fault is not None:
            raise RuntimeError("the desks' sockets did not open") from self._fault
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._task is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)

    def fewest_and_most(self) -> tuple[int, int]:
        """The alerts of the desk that heard of the fewest, and of the most. Raises RuntimeError where one is closed."""
        if self._fault is not None:
            raise RuntimeError("a desk's socket was closed") from self._fault
        every = [len(heard) for heard in self._heard]
        return min(every), max(every)

    def _run(self) -> None:
        try:
            asyncio.run(self._listen())
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self._fault = error
        finally:
            self._open.set()

    async def _listen(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        address = self._origin.replace("http", "ws", 1) + "/api/live"
        sockets = [await _open(address, self._origin, session) for session in self._sessions]
        self._open.set()
        await asyncio.gather(*(self._read(socket, heard) for socket, heard in zip(sockets, self._heard, strict=True)))

    async def _read(self, socket: ClientConnection, heard: set[str]) -> None:
        async for message in socket:
            if str(message).startswith('{"type":"alert"'):
                heard.add(str(json.loads(message)["alert"]["id"]))
