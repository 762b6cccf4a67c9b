"""Pages of home care beds, equipment and grants: a bed from the application to the contract, over HTTP."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from care_services.home_beds.catalogue import SURVEY
from tests.support.console_site import ConsoleSite, console_site
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
MAT = "tuya-ts0601-bed"


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        found.conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language) SELECT 'manager',"
            " password_hash, '梁主任', 'Liang', 'manager', area_path, language FROM account WHERE login = 'station'"
        )
        found.conn.execute("UPDATE resident SET ability_grade = 'severe'")
        found.conn.execute(
            "INSERT INTO device (gateway_id, name, model, room) SELECT id, 'mat', %s, 'bedroom' FROM gateway"
            " WHERE name = 'gw-1'",
            (MAT,),
        )
        yield found


def version(text: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', text)
    assert found is not None
    return found[1]


class Bed:
    """One bed's page in a browser without scripts."""

    def __init__(self, client: httpx2.Client, path: str) -> None:
        self.client, self.path = client, path

    def text(self) -> str:
        return self.client.get(self.path).text

    def post(self, part: str, **data: str) -> httpx2.Response:
        return self.client.post(f"{self.path}/{part}", data={"version": version(self.text()), **data})


def test_a_bed_goes_from_the_application_to_the_contract(site: ConsoleSite) -> None:
    today = dt.datetime.now(SHANGHAI).date()
    with site.client("station") as client, site.client("manager") as boss:
        wrong = client.post("/care/beds/new", data={"resident": "R2", "applicant": "女儿"})
        assert wrong.status_code == 404
        assert "管辖区域内没有老人 R2" in wrong.text
        made = client.post("/care/beds/new", data={"resident": "R1", "applicant": "女儿", "organisation": "center-1"})
        bed = Bed(client, made.headers["location"])
        assert bed.post("step", step="accept").status_code == 303
        assert "受理，安排评估" in bed.text()
        assert bed.post("undo").status_code == 303
        bed.post("step", step="accept")
        with site.client("daughter") as family:
            told = family.get("/family").text
            assert re.search(r'class="next" aria-current="step"><b>能力评估</b> <span>评估员会上门', told)
            assert family.get(bed.path).status_code == 403, "the staff's page"
        bed.post("step", step="assess")
        refused = bed.post("step", step="survey")
        assert refused.status_code == 422
        assert f"勘察清单还有 {len(SURVEY)} 项未填" in refused.text
        answers = {f"item.{code}": "present" for code in SURVEY} | {"item.bed_rail": "needed", "note.bed_rail": "左侧"}
        stale = client.post(f"{bed.path}/survey", data={"version": "1", **answers})
        assert stale.status_code == 409
        assert 'value="左侧"' in stale.text, "nothing that was typed is lost"
        assert bed.post("survey", **answers).status_code == 303
        bed.post("step", step="survey")
        bed.post("devices", act="add", room="bedroom", model=MAT)
        bed.post("step", step="plan")
        text = bed.text()
        number = re.search(r'name="number" value="(\d+)"', text)
        assert number is not None
        bed.post("devices", act="test", number=number[1])
        assert "未收到数据" in bed.text()
        assert bed.post("devices", act="accept", number=number[1]).status_code == 422
        site.conn.execute(
            "WITH s AS (INSERT INTO series (device_id, channel) SELECT id, 'in_bed' FROM device WHERE name = 'mat'"
            " RETURNING id) INSERT INTO reading SELECT clock_timestamp(), id, 1 FROM s"
        )
        part = client.get(f"{bed.path}/devices/{number[1]}/now").text
        assert "在床 1" in part
        assert bed.post("devices", act="accept", number=number[1]).status_code == 303
        assert "须先完成改造" in bed.text()
        bed.post("survey", **{"item.bed_rail": "done", "note.bed_rail": "左侧"})
        bed.post("step", step="install")

        assert client.get(f"{bed.path}/confirm?step=sign").status_code == 200
        assert "签约，开始服务…" not in bed.text(), "a station does not approve"
        asked = boss.get(f"{bed.path}/confirm?step=sign").text
        assert "自此陈享有家庭养老床位" in asked
        chief = Bed(boss, bed.path)
        bad = chief.post("step", step="sign", number="HT-9", begins=str(today), ends=str(today))
        assert bad.status_code == 422
        assert 'id="f-ends-error"' in bad.text
        assert 'value="HT-9"' in bad.text
        good = {"number": "HT-9", "begins": str(today), "ends": str(today + dt.timedelta(days=365)), "plan": "severe"}
        assert chief.post("step", step="sign", **good).status_code == 303
        assert "每月 20 次、32 小时" in bed.text()
        assert site.conn.execute("SELECT home_care_bed FROM resident WHERE code = 'R1'").fetchone() == (True,)
        assert bed.post("check", result="mend").status_code == 422
        assert bed.post("check", result="mend", findings="床栏松动").status_code == 303
        assert client.get(f"{bed.path}/pdf").content.startswith(b"%PDF")
        assert "床位合同" not in client.get("/care").text
        site.conn.execute("UPDATE home_bed SET contract_until = current_date + 20")
        assert "1 份床位合同 60 天内到期" in client.get("/care").text
        assert f'href="{bed.path}/confirm?step=renew"' in boss.get("/care/beds/ending").text
        assert "金额" in client.get(f"{bed.path}/confirm?step=suspend").text
        seen = {"reason": "住院", "since": str(today), "shown": f"{today}/0/0/0/0/0/0"}
        assert bed.post("step", step="suspend", **seen | {"shown": f"{today}/9/0/0/0/0"}).status_code == 409
        assert bed.post("step", step="suspend", **seen).status_code == 303
        assert bed.post("step", step="resume", since="2020-01-01").status_code == 422
        assert bed.post("step", step="resume", since=str(today)).status_code == 303
        shown = client.get("/care/beds").text
        assert f'href="{bed.path}"' in shown
        assert f'href="{bed.path}"' in client.get("/care/beds/stage/in_service").text
        assert client.get("/care/beds?street=sz.yt.ms").status_code == 422
    with site.client("daughter") as family:
        assert "家庭养老床位：服务中" in family.get("/family").text
        assert family.get(bed.path).status_code == 403
    with site.client("station-ms") as stranger, site.client("dispatcher") as desk:
        assert stranger.get(bed.path).status_code == 404
        assert desk.get("/care/beds?street=sz.yt.ms").text.count("这一环节没有申请") == 8


