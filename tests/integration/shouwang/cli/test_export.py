"""Exports: the rows, their times and units, in CSV and Parquet; who may; what the audit keeps."""

import csv
import datetime as dt
import os
import stat
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from care_network.access.permissions import Action
from ingest.storing import rows
from shouwang.cli.actions.export_readings import COLUMNS, ExportRequest, run
from shouwang.cli.main import app
from shouwang.cli.session import acting
from tests.support.district import add_homes
from tests.support.release import before_a_release

pytestmark = [pytest.mark.integration, pytest.mark.every_grade]
START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
PER_SERIES = 3000


@pytest.fixture
def home(database_url: str) -> str:
    """Two homes; resident R0001 has a heart rate each minute from START on, and three temperatures."""
    add_homes(database_url, ["gw-e-1", "gw-e-2"])
    with psycopg.connect(database_url) as conn:
        conn.execute(
            """
            INSERT INTO area (path, level, name_zh, name_en) VALUES ('d.s', 'street', '街', 'Street');
            INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path) VALUES
             ('admin', 'x', '管', 'Admin', 'admin', 'd'), ('far', 'x', '远', 'Far', 'dispatcher', 'd.s'),
             ('carer', 'x', '护', 'Carer', 'carer', 'd')
            """
        )
        ids = [
            conn.execute(
                """
                INSERT INTO series (device_id, channel)
                SELECT d.id, %s FROM device d JOIN gateway g ON g.id = gateway_id
                WHERE g.name = %s AND d.name = 'radar' RETURNING id
                """,
                (channel, gateway),
            ).fetchone()
            for gateway, channel in (("gw-e-1", "heart_rate"), ("gw-e-1", "room_temperature"), ("gw-e-2", "heart_rate"))
        ]
        heart, temperature, other = (row[0] for row in ids if row)
    fill(database_url, heart, PER_SERIES)
    fill(database_url, other, 100)
    fill(database_url, temperature, 3)
    return database_url


def fill(url: str, series: int, number: int) -> None:
    times = int(START.timestamp() * 1e6) + np.arange(number, dtype=np.int64) * 60_000_000
    values = (60 + np.arange(number) % 40 + 0.1).astype(np.float32)
    with psycopg.connect(url) as conn, conn.cursor().copy(rows.copy_readings(conn).encode()) as copy:
        copy.write(rows.HEADER + rows.readings(times, np.full(number, series, np.int32), values) + rows.TRAILER)


def export(url: str, out: Path, *arguments: str) -> Result:
    options = {"--resident": "R0001", "--from": "2026-11-01T08:00", "--to": "2026-11-04", "--as": "admin"}
    options |= {"--reason": "second opinion", "--out": str(out)}
    options |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    flat = [part for option in options.items() for part in option]
    return CliRunner().invoke(app, ["export", *flat], env={"SHOUWANG_DATABASE_URL": url})


def wanted(out: Path, length: dt.timedelta, format_: Any, *, force: bool = False) -> ExportRequest:
    return ExportRequest(
        resident="R0001", since=START, until=START + length, format=format_, out=out, reason="test", force=force
    )


def audited(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT a.action, c.login, r.code, a.detail FROM audit a LEFT JOIN account c ON c.id = a.account_id"
            " LEFT JOIN resident r ON r.id = a.resident_id ORDER BY a.id"
        ).fetchall()


def test_csv(home: str, tmp_path: Path) -> None:
    out = tmp_path / "export.csv"
    done = export(home, out)
    assert done.exit_code == 0, done.output
    assert f"{PER_SERIES + 3:,} readings" in done.output
    with out.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == PER_SERIES + 3
    assert table[0] == {
        "time_utc": "2026-11-01T00:00:00Z",
        "time_shanghai": "2026-11-01T08:00:00+08:00",
        "resident": "R0001",
        "device": "radar",
        "room": "",
        "channel": "heart_rate",
        "value": "60.1",
        "unit": "/min",
    }
    assert table[1]["unit"] == "Cel"
    assert [row["time_utc"] for row in table] == sorted(row["time_utc"] for row in table)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600, "personal data"
    actions = [(action, login, code) for action, login, code, _ in audited(home)]
    assert actions == [("export_vitals", "admin", "R0001"), ("export_complete", "admin", "R0001")]
    assert audited(home)[0][3]["reason"] == "second opinion"
    assert audited(home)[1][3]["readings"] == PER_SERIES + 3


