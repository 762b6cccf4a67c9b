"""A dispatcher of one street finds nothing of another on any page of the district's state."""

from pathlib import Path

import httpx2
import psycopg
import pytest

from care_network.access import sessions
from console.shell.security import COOKIE
from tests.integration.console.test_every_route import now
from tests.support.console import console
from tests.support.network import account, build_city

pytestmark = pytest.mark.integration

PAGES = ("/operations", "/residents", "/orders", "/handovers", "/sla", "/queue", "/api/alerts", "/")


def test_no_page_shows_what_lies_in_another_street(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)  # H1 and gw-1 in one street, H2 and gw-2 in the other
        conn.execute("UPDATE account SET area_path = 'sz.yt.hs' WHERE login = 'dispatcher'")
        conn.execute(
            "INSERT INTO ingest_stream (gateway_id, stream, epoch, high, gaps, updated_at)"
            " SELECT id, 'live', 1, 9, '{[3,5)}', now() FROM gateway"
        )
        token = sessions.open_session(conn, account(conn, "dispatcher"), "127.0.0.1", now())
    with console(database_url, None, None) as client:
        shown = {page: text(client, page, token) for page in PAGES}
    assert "gw-1" in shown["/operations"], "its own"
    for page, content in shown.items():
        for foreign in ("gw-2", "路2号", "/residents/R2"):
            assert foreign not in content, (page, foreign)


def text(client: httpx2.Client, page: str, token: str) -> str:
    answer = client.get(page, headers={"Cookie": f"{COOKIE}={token}"})
    assert answer.status_code == 200, page
    return answer.text
