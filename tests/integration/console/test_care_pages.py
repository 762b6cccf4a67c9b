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
