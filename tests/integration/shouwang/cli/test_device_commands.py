"""Devices by command, as the pages do it: pair, replace, take out of use, use again."""

import psycopg
import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app
from tests.support.network import build_city

pytestmark = pytest.mark.integration


def test_a_device_goes_through_its_life(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)

        def run(*words: str, status: int = 0) -> str:
            result = CliRunner().invoke(app, ["gateways", *words, "--url", database_url, "--as", "admin"])
            assert result.exit_code == status, result.output
            return result.output

        run("pair", "gw-1", "radar", "--model", "seeed-mr60fda2", "--room", "bathroom")
        run("replace", "gw-1", "radar", "--new", "radar-2", "--model", "seeed-mr60fda2")
        told = run("retire", "gw-1", "radar-2", "--because", "broken", "--yes")
        assert "Chen will no longer be watched for: fall (bathroom)." in told
        assert "刚被他人修改" in run("retire", "gw-1", "radar-2", "--because", "broken", "--yes", status=1)
        run("use-again", "gw-1", "radar")
        rows = conn.execute(
            "SELECT name, retired_at IS NULL FROM device WHERE name LIKE 'radar%' ORDER BY 1"
        ).fetchall()
        assert rows == [("radar", True), ("radar-2", False)]
