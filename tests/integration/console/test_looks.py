"""Every page that shows people leaves a line in the audit, and a board that asks each second leaves one."""

import datetime as dt

import httpx2
import psycopg
import pytest

from console.shell.looks import EVERY, MOST, Looks
from tests.support.console import console
from tests.support.network import build_city

pytestmark = pytest.mark.integration
LISTS = (
    "/",
    "/queue",
    "/api/alerts",
    "/residents",
    "/handovers",
    "/pauses/H1",
    "/operations",
    "/orders",
    "/sla",
    "/parameters",
)


def test_every_list_is_in_the_audit(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)

        def lines() -> list[tuple[str, dict[str, str], str]]:
            return conn.execute(
                "SELECT a.login, e.detail, e.origin FROM audit e JOIN account a ON a.id = e.account_id"
                " WHERE e.action = 'view_page' ORDER BY e.id"
            ).fetchall()

        with console(database_url, None, None) as client:
            log_in(client)
            for path in LISTS:
                for _ in range(3):
                    assert client.get(path).status_code == 200, path
            assert [(login, detail["page"]) for login, detail, _ in lines()] == [("dispatcher", path) for path in LISTS]
            assert {origin for _, _, origin in lines()} == {"127.0.0.1"}
            client.get("/residents", params={"q": "陈"})
            assert lines()[-1][1] == {"page": "/residents", "words": "陈"}
            count = len(lines())
            assert client.get("/residents/R1").status_code == 200
            assert len(lines()) == count, "its loader writes a line with the resident"
            assert conn.execute("SELECT count(*) FROM audit WHERE action = 'view_resident'").fetchone() == (1,)


def log_in(client: httpx2.Client) -> None:
    body = {"login": "dispatcher", "password": "three words together"}
    assert client.post("/api/login", json=body).status_code == 200


def test_a_look_counts_again_after_a_while_and_memory_is_bounded() -> None:
    looks, now = Looks(), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    assert looks.is_new((1, "/", ""), now)
    assert not looks.is_new((1, "/", ""), now + EVERY / 2)
    assert looks.is_new((2, "/", ""), now)
    assert looks.is_new((1, "/", ""), now + EVERY)
    looks.forget((1, "/", ""))
    assert looks.is_new((1, "/", ""), now + EVERY)
    for number in range(MOST + 5):
        looks.is_new((number, "/x", ""), now)
    assert looks.is_new((0, "/x", ""), now), "the oldest was forgotten"
