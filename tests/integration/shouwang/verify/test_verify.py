"""The proof itself: it passes where nothing is lost, it tells where something is; and the list of gaps for people."""

import shutil
from pathlib import Path

import numpy as np
import psycopg
import pytest
from typer.testing import CliRunner

from ingest import gaps
from shouwang.brokers.local import mosquitto_binary
from shouwang.cli.main import app
from shouwang.verify.accounting import Balance, account
from shouwang.verify.harness import verify
from tests.support.district import add_homes
from tests.support.release import before_a_release

pytestmark = pytest.mark.integration


def test_the_account_sees_every_kind_of_wrong() -> None:
    sent_us, sent = np.array([1, 2, 3, 4]), np.array([1, 2, 3, 4], np.float32)
    exact = account(sent_us, sent, sent_us[::-1], sent[::-1])
    assert exact == Balance(sent=4, stored=4)
    assert exact.exact
    stored_us, stored = np.array([1, 2, 2, 3, 9]), np.array([1, 2, 2, 7, 9], np.float32)
    wrong = account(sent_us, sent, stored_us, stored)
    assert wrong == Balance(sent=4, stored=5, missing=1, doubled=1, altered=1, invented=1)
    assert not wrong.exact


# paho leaves a socket to the garbage collector when the line is cut in the middle of its TLS handshake
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("broker", ["nats", pytest.param("mosquitto", marks=before_a_release)])
def test_nothing_is_lost_while_servers_die(broker: str, tmp_path: Path) -> None:
    if broker == "mosquitto" and mosquitto_binary() is None:
        pytest.skip("mosquitto is not installed here")
    told: list[str] = []
    result = verify(tmp_path / "proof", broker, 6, 15, 5, told.append)
    assert len(result.faults) >= 2
    assert result.readings.sent > 1000
    assert result.refused.sent > 10
    assert result.exact, f"{result} {told[-5:]}"
    shutil.rmtree(tmp_path / "proof")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_proof_fails_where_ingest_is_broken(tmp_path: Path) -> None:
    result = verify(
        tmp_path / "proof",
        "nats",
        4,
        6,
        1,
        lambda _: None,
        faults=["sent twice"],
        ingest="tests.support.broken_ingest",
        calm_s=3,
    )
    assert not result.exact
    assert result.readings.doubled > 0, "stored twice"
    assert result.readings.missing > 0, "not stored"
    assert result.refused.missing == result.refused.sent > 0, "refused and not kept"
    shutil.rmtree(tmp_path / "proof")


def test_gaps_for_people(database_url: str) -> None:
    add_homes(database_url, ["gw-gaps-1"])
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path) VALUES"
            " ('chief', 'x', '主管', 'Chief', 'admin', 'd')"
        )
        conn.execute(
            "INSERT INTO ingest_stream (gateway_id, epoch, stream, high, gaps)"
            " SELECT id, 1, 'live', 9, '{[3,5)}' FROM gateway"
        )
        gaps.refresh(conn)
        (number,) = conn.execute("SELECT id FROM stream_gap").fetchone() or (0,)
    run = CliRunner().invoke
    url = ["--url", database_url]
    chief = ["--as", "chief", *url]
    shown = run(app, ["gaps", "list", *chief])
    assert "gw-gaps-1" in shown.output
    assert "3–4" in shown.output
    refused = run(app, ["gaps", "accept", str(number), "--as", "nobody", "--because", "card died", *url])
    assert refused.exit_code == 1
    assert "nobody" in refused.output
    accepted = run(app, ["gaps", "accept", str(number), "--because", "card died", *chief])
    assert accepted.exit_code == 0, accepted.output
    assert "No gaps" in run(app, ["gaps", "list", *chief]).output
    assert "card died" in run(app, ["gaps", "list", "--all", *chief]).output
    with psycopg.connect(database_url, autocommit=True) as conn:
        assert gaps.refresh(conn) == {"new": 0, "repaired": 0}
        assert conn.execute("SELECT count(*) FROM audit WHERE action = 'accept_gap'").fetchone() == (1,)
    assert run(app, ["gaps", "ask", str(number), *chief]).exit_code == 0
    missing = run(app, ["gaps", "ask", str(number), "4711", *chief])
    assert missing.exit_code == 1
    assert "1 will be asked for again" in missing.output, "what was asked for stays so"
    assert "4711" in missing.output
