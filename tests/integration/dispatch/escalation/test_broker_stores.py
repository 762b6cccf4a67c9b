"""A broker's store that is half full is a technical alert, once, until it is read."""

import datetime as dt
from pathlib import Path

import psycopg
import pytest

from dispatch.escalation.broker_stores import record
from shouwang.certificates.follow import Store, _tell
from tests.support.district import add_homes

pytestmark = pytest.mark.integration


def test_a_half_full_store_is_told_once_and_cleared(database_url: str, tmp_path: Path) -> None:
    add_homes(database_url, ["gw-a"])
    store, now = Store(tmp_path, 1000), dt.datetime.now(dt.UTC)
    (tmp_path / "deeper").mkdir()
    with psycopg.connect(database_url, autocommit=True) as conn:
        for filled, new, states in (
            (400, 0, []), (600, 1, ["raised"]), (900, 0, ["raised"]), (450, 0, ["raised"]), (100, 0, ["cleared"]),
        ):  # fmt: skip
            (tmp_path / "deeper" / "messages").write_bytes(bytes(filled))
            _tell(conn, store)
            assert record(conn, now) == new
            assert [row[0] for row in conn.execute("SELECT state FROM alert")] == states
