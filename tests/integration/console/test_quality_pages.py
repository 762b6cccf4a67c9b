"""Pages of complaints and quality control: from the form to the answer, from the check to the closed finding."""

import re
from pathlib import Path

import pytest

from care_services.quality.checklists import lists
from tests.support.canteens import CANTEEN, add_canteen, soon
from tests.support.console_site import console_site

pytestmark = pytest.mark.integration


def test_a_family_complains_and_the_station_answers(database_url: str, tmp_path: Path) -> None:
    with (
        console_site(database_url, tmp_path) as site,
        site.client("daughter") as family,
        site.client("station") as desk,
    ):
        assert "投诉" in family.get("/care/complaints/own").text
        sent = {"about": "visit", "category": "absent", "severity": "major", "words": "", "resident": "R1"}
        wrong = family.post("/care/complaints/new", data=sent)
        assert wrong.status_code == 422
        assert "请写明情况" in wrong.text
        done = family.post("/care/complaints/new", data={**sent, "words": "护理员没有来"})
        way = done.headers["location"]
        assert "护理员没有来" in desk.get("/care/complaints").text
        page = desk.get(way).text
        assert "提交答复" in page
        assert "某" in page, "the station learns who complained"
        answer = {"step": "answer", "words": "已道歉并改派", "version": "1"}
        assert desk.post(way, data=answer).status_code == 303
        stale = desk.post(way, data={**answer, "step": "note", "words": "补充一句"})
        assert stale.status_code == 409
        assert "补充一句" in stale.text, "what was typed is kept"
        assert "转上一级" in family.get(way).text
        assert family.post(way, data={"step": "satisfied", "version": "2"}).status_code == 303
        assert "满意办结" in desk.get("/care/complaints?view=all").text
        with site.client("station-ms") as other, site.client("carer") as carer:
            assert other.get(way).status_code == 404
            assert "对您不显示" in carer.get(way).text
            assert carer.post(way, data={"step": "note", "words": "x", "version": "3"}).status_code == 403


def test_a_check_is_made_on_the_page(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("station") as desk:
        add_canteen(site.conn)
        plan = {"kind": "station", "listed": "meals", "provider": CANTEEN, "due_on": str(soon(0))}
        way = desk.post("/care/quality/plans", data=plan).headers["location"]
        sent = {"version": "1", "note": ""}
        for item in lists()["meals"].items("station"):
            sent[f"verdict.{item.code}"] = "pass"
        sent["verdict.licence"] = "fail"
        wrong = desk.post(way, data=sent)
        assert wrong.status_code == 422
        assert "不合格项须写明问题和责任人" in wrong.text
        sent |= {"note.licence": "证已过期", "responsible.licence": "王厨"}
        assert desk.post(way, data=sent).status_code == 303
        listed = desk.get("/care/quality").text
        assert "证已过期" in listed
        found = re.search(r"/care/quality/findings/\d+", listed)
        assert found is not None
        mended = {"step": "mended", "words": "已换新证", "version": "1"}
        assert desk.post(found[0], data=mended).status_code == 303
        again = desk.post(found[0], data={"step": "closed", "words": "看过", "version": "2"})
        assert again.status_code == 403
        assert "不能复查" in again.text
        assert "n = 7" in desk.get(f"/care/quality/providers/{CANTEEN}").text
        assert "n = 7" in desk.get("/care/quality/providers").text
        drawn = desk.post(
            "/care/quality/plans", data={"kind": "station", "listed": "meals", "share": "50", "seed": "s"}
        )
        assert "结果一致" in desk.get(drawn.headers["location"]).text
        assert desk.get("/care/quality/checks?view=done&kind=station").text.count("#") >= 1