def test_parquet_holds_the_same(home: str, tmp_path: Path) -> None:
    out = tmp_path / "export.parquet"
    done = export(home, out, "--format", "parquet", "--from", "2026-11-01T00:00Z", "--to", "2026-11-01T00:02Z")
    assert done.exit_code == 0, done.output
    table = pq.read_table(out)
    assert tuple(table.column_names) == COLUMNS
    assert table.schema.field("time_utc").type == pa.timestamp("us", "UTC")
    assert table.schema.field("time_shanghai").type == pa.timestamp("us", "Asia/Shanghai")
    assert table.column("time_utc").to_pylist() == [START, START, *[START + dt.timedelta(minutes=1)] * 2]
    assert table.column("value").to_pylist() == [np.float32(v) for v in (60.1, 60.1, 61.1, 61.1)]
    assert table.column("unit").to_pylist() == ["/min", "Cel"] * 2


def test_who_may_not_and_what_makes_no_sense(home: str, tmp_path: Path) -> None:
    out = tmp_path / "export.csv"
    for arguments, why in (
        (("--as", "far"), "no resident 'R0001' that 'far' may see"),
        (("--as", "nobody"), "no active account 'nobody'"),
        (("--as", "carer"), "who may not export vitals"),
        (("--resident", "R9999"), "no resident 'R9999'"),
        (("--reason", " "), "--reason"),
        (("--to", "2026-10-01"), "before"),
        (("--from", "soon"), "is no time"),
    ):
        done = export(home, out, *arguments)
        assert done.exit_code == 1, arguments
        assert why in " ".join(done.output.split())
        assert list(tmp_path.iterdir()) == [], f"not even an empty file: {arguments}"
        assert "export_complete" not in [row[0] for row in audited(home)], arguments
        if "may see" in why:
            assert [(row[0], row[1]) for row in audited(home)] == [("export_vitals", "far")], "the try leaves a trace"


def test_an_existing_file_is_not_replaced_by_accident(home: str, tmp_path: Path) -> None:
    out = tmp_path / "export.csv"
    out.write_text("precious")
    done = export(home, out)
    assert done.exit_code == 1
    assert "--force" in done.output
    assert out.read_text() == "precious"
    os.chmod(out, 0o644)
    with acting(home, "admin", Action.EXPORT_VITALS) as session:
        assert run(session, wanted(out, dt.timedelta(hours=1), "csv", force=True), lambda *_: None) == 63
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


@pytest.mark.parametrize("format_", [pytest.param("csv", marks=before_a_release), "parquet"])
def test_memory_stays_small_however_long_it_is(home: str, tmp_path: Path, format_: Any) -> None:
    with psycopg.connect(home) as conn:
        row = conn.execute(
            "SELECT s.id FROM series s JOIN device d ON d.id = s.device_id JOIN gateway g ON g.id = d.gateway_id"
            " WHERE g.name = 'gw-e-1' AND s.channel = 'heart_rate'"
        ).fetchone()
        assert row is not None
    fill(home, row[0], 50_000)  # 34 days
    seen: list[tuple[int, int, int]] = []
    request = wanted(tmp_path / "long", dt.timedelta(days=60), format_)
    tracemalloc.start()
    try:
        with acting(home, "admin", Action.EXPORT_VITALS) as session:
            number = run(session, request, lambda *at: seen.append(at))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == 50_000 + PER_SERIES + 3
    assert peak < 25_000_000, f"{peak} bytes"
    assert seen[-1] == (60, 60, number)
    assert [at[0] for at in seen] == sorted(at[0] for at in seen), "progress never goes back"
