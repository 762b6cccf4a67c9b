"""The front page of care and services, and a resident's page of care."""

from pathlib import Path

import pytest

from tests.support.console_site import console_site

pytestmark = pytest.mark.integration


def test_traits_are_unknown_until_somebody_records_them_with_evidence(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("admin") as admin, site.client("carer") as carer:
        assert "养老服务" in admin.get("/care").text
        page = admin.get("/care/residents/R1").text
        assert page.count("未知") >= 9
        form = {"trait": "low_income", "holds": "true", "evidence": "  "}
        refused = admin.post("/care/residents/R1/traits", data=form)
        assert refused.status_code == 422
        assert "请写明依据" in refused.text
        assert admin.post("/care/residents/R1/traits", data=form | {"evidence": "低保证 7"}).status_code == 303
        page = admin.get("/care/residents/R1").text
        assert "低保证 7" in page
        assert 'name="evidence"' not in carer.get("/care/residents/R1").text, "a carer looks"
        assert carer.post("/care/residents/R1/traits", data=form | {"evidence": "x"}).status_code == 403
        assert carer.get("/care/residents/R2").status_code == 404, "another street"
        looks = "SELECT count(*) FROM audit WHERE action IN ('view_care', 'record_trait') AND resident_id IS NOT NULL"
        assert (site.conn.execute(looks).fetchone() or (0,))[0] >= 5


def test_rules_are_tried_before_they_hold(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("admin") as admin, site.client("carer") as carer:
        assert "高龄津贴" in admin.get("/care/rules").text
        address = "/care/rules/grant_old_age_allowance"
        rules = (
            '[[rule]]\ncode = "all"\nzh = "人人有份"\nen = "everybody"\nthen = { approve = true, amount_fen = 12345 }\n'
        )
        wrong = admin.post(address, data={"based_on": 0, "text": rules.replace("approve", "aprove")})
        assert wrong.status_code == 422
        assert "aprove" in wrong.text
        tried = admin.post(address, data={"based_on": 0, "text": rules})
        assert tried.status_code == 200
        assert "位的结果将与现在不同" in tried.text
        assert "123.45" in tried.text
        assert "人人有份" not in admin.get(address).text, "only tried"
        assert admin.post(address, data={"based_on": 0, "text": rules, "sure": "true"}).status_code == 303
        assert "人人有份" in admin.get(address).text
        again = admin.post(address, data={"based_on": 0, "text": rules, "sure": "true"})
        assert again.status_code == 409, "somebody set some meanwhile"
        assert "人人有份" in carer.get(address).text
        assert carer.post(address, data={"based_on": 1, "text": rules}).status_code == 403
