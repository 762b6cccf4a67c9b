"""The pages of the protection picture: scope, filters, file, bad addresses, the audit."""

import csv
import datetime as dt
import io
from pathlib import Path

import pytest

from care_network.protection.observer import Observer
from console.pages.station.protection import lasting
from tests.support.console_site import console_site, now
from tests.support.protected_district import World

pytestmark = pytest.mark.integration


def test_each_account_sees_its_own_area_and_nothing_else(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site:
        world = World(site.conn, 4, now(), areas=False)
        world.line(1, "offline")
        world.line(2, "offline")
        Observer(now()).look(site.conn, now())
        with site.client("carer") as carer, site.client("carer-ms") as other, site.client("dispatcher") as desk:
            blind = "/protection?function=help&level=3"
            assert "王2" in carer.get(blind).text
            assert "王1" not in carer.get(blind).text  # in Meisha
            assert "王1" in other.get(blind).text
            assert carer.get(f"{blind}&area=sz.yt.ms").status_code == 404
            assert carer.get("/protection?area=sz.yt").status_code == 404
            assert carer.get("/protection/history?area=sz.yt.ms").status_code == 404
            assert carer.get("/protection/history.csv?area=sz.yt.ms").status_code == 404
            assert carer.get("/residents/P1/protection").status_code == 404
            assert "网关离线自" in carer.get("/residents/P2/protection").text
            for bad in ("?area=x..y", "?area=%00", "?function=nothing&level=3", "?level=9", "?page=0", "?area=nowhere"):
                assert desk.get(f"/protection{bad}").status_code in (400, 404, 422), bad
            for month in ("2026-13", "1999-01", "x", "2099-01"):
                assert desk.get(f"/protection/history?month={month}").status_code == 422
            before = f"{now() - dt.timedelta(days=62):%Y-%m}"
            assert "没有核对记录" in desk.get(f"/protection/history?month={before}").text
            file = desk.get("/protection/history.csv?function=help").text
            lines = list(csv.DictReader(io.StringIO(file.lstrip("\ufeff"))))
            assert {line["编号"] for line in lines} >= {"P1", "P2"}
            assert {line["守护项"] for line in lines} == {"呼救"}
        looks = site.conn.execute("SELECT DISTINCT detail->>'page' FROM audit WHERE action = 'view_page'").fetchall()
        assert {"/protection", "/protection/history", "/protection/history.csv"} <= {look[0] for look in looks}
        refused = site.conn.execute("SELECT count(*) FROM audit WHERE action = 'refused_view_protection'").fetchone()
        assert refused == (1,)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "—"), (20, "不足 1 分钟"), (60, "1 分钟"), (3660, "1 小时 1 分钟"), (90_000, "1 天 1 小时")],
)
def test_a_length_is_told_in_words(seconds: float, words: str) -> None:
    assert lasting(seconds)[0] == words
