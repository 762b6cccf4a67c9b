"""The night on which the database fails: the board goes on, for those who watched it before."""

import contextlib
import json
import uuid
from collections.abc import Iterator

import httpx2
import msgspec
import psycopg
import pytest
from websockets.sync.client import ClientConnection, connect

from console.board.board import notice_of
from console.shell.security import COOKIE
from dispatch.alerts import lookup
from dispatch.core.notice import AlertNotice
from tests.support.console import console_with_board
from tests.support.databases import TestPostgres
from tests.support.network import build_city, open_alert
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


def log_in(client: httpx2.Client, login: str) -> str:
    client.cookies.clear()
    assert client.post("/login", data={"login": login, "password": "three words together"}).status_code == 303
    return str(client.cookies[COOKIE])


def use(client: httpx2.Client, cookie: str) -> None:
    client.cookies.clear()
    client.cookies.set(COOKIE, cookie)


def live(client: httpx2.Client, cookie: str) -> ClientConnection:
    url = str(client.base_url).rstrip("/")
    address = url.replace("http", "ws", 1) + "/api/live"
    return connect(address, additional_headers={"Cookie": f"{COOKIE}={cookie}"}, origin=url)  # type: ignore[arg-type]


def heard(socket: ClientConnection) -> list[str]:
    """The kinds of the messages that are there."""
    found: list[str] = []
    with contextlib.suppress(TimeoutError):
        while True:
            found.append(json.loads(socket.recv(timeout=0.3))["type"])
    return found


def alerts(socket: ClientConnection, wanted: str) -> Iterator[AlertNotice]:
    while True:
        message = json.loads(socket.recv(timeout=20))
        if message["type"] == "alert" and message["alert"]["id"] == wanted:
            yield msgspec.convert(message["alert"], AlertNotice)


def test_new_alerts_reach_those_who_watch_and_nobody_else(postgres: TestPostgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        build_city(conn)
        known = open_alert(conn, "R1", "H1")
        row = lookup.load(conn, uuid.UUID(known))
        assert row is not None
        like = notice_of(row)
    with console_with_board(postgres.url) as (client, board):
        carer = log_in(client, "carer-ms")
        assert client.get("/queue").status_code == 200
        dispatcher = log_in(client, "dispatcher")
        wait_for(lambda: known in client.get("/queue").text, 30, lambda: client.get("/queue").text)
        client.get("/residents/R1")
        with live(client, dispatcher) as socket, live(client, carer) as elsewhere:
            postgres.kill()
            wait_for(lambda: 'data-database="down"' in client.get("/queue").text, 30, lambda: client.get("/queue").text)
            new = msgspec.structs.replace(
                like, id=str(uuid.uuid4()), severity="urgent", reason_zh="新的预警", phone="0755-1"
            )
            board.show(new)
            assert next(alerts(socket, new.id)).reason_zh == "新的预警"
            page = client.get("/queue")
            assert page.status_code == 200
            assert "新的预警" in page.text
            assert client.get("/").status_code == 200, "the page can be loaded again"
            assert f"tel:{new.phone}" in client.get(f"/?a={new.id}").text, "whom to call, and where"
            with live(client, dispatcher) as again:
                board.show(msgspec.structs.replace(new, id=str(uuid.uuid4())))
                again.recv(timeout=10)
            assert "alert" not in heard(elsewhere)
        use(client, carer)
        assert "新的预警" not in client.get("/queue").text, "of one's own area only"
        assert "tel:" not in client.get(f"/?a={new.id}").text
        assert client.get("/residents/R2").status_code == 503, "the queue alone is shown from memory"
        use(client, "somebody")
        assert client.get("/queue").status_code == 503
        postgres.start()
        wait_for(lambda: client.get("/queue").status_code == 303, 20, lambda: client.get("/queue").text)
        use(client, dispatcher)
        wait_for(lambda: 'data-database="up"' in client.get("/queue").text, 20, lambda: client.get("/queue").text)
        assert client.post("/logout").status_code == 303
        use(client, dispatcher)
        postgres.kill()
        assert client.get("/queue").status_code != 200, "who has logged out is forgotten"
