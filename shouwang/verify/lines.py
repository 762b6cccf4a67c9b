"""TCP relays on loopback that can hang up, fall silent, lose the answers of the server, or lose packets."""

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable
from typing import Literal

RelayState = Literal["open", "cut", "silent", "deaf", "slow", "lossy"]
"""*cut*: every connection is reset, and none is made. *silent*: the connections stay and carry nothing; then all of it
arrives. *deaf*: the server's answers are lost, the requests arrive; then every connection is reset: a commit succeeds
and its client does not learn of it. *slow*: each piece of at most _CHUNK bytes, both ways, is ``slow_s`` on its way.
*lossy*: each piece is lost with the probability ``loss``, as often as it is sent; TCP hides that behind pauses of
RETRANSMIT_S and twice as long at each further loss (RFC 6298, 5.5), and gives a connection up after GIVE_UP of them."""
_CHUNK = 65_536
RETRANSMIT_S, GIVE_UP = 0.2, 5
"""Linux' shortest pause before a segment is sent again, and after how many losses of one in series the line hangs up
here: a kernel waits for a quarter of an hour, a router in between or the impatient program for seconds."""


class Relay:
    """A relay from ``port`` to the server's port (asked for at each connection). Bytes pass as they are, so TLS goes
    from end to end. Use as a context manager; runs in a thread of its own."""

    def __init__(self, server_port: Callable[[], int]) -> None:
        self._server_port = server_port
        self._state: RelayState = "open"
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop
        self._stop, self._passing = asyncio.Event(), asyncio.Event()
        self._passing.set()
        self._ready = threading.Event()
        self.port = 0
        self.slow_s = self.loss = 0.0
        self._chance = random.Random(1)  # noqa: S311 - the same losses at each run, no secret
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), name="line")

    def trouble(self, state: RelayState, seconds: float) -> None:
        """Enter a state for so many seconds; does nothing where the relay is in trouble already. Returns at once."""
        self._loop.call_soon_threadsafe(self._begin, state, seconds)

    def mend(self) -> None:
        """End the trouble before its time."""
        self._loop.call_soon_threadsafe(self._end)

    def __enter__(self) -> "Relay":
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the relay does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def _begin(self, state: RelayState, seconds: float) -> None:
        if self._state != "open":
            return
        self._state = state
        if state == "silent":
            self._passing.clear()
        if state == "cut":
            self._hang_up()
        self._loop.call_later(seconds, self._end)

    def _end(self) -> None:
        if self._state == "deaf":
            self._hang_up()
        self._state = "open"
        self._passing.set()

    def _hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._hang_up()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, client_r: asyncio.StreamReader, client_w: asyncio.StreamWriter) -> None:
        mine = {client_w}
        self._writers.add(client_w)
        try:
            if self._state == "cut":
                return
            server_r, server_w = await asyncio.open_connection("127.0.0.1", self._server_port())
            mine.add(server_w)
            self._writers.add(server_w)
            ways = [
                asyncio.ensure_future(self._carry(client_r, server_w, answers=False)),
                asyncio.ensure_future(self._carry(server_r, client_w, answers=True)),
            ]
            _, other = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in other:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the server is away: the client sees a connection that ends
        finally:
            self._writers -= mine
            for writer in mine:
                writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._passing.wait()
                if self._state == "slow":
                    await asyncio.sleep(self.slow_s)
                if self._state == "lossy":
                    await self._lose()
                if not (answers and self._state == "deaf"):
                    writer.write(data)
                    await writer.drain()

    async def _lose(self) -> None:
        """Let a piece be lost and sent again. Raises ConnectionResetError where that goes on too long."""
        for losses in range(GIVE_UP):
            if self._chance.random() >= self.loss:
                return
            await asyncio.sleep(RETRANSMIT_S * 2**losses)
        raise ConnectionResetError
