"""The commands of the ability assessment ask the same permissions as its pages, and go the same way."""

import datetime as dt
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from care_services.assessment import life
from care_services.assessment.standard import standard
from care_services.assessment.store import Fields
from shouwang.cli.main import app
from tests.support.network import account, build_city

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database_cluster", ["plain"], indirect=True, scope="session"),
]


def test_an_assessment_is_signed_by_two_and_its_proposals_decided(database_url: str, tmp_path: Path) -> None:
    def types(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(
            app, ["care", "assessment", *words], env={"SHOUWANG_DATABASE_URL": database_url, "COLUMNS": "200"}
        )
        assert done.exit_code == status, done.output
        return done.output

    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        assert "R1" in types("list", "--view", "never", "--as", "station")
        assert "unknown" in types("evidence", "R1", "--as", "carer")
        begun = types("begin", "R1", "--reason", "first", "--as", "carer")
        number = begun.partition(":")[0]
        types("begin", "R1", "--reason", "first", "--as", "dispatcher", status=1)
        answers = {code: item.maximum for code, item in standard().items.items()} | {"bathing": 0, "stairs": 0}
        events = {one.code: 0 for one in standard().risks}
        now = dt.datetime.now(dt.UTC)
        fields = Fields(answers=answers, diagnosis="none", events=events)
        life.save(conn, account(conn, "carer"), int(number), 1, fields, now, "test")
    assert "轻度失能" in types("sign", number, "--version", "2", "--as", "carer")
    types("confirm", number, "--version", "3", "--as", "carer", status=1)
    types("confirm", number, "--version", "3", "--as", "station-ms", status=1)
    assert "下次评估" in types("confirm", number, "--version", "3", "--as", "station")
    assert "83" in types("list", "--as", "station")
    types("object", number, "--version", "4", "--why", "晚", "--as", "station", status=1)
    waiting = types("proposals", "--as", "station").split()
    types("approve", waiting[0], "--version", "1", "--as", "carer", status=1)
    types("approve", waiting[0], "--version", "1", "--as", "station")
    types("decline", waiting[0], "--version", "2", "--note", "晚", "--as", "station", status=1)
    types("pdf", number, "--out", str(tmp_path / "a.pdf"), "--as", "station")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert "洗澡 / Bathing: 0" in types("show", number, "--as", "station")
