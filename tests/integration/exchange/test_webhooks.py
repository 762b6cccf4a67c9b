"""Webhooks: signed, in order for each alert, never lost by a crash, and given up in the open after a day."""

import datetime as dt
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from care_network.access import webhooks
from care_network.access.webhook_addresses import checked_address, is_public
from care_network.errors import ProvisioningError
from database.settings import DatabaseSettings
from dispatch.alerts import lifecycle
from exchange.webhooks.delivering import Webhooks
from observability.liveness import Liveness
from tests.support.databases import of_service
from tests.support.exchange_site import ExchangeSite, exchange_site, now
from tests.support.network import account, build_city
from tests.support.orders import ZHOU, raise_alert
from tests.support.services import wait_for

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]


class Receiver:
    """Another system's server: what arrived, and with which status it answers; None: it never answers."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status: int | None = 204
        self.gone = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
                if receiver.status is None:
                    receiver.gone.wait(20)
                    return
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?system=1"

    def states(self) -> list[str]:
        return [msgspec.json.decode(body)["data"]["state"] for _, body in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.gone.set()
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join(10)


def hook(site: ExchangeSite, url: str, events: tuple[str, ...] = tuple(webhooks.EVENTS)) -> tuple[int, str]:
    admin = account(site.conn, "admin")
    return webhooks.add(site.conn, admin, "hospital", "alerts", url, events, "sz.yt", at=now(), origin="t", local=True)


@contextmanager
def city(database_url: str) -> Iterator[ExchangeSite]:
    """The city and the system's token, without a running exchange."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield ExchangeSite("", conn)


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """By the program in the documentation."""
    names = runpy.run_path(str(ROOT / "docs/examples/verify_webhook.py"))
    return bool(names["verified"](secret, headers, body))


def told(sender: Webhooks, conn: psycopg.Connection[Any], at: dt.datetime) -> None:
    """Let the sender do all that is due at ``at``, and note the answers."""
    wait_for(lambda: not sender.turn(conn, at) and not sender._on_their_way, 15, lambda: "posts do not end")


def test_changes_are_told_signed_and_in_their_order(database_url: str, tmp_path: Path) -> None:
    with receiving() as receiver, exchange_site(database_url, tmp_path, local_webhooks=True) as site:
        receiver.status = 500
        number, secret = hook(site, receiver.url)
        raise_alert(site.conn, now(), resident="R2")  # has not agreed
        alert = raise_alert(site.conn, now())
        wait_for(lambda: receiver.got, 15, lambda: "nothing is told")
        lifecycle.act(site.conn, alert, "acknowledge", ZHOU, now(), expected_version=1)
        lifecycle.act(site.conn, alert, "resolve", ZHOU, now(), expected_version=2, outcome="reassured")
        with site.client() as client:
            wait_for(lambda: client.get("/webhooks").json()[0]["waiting"] == 3, 15, lambda: "not queued")
            wait_for(
                lambda: client.get(f"/webhooks/{number}/deliveries").json()[-1]["status"] == 500,
                15,
                lambda: "no attempt",
            )
            receiver.status = 204
            site.conn.execute("UPDATE webhook_delivery SET next_at = now()")
            wait_for(lambda: len(receiver.got) == 4, 15, lambda: str(receiver.states()))
            assert receiver.states() == ["raised", "raised", "acknowledged", "resolved"]
            wait_for(lambda: client.get("/webhooks").json()[0]["waiting"] == 0, 15, lambda: "not noted")
            assert client.get("/webhooks/999/deliveries").status_code == 404
        first, again, *rest = receiver.got
        assert first[0]["webhook-id"] == again[0]["webhook-id"] not in {headers["webhook-id"] for headers, _ in rest}
        assert verified(secret, *again)
        assert not verified(secret, again[0], again[1].replace(b"raised", b"closed"))
        assert not verified(secret, again[0] | {"webhook-timestamp": str(int(now().timestamp()) - 400)}, again[1])
        data = msgspec.json.decode(again[1])["data"]
        assert (data["alert"], data["resident"]) == (str(alert), "R1")


