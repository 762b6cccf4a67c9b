"""An MQTT proxy with TLS on both sides that can stop acknowledging, hang up and stall."""

import asyncio
import contextlib
import random
import ssl
import threading

import structlog

from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.pki import Pki

log = structlog.get_logger(__name__)
PUBACK = 4


class MqttProxy:
    """A proxy between one client and its broker, in a thread; the client connects with ``settings``."""

    def __init__(self, upstream: Broker, pki: Pki) -> None:
        self._upstream = upstream
        self.swallow_acknowledgements = False
        self.swallowed = 0
        self.connections = 0
        self._server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._server_tls.load_cert_chain(*pki.server("proxy", ["localhost", "127.0.0.1"]))
        self._client_tls = ssl.create_default_context(cafile=str(upstream.ca))
        self._client_tls.load_cert_chain(str(upstream.cert), str(upstream.key))
        self._writers: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="mqtt proxy")

    @property
    def settings(self) -> Broker:
        return Broker("127.0.0.1", self.port, self._upstream.ca, self._upstream.cert, self._upstream.key)

    def hang_up(self) -> None:
        """Reset every connection."""
        self._loop.call_soon_threadsafe(self._abort)

    def __enter__(self) -> "MqttProxy":
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the proxy does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._server_tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, down_r: asyncio.StreamReader, down_w: asyncio.StreamWriter) -> None:
        self.connections += 1
        up_w: asyncio.StreamWriter | None = None
        try:
            up_r, up_w = await asyncio.open_connection("127.0.0.1", self._upstream.port, ssl=self._client_tls)
            self._writers += [down_w, up_w]
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(down_r, up_w, swallow=False))
                group.create_task(self._forward(up_r, down_w, swallow=True))
        except* (OSError, asyncio.IncompleteReadError) as group:
            log.debug("a proxied connection ended", reason=[str(error) for error in group.exceptions])
        finally:
            for writer in (down_w, up_w):
                if writer is not None:
                    writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, swallow: bool) -> None:
        while True:
            head, size = await reader.readexactly(1), 0
            for shift in range(0, 28, 7):
                byte = await reader.readexactly(1)
                head += byte
                size |= (byte[0] & 127) << shift
                if byte[0] < 128:
                    break
            packet = head + await reader.readexactly(size)
            if swallow and self.swallow_acknowledgements and head[0] >> 4 == PUBACK:
                self.swallowed += 1
                continue
            writer.write(packet)
            await writer.drain()


async def stall_and_hang_up(proxy: MqttProxy, rng: random.Random, times: int) -> None:
    """Swallow and hang up at random moments."""
    for _ in range(times):
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        proxy.swallow_acknowledgements = rng.random() < 0.5
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        with contextlib.suppress(RuntimeError):
            proxy.hang_up()
    proxy.swallow_acknowledgements = False
