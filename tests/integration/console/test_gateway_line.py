"""Requests to gateways over a broker: asked for by page, signed, answered by the gateway, or unknown."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx2
import msgspec
import psycopg
import pytest

from console.board.gateway_line import PATIENCE_S, GatewayLine
from database.settings import DatabaseSettings
from database.upkeep import requests
from edge_agent.command_guard import CommandGuard
from edge_agent.config import CommandsConfig
from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from edge_agent.uplink import Uplink
from firmware_profiles import wire
from shouwang.gateways.signing import make_key
from tests.support.brokers import TestBroker
from tests.support.console import broker_away
from tests.support.console_site import console_site
from tests.support.databases import of_service
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


async def with_gateway(
    broker: TestBroker,
    folder: Path,
    public: str,
    handlers: dict[str, Callable[[wire.Command], str]],
    during: Callable[[], None],
) -> None:
    """Run the line of gw-1 while ``during`` runs in a thread; it takes commands of the console's key alone."""
    clock = Clock()
    outbox = Outbox(folder / "buffer.db", "gw-1", clock, 10 * 2**20)
    guard = CommandGuard(
        CommandsConfig(console=[public]), "gw-1", folder / "commands.json", clock.now_us, lambda _: None
    )
    uplink = Uplink(
        broker.settings("gw-1"), "gw-1", outbox, clock, handlers, SentMessages(folder / "sent", 2**21), guard=guard
    )
    uplink.start()
    try:
        async with asyncio.timeout(60):
            while not uplink.online:  # noqa: ASYNC110 - paho sets it from its own thread
                await asyncio.sleep(0.02)
            await asyncio.to_thread(during)
    finally:
        await uplink.stop(0)
        outbox.close()


def test_a_gateway_answers_and_the_page_has_its_words(broker: TestBroker, database_url: str, tmp_path: Path) -> None:
    public = make_key(tmp_path / "command.key")
    settings = msgspec.structs.replace(broker.settings("svc-console"), command_key=tmp_path / "command.key")

    def refuse(command: wire.Command) -> str:
        raise ValueError(f"version {len(command.body)} fails the check")

    handlers = {"self_test": lambda _: '{"ok": true, "buffer": {"fault": "", "waiting": 3}}', "update_config": refuse}
    with console_site(database_url, tmp_path / "site", broker=settings) as site, site.client("admin") as client:

        def ask() -> None:
            assert client.post("/devices/gw-1/self-test").status_code == 303
            wait_for(lambda: "可写，3 条待发" in shown(client), 20, lambda: shown(client)[-2000:])
            requests.put(site.conn, "update_config", "gw-1", "admin", {"version": 7}, body=b"x")
            wait_for(lambda: "网关已拒绝" in shown(client), 20, lambda: shown(client)[-2000:])
            assert "version 1 fails the check" in shown(client)

        asyncio.run(with_gateway(broker, tmp_path, public, handlers, ask))


def shown(client: httpx2.Client) -> str:
    return client.get("/devices/gw-1").text


def test_no_answer_in_time_is_unknown_and_nobody_else_carries_it_out(database_url: str, tmp_path: Path) -> None:
    with (
        console_site(database_url, tmp_path) as site,
        broker_away() as away,
        psycopg.connect(of_service(database_url, "board"), autocommit=True) as conn,
    ):
        site.console.gateway_line.stop()
        line = GatewayLine(DatabaseSettings(url=database_url), away, "test")
        number = requests.put(site.conn, "self_test", "gw-1", "admin")
        line.turn(conn, 0.0)
        sent = requests.load(site.conn, number)
        assert sent is not None
        assert sent.state == "sent"
        assert requests.claim(site.conn, ("self_test",), PATIENCE_S) is None
        line.turn(conn, PATIENCE_S["self_test"] - 1)
        assert requests.load(site.conn, number) == sent
        line.turn(conn, PATIENCE_S["self_test"])
        ended = requests.load(site.conn, number)
        assert ended is not None
        assert ended.state == "unknown"
        lost = requests.put(site.conn, "self_test", "gw-1", "admin")
        assert requests.claim(site.conn, ("self_test",), {"self_test": -1.0}) is not None
        assert requests.claim(site.conn, ("self_test",), PATIENCE_S) is None
        found = requests.load(site.conn, lost)
        assert found is not None
        assert found.state == "unknown", "whoever carried it out was killed"
