"""A press on a home's panel takes the road of every SOS, is one call however often it is sent, needs no database."""

import time
import uuid
from pathlib import Path

import httpx2
import psycopg
import pytest

from alerting.service.receiving.hearing import answer
from alerting.service.receiving.mailbox import Mailbox
from alerting.service.receiving.messages import HomeMessage
from console.app import create_app
from console.settings import ConsoleSettings
from database.settings import DatabaseSettings
from dispatch.alerts import lifecycle
from dispatch.core.history import Actor
from dispatch.core.links import create_link_key_file, load_link_keys
from dispatch.family import panels
from firmware_profiles import wire
from tests.support.brokers import TestBroker
from tests.support.console import serving
from tests.support.console_site import console_site, now
from tests.support.databases import logins_of_console, of_service
from tests.support.lines import SilentLine
from tests.support.network import account
from tests.support.orders import staff_city
from tests.support.services import service, wait_for
from vocabulary.taking_back import REPETITION_US

pytestmark = pytest.mark.integration
PATIENCE_S = 5.0
"""Of the panel's page for one sending of a press."""


@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
def test_a_press_travels_through_mosquitto_and_detection_and_a_second_one_reaches_the_desk(
    database_url: str, tmp_path: Path, broker: TestBroker
) -> None:
    with (
        console_site(database_url, tmp_path, broker=broker.settings("svc-console")) as site,
        service("alerting", broker.settings("svc-alerting"), tmp_path, SHOUWANG_DATABASE_URL=database_url) as alerting,
        site.client() as client,
    ):
        path = panels.make(site.conn, site.keys, account(site.conn, "admin"), "gw-1", now(), "test")
        assert panels.address(site.conn, site.keys, "gw-1") == path, "the same address, as often as it is asked for"
        wait_for(lambda: "connected to the broker" in alerting.log(), 30, lambda: alerting.log())
        wait_for(lambda: site.console.feed.broker_up, 15, lambda: "no connection to the broker")

        def press(not_before_ms: int = 0) -> int:
            at_ms = max(not_before_ms, round(now().timestamp() * 1000))
            sent = client.post(f"{path}/press", json={"id": str(uuid.uuid4()), "at_ms": at_ms})
            assert sent.status_code == 202
            return at_ms

        def heard_ms() -> int:
            found = client.get(f"{path}/now").json()["help"]
            return int(found["heard_ms"]) if found else 0

        first = press()
        wait_for(lambda: heard_ms() >= first, 20, lambda: alerting.log())
        # The panel reads the database; the desk's board learns of it by a message, a moment later.
        board = site.console.board
        wait_for(lambda: bool(board.open_alerts(lambda _: True)), 20, lambda: "not on the board")
        (alert,) = board.open_alerts(lambda _: True)
        assert (alert.rule, alert.severity, alert.word_us) == ("sos", "emergency", None)
        yang = Actor(None, "杨敏", "test")
        lifecycle.act(site.conn, uuid.UUID(alert.id), "respond", yang, now(), expected_version=1)
        press(first + REPETITION_US // 1000 + 100)  # sooner it is the same press told twice
        wait_for(lambda: heard_ms() > first, 20, lambda: alerting.log())
        state = client.get(f"{path}/now").json()["help"]
        assert (state["state"], state["words"]) == ("responding", "杨敏正在路上")
        wait_for(
            lambda: "再次报警" in (getattr(board.get(alert.id), "word_zh", "") or ""),
            20,
            lambda: str(board.get(alert.id)),
        )
        # one call, and it waits for somebody at the desk to look
        assert site.conn.execute("SELECT count(*) FROM alert").fetchone() == (1,)


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_a_press_reaches_detection_once_also_without_the_database(
    database_url: str, tmp_path: Path, broker: TestBroker
) -> None:
    create_link_key_file(tmp_path / "link.keys")
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        keys = load_link_keys(tmp_path / "link.keys")
        path = panels.make(conn, keys, account(conn, "admin"), "gw-1", now(), "test")
    ready: list[bool] = []
    ear = Mailbox(broker.settings("svc-alerting"), "ear", lambda: ready.append(True), lambda: None)
    ear.start()
    settings = ConsoleSettings(link_key_file=tmp_path / "link.keys", **logins_of_console(database_url))
    app = create_app(
        settings, DatabaseSettings(url=of_service(database_url, "console")), broker.settings("svc-console")
    )
    with serving(app) as url, httpx2.Client(base_url=url, headers={"Origin": url}, timeout=45) as client:
        feed = app.state.console.feed
        wait_for(lambda: ready and feed.broker_up and feed.database_up, 15, lambda: "not connected")
        assert client.get(path).status_code == 200
        state = client.get(f"{path}/now").json()
        assert abs(state.pop("now_ms") / 1000 - now().timestamp()) < 5
        assert state == {"help": None, "visits": [], "hears": True}
        press = {"id": str(uuid.uuid4()), "at_ms": round(now().timestamp() * 1000)}
        assert client.post(f"{path}/press", json=press).status_code == 202
        feed.database_up = False  # as its listener has it while the database is away
        assert client.post(f"{path}/press", json=press).status_code == 202
        assert client.post(f"{path[:-1]}x/press", json=press).status_code == 410
        heard = [message for _ in range(2) for message in ear.take(10)]
    ear.close()
    assert len(heard) == 2
    assert heard[0].payload == heard[1].payload
    assert heard[0].topic == wire.topic("gw-1", "panel")
    message = heard[0].content
    assert isinstance(message, HomeMessage)
    assert message.by_panel
    assert isinstance(message.body, wire.Event)
    assert message.body.values == {"press": press["id"]}
    assert answer(message, 0) is None  # the gateway's own alarm is not ended by it


def test_a_panel_is_withdrawn_and_replaced(database_url: str, tmp_path: Path) -> None:
    create_link_key_file(tmp_path / "link.keys")
    keys = load_link_keys(tmp_path / "link.keys")
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        admin = account(conn, "admin")
        first, second = (panels.make(conn, keys, admin, "gw-1", now(), "test").removeprefix("/home/") for _ in range(2))
        panels.check(conn, panels.read(keys, second, now()), now())
        with pytest.raises(panels.LinkError, match="switched off"):
            panels.check(conn, panels.read(keys, first, now()), now())
        panels.withdraw(conn, admin, "gw-1", now(), "test")
        with pytest.raises(panels.LinkError, match="switched off"):
            panels.check(conn, panels.read(keys, second, now()), now())
        with pytest.raises(panels.NotFoundError):
            panels.make(conn, keys, account(conn, "admin-hs"), "gw-2", now(), "test")


@pytest.mark.parametrize("broker", ["nats"], indirect=True)
def test_a_panel_calls_for_help_while_the_database_stands_still(
    database_url: str, tmp_path: Path, broker: TestBroker
) -> None:
    with (
        SilentLine(database_url) as line,
        console_site(database_url, tmp_path, through=line.url, broker=broker.settings("svc-console")) as site,
        site.client() as client,
    ):
        feed = site.console.feed
        wait_for(lambda: feed.broker_up and feed.database_up, 15, lambda: "not connected")
        path = panels.make(site.conn, site.keys, account(site.conn, "admin"), "gw-1", now(), "test")
        assert "data-bare" not in client.get(path).text
        line.silence()
        wait_for(lambda: not site.console.feed.database_up, 15, lambda: "the console does not notice")
        press = {"id": str(uuid.uuid4()), "at_ms": round(now().timestamp() * 1000)}
        began = time.monotonic()
        assert client.post(f"{path}/press", json=press).status_code == 202
        assert time.monotonic() - began < PATIENCE_S, "the page would have given it up"
        shown = client.get(path)
        assert shown.status_code == 200
        assert "data-bare" in shown.text
        assert 'data-act="help"' in shown.text
        line.speak()
        panels.withdraw(site.conn, account(site.conn, "admin"), "gw-1", now(), "test")
        wait_for(lambda: client.get(path).status_code == 410, 15, lambda: "a withdrawn panel is shown")
        assert "这块屏幕不能呼救了" in client.get(path).text
