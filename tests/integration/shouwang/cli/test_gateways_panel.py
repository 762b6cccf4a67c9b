"""``shouwang gateways panel``: an administrator makes the page of a home, and ends it."""

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from dispatch.core.links import create_link_key_file
from shouwang.cli.main import app
from tests.support.network import build_city

pytestmark = pytest.mark.integration


def test_an_administrator_makes_and_ends_the_panel_of_a_home(database_url: str, tmp_path: Path) -> None:
    create_link_key_file(tmp_path / "link.keys")
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        run = CliRunner()

        def panel(*arguments: str, login: str = "admin") -> tuple[int, str]:
            given = ["gateways", "panel", "gw-1", "--url", database_url, "--as", login, *arguments]
            result = run.invoke(app, given, env={"SHOUWANG_LINK_KEY_FILE": str(tmp_path / "link.keys")})
            return result.exit_code, result.output

        code, output = panel()
        assert code == 0
        assert output.startswith("/home/")
        assert panel(login="carer")[0] != 0
        assert panel("--withdraw")[0] == 0
        code, output = panel("--withdraw")
        assert code != 0
        assert "gw-1" in output
        assert conn.execute("SELECT count(*) FROM panel WHERE withdrawn_at IS NULL").fetchone() == (0,)
