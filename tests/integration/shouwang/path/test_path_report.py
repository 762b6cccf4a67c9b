"""A path that nobody watches, or that is broken, is never quiet: command, doctor, board and alert say so."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from care_network.records.synthetic import BUTTONS, GATEWAY, PENDANTS, add_synthetic
from console.board.proof import ProofOfPath
from database.reports import path_proofs
from dispatch.escalation import path_watch
from shouwang.cli.main import app
from shouwang.doctor.check import Check
from shouwang.doctor.database import content_checks
from tests.support.ladders import build_duty
from vocabulary.path_links import LIMIT_S, LINKS

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        add_synthetic(conn, dt.datetime.now(dt.UTC).date())
        yield conn


def command(url: str) -> tuple[int, dict[str, Any]]:
    plain = CliRunner().invoke(app, ["path", "--url", url])
    done = CliRunner().invoke(app, ["path", "--json", "--url", url])
    assert plain.exit_code == done.exit_code, plain.output
    found: dict[str, Any] = json.loads(done.output)
    assert found["whole"] == (done.exit_code == 0)
    assert found["fault_zh"][:6] in plain.output
    return done.exit_code, found


def doctor(conn: psycopg.Connection) -> Check:
    return next(row for row in content_checks(conn, dt.datetime.now(dt.UTC)) if row.what == "path")


def unwatched(conn: psycopg.Connection) -> list[str]:
    rows = conn.execute("SELECT state FROM alert WHERE rule = 'path_unwatched' ORDER BY raised_at").fetchall()
    return [state for (state,) in rows]


def test_the_command_and_the_doctor_say_what_is_broken(conn: psycopg.Connection, database_url: str) -> None:
    status, found = command(database_url)
    assert status == 1
    assert "nobody has ever proved" in found["fault_en"]
    assert not doctor(conn).good

    path_proofs.tell(conn, GATEWAY, None, ())
    assert command(database_url)[0] == 1
    assert doctor(conn).warning, "the first press is on its way"
    path_proofs.tell(conn, GATEWAY, 3.0, ())
    status, found = command(database_url)
    assert status == 0
    assert found["proved_s"] >= 3
    assert [one["link"] for one in found["links"]] == list(LINKS)
    assert {one["device"] for one in found["residents"]} == {*BUTTONS, *PENDANTS}
    assert doctor(conn).good

    path_proofs.tell(conn, GATEWAY, None, ("notify",))
    status, found = command(database_url)
    assert status == 1
    assert [one["link"] for one in found["links"] if one["broken"]] == ["notify"]
    assert "delivery service" in doctor(conn).text
    assert not doctor(conn).good


def test_a_watcher_that_stopped_is_told_by_every_means_once(conn: psycopg.Connection, database_url: str) -> None:
    path_proofs.tell(conn, GATEWAY, 1.0, ())
    conn.execute("UPDATE path_proof SET looked_at = looked_at - make_interval(secs => %s)", (LIMIT_S - 10,))
    path_watch.watch(conn)
    assert unwatched(conn) == []
    conn.execute(
        "UPDATE path_proof SET looked_at = looked_at - INTERVAL '11 s', proved_at = proved_at - INTERVAL '71 s'"
    )
    with psycopg.connect(database_url, autocommit=True) as another:
        for _ in range(2):
            path_watch.watch(conn)
            path_watch.watch(another)
    assert unwatched(conn) == ["raised"]
    assert command(database_url)[0] == 1
    assert "shouwang-path" in doctor(conn).text
    corner = ProofOfPath("console-0")
    corner.exchange(conn)
    age_s = corner.state().age_s
    assert age_s is not None
    assert age_s > LIMIT_S, "the corner is red from then on"

    path_proofs.tell(conn, GATEWAY, 1.0, ())
    path_watch.watch(conn)
    assert unwatched(conn) == ["cleared"]
    assert doctor(conn).good