def test_a_killed_exchange_loses_nothing_and_repeats_under_the_same_id(database_url: str) -> None:
    with receiving() as receiver, city(database_url) as site:
        hook(site, receiver.url)
        own = of_service(database_url, "exchange")
        environment = {
            **os.environ, "SHOUWANG_DATABASE_URL": own, "SHOUWANG_EXCHANGE_PORT": "0",
            "SHOUWANG_EXCHANGE_LOCAL_WEBHOOKS": "true", "SHOUWANG_BROKER_PORT": "9",
        }  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "exchange"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            receiver.status = None  # takes it, and the exchange dies before it hears so
            raise_alert(site.conn, now())
            wait_for(lambda: receiver.got or process.poll() is not None, 40, lambda: "nothing is told")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        raise_alert(site.conn, now())  # while it is dead
        receiver.status = 204
        with psycopg.connect(own, autocommit=True) as conn:
            told(Webhooks(DatabaseSettings(url=own), Liveness(), local=True), conn, now() + dt.timedelta(minutes=1))
        names = [headers["webhook-id"] for headers, _ in receiver.got]
        assert len(names) == 3
        assert len(set(names)) == 2


def test_after_a_day_it_is_given_up_and_can_be_sent_again(database_url: str) -> None:
    own = of_service(database_url, "exchange")
    with receiving() as receiver, city(database_url) as site, psycopg.connect(own, autocommit=True) as conn:
        admin, (number, _) = account(site.conn, "admin"), hook(site, receiver.url, ("alert.raised",))
        sender = Webhooks(DatabaseSettings(url=own), Liveness(), local=True)
        receiver.status = 503
        alert = raise_alert(site.conn, now())
        lifecycle.act(site.conn, alert, "acknowledge", ZHOU, now(), expected_version=1)  # not asked for
        told(sender, conn, now())
        told(sender, conn, now() + dt.timedelta(hours=25))
        (kept,) = webhooks.listing(site.conn, admin)
        assert (kept.waiting, kept.parked) == (0, 1)
        receiver.status = 200
        assert webhooks.resend(site.conn, admin, number, at=now(), origin="t") == 1
        told(sender, conn, now())
        (line,) = webhooks.deliveries(site.conn, admin, number)
        assert (line.state, line.status, line.attempts) == ("delivered", 200, 1)
        webhooks.set_paused(site.conn, admin, number, paused=True, at=now(), origin="t")
        raise_alert(site.conn, now())
        told(sender, conn, now())
        assert len(receiver.got) == 3
        site.conn.execute("UPDATE exchange_consent SET withdrawn_at = now()")
        webhooks.set_paused(site.conn, admin, number, paused=False, at=now(), origin="t")
        told(sender, conn, now())
        assert len(receiver.got) == 3  # withdrawn meanwhile: dropped
        webhooks.remove(site.conn, admin, number, at=now(), origin="t")
        assert webhooks.listing(site.conn, admin) == []


BAD = (
    "http://example.org/x", "https://127.0.0.1/x", "https://localhost/x", "https://10.0.0.1/x", "https://[::1]/x",
    "https://a:b@example.org/x", "https://example.org:22/x", "https://example.org/x#y", "ftp://example.org", "https://2130706433/",
    "https://0x7f.1/", "https://intern/x", "https://例子.org/", "", "https://example.org:99999/",
)  # fmt: skip


@pytest.mark.parametrize("url", BAD)
def test_an_address_within_the_district_is_refused(url: str) -> None:
    with pytest.raises(ProvisioningError):
        checked_address(url)


def test_public_addresses_are_told_from_others() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")
    for one in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1", "224.0.0.1", "0.0.0.0", "64:ff9b::a00:1", "x"):  # fmt: skip  # noqa: S104, E501
        assert not is_public(one), one
