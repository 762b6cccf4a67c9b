"""Logging in and out over HTTP, as a page and as JSON: wrong passwords are counted, and say how long to wait."""

from collections.abc import Iterator

import httpx2
import psycopg
import pytest

from care_network.access import throttle
from tests.support.console import console
from tests.support.network import build_city

pytestmark = pytest.mark.integration

PASSWORD = "three words together"


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield conn


@pytest.fixture
def client(conn: psycopg.Connection, database_url: str) -> Iterator[httpx2.Client]:
    with console(database_url, None, None) as client:
        yield client


def failures(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM login_failure").fetchone()
    return int(row[0]) if row else 0


def test_a_wrong_password_is_counted_and_the_right_one_opens_a_session(
    client: httpx2.Client, conn: psycopg.Connection
) -> None:
    wrong = client.post("/login", data={"login": "carer", "password": "wrong"})
    assert wrong.status_code == 401
    assert "账号或密码不正确" in wrong.text
    assert failures(conn) == 1
    refused = client.post("/api/login", json={"login": "carer", "password": "wrong"})
    assert refused.status_code == 401
    assert refused.json()["message_en"].startswith("Wrong login or password")
    assert refused.json()["message_zh"].startswith("账号或密码不正确")
    assert refused.json()["retry_after_s"] == 0
    assert failures(conn) == 2
    assert client.get("/api/alerts").status_code == 401
    assert client.post("/api/login", json={"login": "carer", "password": PASSWORD}).json() == {"ok": True}
    assert failures(conn) == 0, "a success forgets them"
    assert client.get("/api/alerts").json() == []
    assert client.post("/logout").headers["location"] == "/login"
    assert conn.execute("SELECT count(*) FROM session WHERE revoked_at IS NOT NULL").fetchone() == (1,)
    assert client.get("/").headers["location"] == "/login"


def test_too_many_wrong_passwords_say_how_long_to_wait(client: httpx2.Client, conn: psycopg.Connection) -> None:
    body = {"login": "carer", "password": "wrong"}
    for _ in range(throttle.PAIR.free + 1):
        answer = client.post("/api/login", json=body)
    answer = client.post("/api/login", json=body)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == answer.json()["retry_after_s"] > 0
    assert client.post("/login", data=body).status_code == 429


def test_a_refusal_is_said_in_both_languages_to_programs_and_on_a_page(client: httpx2.Client) -> None:
    client.post("/login", data={"login": "carer", "password": PASSWORD})
    refused = client.get("/api/sla")
    assert refused.status_code == 403
    assert set(refused.json()) == {"message_zh", "message_en"}
    page = client.get("/sla")
    assert page.status_code == 403
    assert "您没有这项权限" in page.text


def test_a_login_leads_back_to_the_page_that_was_asked_for(client: httpx2.Client) -> None:
    asked = client.get("/orders?state=done").headers["location"]
    assert asked == "/login?next=/orders%3Fstate%3Ddone"
    assert 'value="/orders?state=done"' in client.get(asked).text
    wrong = client.post("/login", data={"login": "carer", "password": "wrong", "next": "/orders?state=done"})
    assert 'value="/orders?state=done"' in wrong.text, "a wrong password forgets nothing"
    answer = client.post("/login", data={"login": "carer", "password": PASSWORD, "next": "/orders?state=done"})
    assert answer.headers["location"] == "/orders?state=done"
    assert client.get("/login").headers["location"] == "/", "who is logged in goes on"
    assert client.get("/login?next=/orders").headers["location"] == "/orders"
    assert client.get("/login?next=//evil.example").headers["location"] == "/"


def test_a_session_lasts_while_something_is_done_in_it_and_a_day_at_most(
    client: httpx2.Client, conn: psycopg.Connection
) -> None:
    client.post("/login", data={"login": "dispatcher", "password": PASSWORD})
    left = "SELECT extract(epoch FROM expires_at - now())::float8 / 3600 FROM session"
    conn.execute("UPDATE session SET created_at = now() - interval '11 h', expires_at = now() + interval '10 min'")
    assert client.get("/orders").status_code == 200
    assert conn.execute(left).fetchone()[0] < 1, "to look is no use"  # type: ignore[index]
    assert client.post("/session/stay").status_code == 303
    assert 11.9 < conn.execute(left).fetchone()[0] < 12.1  # type: ignore[index]
    conn.execute("UPDATE session SET created_at = now() - interval '23 h', expires_at = now() + interval '10 min'")
    client.post("/session/stay")
    assert 0.9 < conn.execute(left).fetchone()[0] < 1.1  # type: ignore[index]
