"""``shouwang figures …`` as people type it, and the refresh as a part of the maintenance service."""

import datetime as dt
import threading
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from database.settings import DatabaseSettings
from figures.core import months
from figures.counting import job
from observability.liveness import Liveness
from shouwang.cli.main import app
from tests.support.databases import of_service
from tests.support.orders import raise_alert, staff_city
from tests.support.pdf_text import PdfText
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


def types(url: str, *words: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["figures", *words], env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "240"})
    assert result.exit_code == status, result.output
    return result.output


def test_count_show_and_print(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        raise_alert(conn, dt.datetime.now(dt.UTC) - dt.timedelta(minutes=3))
        stop, liveness = threading.Event(), Liveness()
        settings = DatabaseSettings(url=of_service(database_url, "maintain"))
        working = liveness.start("figures", lambda part: job.run(settings, stop, part), job.STEP_S)
        try:  # the service counts by itself
            wait_for(lambda: conn.execute("SELECT 1 FROM figure_mark").fetchone(), 15, lambda: "nobody counts")
        finally:
            stop.set()
            working.join(10)
        assert "1 alerts; 0 months left" in types(database_url, "refresh", "--all")
        shown = types(database_url, "show", "--as", "admin", "--language", "en")
        assert "1 alerts in" in shown
        assert "Not enough months" in shown
        file = tmp_path / "report.pdf"
        month = months.code(months.month_at(dt.datetime.now(dt.UTC)))
        types(database_url, "report", "--as", "admin", "--month", month, "--area", "sz.yt.hs", "-o", str(file))
        found = PdfText(file.read_bytes())
        assert "共 1 次预警" in found.text
        assert month in found.text
        assert found.missing == 0
        types(database_url, "show", "--as", "carer", status=1)
        types(database_url, "report", "--as", "admin", "--month", "x", "-o", str(file), status=1)
        audited = conn.execute(
            "SELECT array_agg(action ORDER BY id) FROM audit WHERE action LIKE '%figures'"
        ).fetchone()
        assert audited == (["view_figures", "export_figures"],)
