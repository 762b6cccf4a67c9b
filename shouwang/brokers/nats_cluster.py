"""A cluster of three NATS servers on loopback, as in ``deploy/nats``, for the proof, the tests and the benches.

Each server keeps every session and message. Clients reach a living server behind one address.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.config import Member, Tls
from shouwang.brokers.local import BrokerError, EmbeddedBroker, LocalBroker, free_port
from shouwang.brokers.pki import Pki

NODES = 3
READY_TIMEOUT_S = 40.0


class NatsCluster:
    """All servers of a cluster; use as a context manager, or by ``start`` and ``stop``."""

    name = "nats-cluster"

    def __init__(self, data_dir: Path, pki: Pki) -> None:
        self.pki = pki
        self.nodes = [EmbeddedBroker(data_dir / f"node-{number}", pki) for number in range(NODES)]
        routes = tuple(free_port() for _ in self.nodes)
        tls = Tls(pki.cluster.ca, *pki.route(["localhost", "127.0.0.1"]))
        for number, node in enumerate(self.nodes):
            node.member = Member(f"node-{number}", routes[number], routes, tls)
        self._turns = itertools.cycle(self.nodes)
        self._address = _Address([node.port for node in self.nodes])

    @property
    def port(self) -> int:
        """The one port behind which a living server takes each connection."""
        return self._address.port

    @property
    def pids(self) -> list[int]:
        return [pid for node in self.nodes for pid in node.pids]

    @property
    def ended_orphan(self) -> bool:
        return any(node.ended_orphan for node in self.nodes)

    def settings(self, identity: str) -> Broker:
        """Settings with which ``identity`` (a gateway's or service's name) connects."""
        cert, key = self.pki.client(identity)
        return Broker("127.0.0.1", self._address.port, self.pki.ca, cert, key)

    def allow_gateways(self, gateways: Iterable[str]) -> None:
        """Give these gateways their rights, at once and for later starts. Raises ValueError for a name that is none."""
        names = list(gateways)
        for node in self.nodes:
            node.allow_gateways(names)

    def next_node(self) -> EmbeddedBroker:
        """Return the servers in turn, for tests that break one after the other."""
        return next(self._turns)

    def start(self) -> None:
        """Start the servers that do not run yet. Raises BrokerError where they do not become one cluster."""
        for node in self.nodes:
            node.start()
        self._address.start()
        self._await_quorum()

    def stop(self) -> None:
        self._address.stop()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """End all servers as a power cut would."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await_quorum(self) -> None:
        """Wait until a client can connect: without a leader the servers refuse every client."""
        let_in = threading.Event()
        client = mqtt.make_client(self.settings("svc-console"), "quorum", clean=True)
        client.on_connect = lambda _c, _u, _f, reason, _p: None if reason.is_failure else let_in.set()
        mqtt.start(client, self.settings("svc-console"))
        try:
            if not let_in.wait(READY_TIMEOUT_S):
                raise BrokerError(f"the NATS servers did not become a cluster; see {self.nodes[0].log_file}")
        finally:
            mqtt.stop(client)


AnyBroker = LocalBroker | NatsCluster


class _Address:
    """One loopback port behind which the first server that answers takes each connection. In a thread of its own."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self.port = free_port()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            ready = threading.Event()
            self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="address")
            self._thread.start()
            ready.wait(10)

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            thread.join()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        ready.set()
        await self._end.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, down: asyncio.StreamReader, down_writer: asyncio.StreamWriter) -> None:
        up_writer = None
        try:
            for port in self._ports:
                with contextlib.suppress(OSError):
                    up, up_writer = await asyncio.open_connection("127.0.0.1", port)
                    break
            if up_writer is None:
                return
            ways = [asyncio.ensure_future(_pass_on(*way)) for way in ((down, up_writer), (up, down_writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        except asyncio.CancelledError:
            pass  # the cluster stops; asyncio's streams would log it as a fault
        finally:
            for writer in (down_writer, up_writer):
                if writer is not None:
                    writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(256 * 1024):
            writer.write(data)
            await writer.drain()
