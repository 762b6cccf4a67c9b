"""The pages of the ability assessment: from the list to the signed result, conflicts, paper and proposals."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from care_services.assessment.standard import standard
from tests.support.console_site import ConsoleSite, console_site
from tests.support.pdf_text import PdfText

pytestmark = pytest.mark.integration
LESS = {"eating": "2", "bathing": "0", "stairs": "0", "walking": "1", "toileting": "1", "daily_affairs": "0"}


@pytest.fixture(scope="module")
def shared(database_cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with (
        database_cluster.fresh_database() as url,
        console_site(url, tmp_path_factory.mktemp("assessment")) as found,
    ):
        found.conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT 'lead', password_hash, '长', 'Lead', 'lead', area_path, language FROM account"
            " WHERE login = 'dispatcher'"
        )
        yield found


@pytest.fixture
def site(shared: ConsoleSite) -> ConsoleSite:
    """One console for the file; each test begins without an assessment."""
    shared.conn.execute("TRUNCATE assessment, assessment_event, care_proposal, ladder_grade")
    shared.conn.execute("UPDATE resident SET ability_grade = NULL")
    return shared


def form(**more: str) -> dict[str, str]:
    """What the form sends, all answered."""
    answers = {f"answer.{code}": LESS.get(code, str(item.maximum)) for code, item in standard().items.items()}
    events = {f"event.{one.code}": "0" for one in standard().risks}
    return {**answers, **events, "diagnosis": "none", "informant": "女儿", "note": "", **more}


def test_an_assessment_from_the_list_to_its_result(site: ConsoleSite) -> None:
    with site.client("carer") as carer, site.client("station") as station:
        assert "陈" in carer.get("/care/assessments?view=never").text
        begun = carer.post("/care/residents/R1/assessments", data={"reason": "first"})
        page = begun.headers["location"]
        text = carer.get(page).text
        assert text.count('type="radio"') == sum(item.maximum + 1 for item in standard().items.values()) + 4
        assert "家中现无能感知的设备" in text
        part = carer.post(f"{page}/draft", data={"seen": "1", "answer.eating": "2", "act": "mobility"})
        assert part.headers["location"] == f"{page}#mobility"
        as_json = {"Accept": "application/json"}
        kept = station.post(f"{page}/draft", data=form(seen="2", **{"event.fall": "1"}), headers=as_json)
        assert kept.json()["version"] == 3
        assert "71" in kept.json()["summary"]
        clash = carer.post(f"{page}/draft", data=form(seen="2", **{"event.fall": "3"}), headers=as_json)
        assert (clash.status_code, clash.json()["version"]) == (409, 3)
        assert 'data-take="event.fall" data-value="1"' in clash.json()["panel"]
        shown = carer.post(f"{page}/draft", data=form(seen="2", **{"event.fall": "3"}))
        assert shown.status_code == 409
        assert 'value="3"' in shown.text, "what was typed stays in the form, and theirs stands beside it"
        wrong = carer.post(f"{page}/draft", data=form(seen="3", **{"event.fall": "x"}))
        assert wrong.status_code == 422
        carer.post(f"{page}/draft", data=form(seen="3", act="sign", **{"event.fall": "2"}))
        asked = carer.get(f"{page}/sign").text
        assert "签署后不能再修改" in asked
        assert "照护风险事件 2 次（跌倒 2 次）" in asked
        assert carer.post(f"{page}/sign", data={"seen": "4", "act": "sign"}).status_code == 303
        assert "第二评估员须为另一人" in carer.get(f"{page}/sign").text
        assert carer.post(f"{page}/sign", data={"seen": "5", "act": "confirm"}).status_code == 403
        assert "能力等级将变为：中度失能" in station.get(f"{page}/sign").text
        station.post(f"{page}/sign", data={"seen": "5", "act": "confirm"})
        done = station.get(page).text
        assert "已生效" in done
        assert "每年一次" in done
        assert re.search(r"从未评估</span><b>0</b>", station.get("/care").text)
        assert "从未评估" in station.get("/station").text
        person = station.get("/care/residents/R1/assessments").text
        assert 'class="trend"' in person
        assert "能力评估" in station.get("/care/residents/R1").text
        assert "陈" in station.get(f"{page}/sheet").text
        pdf = PdfText(station.get(f"{page}/pdf").content)
        assert pdf.missing == 0
        assert pdf.pages == 1
        assert "老年人能力评估表" in pdf.text
        with site.client("daughter") as family:
            assert "能力评估：中度失能（" in family.get("/family").text
            assert family.get(page).status_code == 403, "grade and days, no answers"
    grade = site.conn.execute("SELECT ability_grade FROM resident WHERE code = 'R1'").fetchone()
    assert grade == ("moderate",)


def test_what_a_grade_proposes_is_carried_out_by_who_may(site: ConsoleSite) -> None:
    with site.client("carer") as carer, site.client("station") as station, site.client("lead") as lead:
        page = carer.post("/care/residents/R1/assessments", data={"reason": "first"}).headers["location"]
        severe = {f"answer.{item.code}": "0" for one in standard().domains[:2] for item in one.items}
        carer.post(f"{page}/draft", data=form(seen="1", **severe))
        carer.post(f"{page}/sign", data={"seen": "2", "act": "sign"})
        station.post(f"{page}/sign", data={"seen": "3", "act": "confirm"})
        waiting = dict(site.conn.execute("SELECT kind, id FROM care_proposal").fetchall())
        thresholds = f"/care/proposals/{waiting['thresholds']}"
        assert "请值班长审批" in station.get(thresholds).text
        assert station.post(thresholds, data={"seen": "1", "act": "approve"}).status_code == 403
        assert "几秒内" in lead.get(thresholds).text
        assert lead.post(thresholds, data={"seen": "1", "act": "approve"}).status_code == 303
        set_ = dict(site.conn.execute("SELECT name, new_value FROM parameter_change").fetchall())
        assert set_["bathroom.floor"] == 20
        assert lead.post(thresholds, data={"seen": "1", "act": "decline", "note": "晚"}).status_code == 409
        ladder = f"/care/proposals/{waiting['escalation']}"
        before = site.alert(severity="urgent")
        assert "尚未批准" in lead.get(f"/alerts/{before}").text
        shown = lead.get(ladder).text
        assert "加急（重度及以上失能）" in shown, "both ladders stand side by side before anything holds"
        assert "现有 1 条" in shown
        assert lead.post(ladder, data={"seen": "1", "act": "approve"}).status_code == 303
        after = site.alert(severity="urgent", rule="smoke")
        assert "按能力等级“重度失能”呼叫" in lead.get(f"/alerts/{after}").text
        assert "尚未批准" in lead.get(f"/alerts/{before}").text, "an open one keeps its ladder"
        assert "1 户" in lead.get("/policies").text.split("加急（重度及以上失能）")[1].split("</h2>")[1][:80]
        page = lead.get("/care/residents/R1/ladder").text
        assert "加急（重度及以上失能） → <b>" in page, "and before it is taken back"
        seen = page.split('name="seen" value="')[1].split('"')[0]
        assert lead.post("/care/residents/R1/ladder", data={"seen": seen, "why": ""}).status_code == 422
        assert station.post("/care/residents/R1/ladder", data={"seen": seen, "why": "x"}).status_code == 403
        assert lead.post("/care/residents/R1/ladder", data={"seen": seen, "why": "误批"}).status_code == 303
        assert lead.post("/care/residents/R1/ladder", data={"seen": seen, "why": "误批"}).status_code == 409
        assert "沿用升起时的策略" in lead.get(f"/alerts/{after}").text
        plan = f"/care/proposals/{waiting['service_plan']}"
        assert station.post(plan, data={"seen": "1", "act": "decline", "note": ""}).status_code == 422
        assert station.post(plan, data={"seen": "1", "act": "approve", "note": "好"}).status_code == 303
        assert "没有待审批的建议" in station.get("/care/proposals").text
    states = site.conn.execute("SELECT DISTINCT state FROM care_proposal").fetchall()
    assert states == [("approved",)]


def test_other_streets_find_nothing(site: ConsoleSite) -> None:
    with site.client("carer") as carer, site.client("carer-ms") as far:
        page = carer.post("/care/residents/R1/assessments", data={"reason": "first"}).headers["location"]
        for path in ("/care/residents/R1/assessments", page, f"{page}/sign", f"{page}/sheet", f"{page}/pdf"):
            assert far.get(path).status_code == 404, path
        assert far.post(f"{page}/draft", data=form(seen="1")).status_code == 404
        assert "R1" not in far.get("/care/assessments?view=all").text
