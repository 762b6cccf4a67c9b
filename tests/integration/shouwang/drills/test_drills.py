"""A drill breaks a real platform and holds; where something is lost, it says so."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app
from shouwang.drills.catalogue import DRILLS
from shouwang.drills.drill import run_drill
from shouwang.drills.place import Place
from shouwang.drills.report import row
from tests.support.release import before_a_release

pytestmark = pytest.mark.integration


# paho leaves a socket to the garbage collector when the line is cut in the middle of its TLS handshake
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@before_a_release
@pytest.mark.parametrize("name", [drill.name for drill in DRILLS.values() if drill.short])
def test_the_short_form_holds(name: str, tmp_path: Path) -> None:
    """Nothing is lost or doubled, and it recovers by itself; how late an alert is, a busy machine does not show."""
    result = run_drill(DRILLS[name], tmp_path / "place", lambda _: None)
    assert result.account is not None, result.refused
    assert result.account.exact, row(result)
    assert result.recovered_s is not None
    assert result.account.pressed > 10
    assert result.account.readings.sent > 1000


def lose_an_alert(place: Place, _seconds: float) -> None:
    """Take a stored reading away, and every notification of one alert."""
    import psycopg

    from shouwang.platform.processes import wait_until

    with psycopg.connect(place.postgres.url, autocommit=True) as conn:
        wait_until(
            lambda: conn.execute("SELECT FROM reading LIMIT 1").fetchone() is not None, 60, "a reading is stored"
        )
        conn.execute("DELETE FROM reading_row WHERE ctid = (SELECT ctid FROM reading_row ORDER BY time LIMIT 1)")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@before_a_release  # of the drill itself: the short form shows that the platform holds
def test_a_drill_fails_where_something_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shouwang.drills.drill.SETTLE_S", 8.0)
    drill = msgspec.structs.replace(DRILLS["kill-console"], inflict=lose_an_alert, seconds=1)
    result = run_drill(drill, tmp_path / "place", lambda _: None)
    assert result.account is not None
    assert result.account.readings.missing == 1
    assert not result.passed
    assert "**FAILS**" in row(result)


def test_the_list_names_every_kind_of_the_table() -> None:
    listed = CliRunner().invoke(app, ["drill", "list"])
    assert listed.exit_code == 0
    kinds = {name.split("-")[0] for name in DRILLS}
    assert kinds == {
        "kill", "stop", "freeze", "cut", "silent", "deaf", "slow", "lossy", "fill", "clock", "certificates", "expire",
        "renew", "restore", "fail", "upgrade",
    }  # fmt: skip
    unknown = CliRunner().invoke(app, ["drill", "flood"])
    assert unknown.exit_code == 2
    assert "flood" in unknown.output
