"""``shouwang care beds``, ``equipment`` and ``grants``: the same service layer as the pages."""

import datetime as dt

import psycopg
import pytest
from typer.testing import CliRunner

from care_services.home_beds.catalogue import SURVEY
from shouwang.cli.main import app
from tests.support.orders import staff_city
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration


def test_a_bed_an_item_and_a_grant_by_command(database_url: str) -> None:
    today = dt.datetime.now(SHANGHAI).date()
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        conn.execute("UPDATE resident SET ability_grade = 'severe'")
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language) SELECT 'manager',"
            " password_hash, '梁主任', 'Liang', 'manager', area_path, language FROM account WHERE login = 'station'"
        )

    def types(*words: str, by: str = "station", fails: bool = False) -> str:
        done = CliRunner().invoke(app, ["care", *words, "--url", database_url, "--as", by])
        assert (done.exit_code != 0) == fails, done.output
        return done.output.strip()

    bed = types("beds", "apply", "R1", "女儿", "--organisation", "center-1")
    types("beds", "step", bed, "accept")
    types("beds", "step", bed, "assess")
    assert "not answered: 18" in types("beds", "step", bed, "survey", fails=True)
    types("beds", "survey", bed, *(f"{item}=present" for item in SURVEY))
    types("beds", "step", bed, "survey")
    device = types("beds", "add-device", bed, "bedroom", "tuya-ts0601-bed")
    types("beds", "step", bed, "plan")
    assert "no device of this model" in types("beds", "test", bed, device, fails=True)
    types("beds", "accept-device", bed, device, fails=True)
    assert "by a person" in types("beds", "accept-device", bed, device, "--reason", "现场指示灯正常")
    types("beds", "step", bed, "install")
    terms = ("--contract", "HT-1", "--begins", str(today), "--ends", str(today + dt.timedelta(days=300)))
    types("beds", "sign", bed, *terms, fails=True)
    assert types("beds", "sign", bed, *terms, by="manager") == "in_service"
    assert types("beds", "check", bed, "good") == str(today + dt.timedelta(days=30))
    assert types("beds", "step", bed, "suspend", "--reason", "住院") == "suspended"
    assert "已暂停" in types("beds", "show", bed)
    assert "已暂停 suspended: 1" in types("beds", "list")
    types("beds", "show", bed, by="station-ms", fails=True)

    item = types("equipment", "add", "wheelchair", "W-1", "center-1")
    types("equipment", "lend", item, "R1")
    types("equipment", "extend", item, str(today + dt.timedelta(days=9)))
    assert "借出 lent" in types("equipment", "list", "--state", "lent")
    assert types("equipment", "return", item, "worn") == "stock"
    assert "归还" in types("equipment", "show", item)

    answer = types("grants", "apply", "bed_operation", "R1", "女儿")
    assert "approved" in answer
    number = types("grants", "apply", "age_friendly", "R1", "女儿", "--fact", "cost=3000").split()[0]
    assert types("grants", "again", number, "--fact", "owner_agrees=true") == "waiting"
    decision = ("--reason", "会商", "--approve", "--amount", "900")
    types("grants", "decide", number, *decision, fails=True)
    types("grants", "decide", number, *decision, by="manager")
    assert types("grants", "settle", f"{today:%Y-%m}", by="manager") == "2"
    assert "适老化改造补贴,900.00" in types("grants", "paid", f"{today:%Y-%m}")
    assert "900.00 once" in types("grants", "list", "--state", "approved")