def test_a_grant_is_settled_at_once_or_by_a_person_and_paid(site: ConsoleSite) -> None:
    month = f"{dt.datetime.now(SHANGHAI):%Y-%m}"
    with site.client("station") as client, site.client("manager") as boss:
        wrong = client.post("/care/grants/new", data={"kind": "age_friendly", "resident": "R1", "cost": "多"})
        assert wrong.status_code == 422
        assert "请填写申请人" in wrong.text
        made = client.post(
            "/care/grants/new", data={"kind": "old_age_allowance", "resident": "R1", "applicant": "本人"}
        )
        path = made.headers["location"]
        text = client.get(path).text
        assert "尚缺：" in text
        assert "本市户籍" in text
        site.conn.execute(
            "INSERT INTO resident_trait (resident_id, trait, holds, valid_from, evidence, set_at)"
            " SELECT id, 'local_household', true, '2020-01-01', '户口簿', now() FROM resident WHERE code = 'R1'"
        )
        assert client.post(f"{path}/again", data={"version": version(text)}).status_code == 303
        text = client.get(path).text
        assert "秒批" in text
        assert "200.00" in text
        made = client.post("/care/grants/new", data={"kind": "age_friendly", "resident": "R1", "applicant": "女儿"})
        other = made.headers["location"]
        assert "补贴" in client.get("/care/grants?state=waiting").text
        seen = version(client.get(other).text)
        assert client.post(f"{other}/decide", data={"version": seen, "act": "approve"}).status_code == 403
        data = {"version": seen, "act": "approve", "reason": "会商", "amount": "十元", "per": "once"}
        bad = boss.post(f"{other}/decide", data=data)
        assert bad.status_code == 422
        assert 'id="f-amount-error"' in bad.text
        assert boss.post(f"{other}/decide", data=data | {"amount": "800"}).status_code == 303
        assert boss.post(f"{other}/decide", data=data | {"amount": "900"}).status_code == 409
        assert "结算 2 笔" in boss.get("/care/grants/paid").text
        assert boss.post("/care/grants/paid", data={"month": month}).status_code == 303
        table = client.get(f"/care/grants/paid.csv?month={month}").content.decode("utf-8-sig")
        assert table.count("\r\n") == 3
        assert "适老化改造补贴,800.00,人工" in table
        assert client.get("/care/grants?resident=R1").text.count('href="/care/grants/at/') >= 2
        assert client.get("/care/grants/paid?month=soon").status_code == 422


def test_equipment_is_added_lent_and_taken_back(site: ConsoleSite) -> None:
    with site.client("station") as client:
        item = {"kind": "wheelchair", "serial": "W-1", "organisation": "center-1"}
        path = client.post("/care/equipment", data=item).headers["location"]
        again = client.post("/care/equipment", data=item)
        assert 'id="f-serial-error"' in again.text
        missing = client.post(path, data={"act": "lend", "resident": "R2"})
        assert 'id="f-resident-error"' in missing.text
        assert client.post(path, data={"act": "lend", "resident": "R1"}).status_code == 303
        assert client.post(path, data={"act": "lend", "resident": "R1"}).status_code == 409
        site.conn.execute("UPDATE equipment_loan SET due_on = due_on - 400, lent_at = lent_at - interval '400 days'")
        assert "超期 " in client.get("/care/equipment").text
        assert "W-1" in client.get("/care/equipment/items?state=late").text
        bad = client.post(path, data={"act": "return", "condition": "damaged"})
        assert 'id="f-note-error"' in bad.text
        assert client.post(path, data={"act": "return", "condition": "damaged", "note": "轮胎破"}).status_code == 303
        assert "损坏：轮胎破" in client.get(path).text
        assert client.post(path, data={"act": "repaired"}).status_code == 303
        assert client.post(path, data={"act": "scrap", "note": "老旧"}).status_code == 303
    with site.client("carer") as client:
        assert "辅具入库" not in client.get("/care/equipment").text
        assert client.post(path, data={"act": "repaired"}).status_code == 403
    with site.client("station-ms") as client:
        assert client.get(path).status_code == 404
