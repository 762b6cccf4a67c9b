"""The search shows an account its own people alone, writes down who looked for what, and knows newcomers at once."""

from pathlib import Path

import httpx2
import pytest

from tests.support.console_site import ConsoleSite, console_site
from tests.support.network import C1, C2, network
from tests.support.orders import raise_alert

pytestmark = pytest.mark.integration


def add_person(site: ConsoleSite, number: int, name: str, compound: str = C1, phone: str = "") -> None:
    admin = network(site.conn, "admin")
    home = {"code": f"H{number}", "area": compound, "address_zh": f"路9号{number}房", "address_en": "9 Road"}
    admin.add("household", home | {"phone": phone})
    person = {"code": f"R{number}", "household": f"H{number}", "name_zh": name, "name_en": "Liu Shuzhen"}
    admin.add("resident", person | {"sex": "female", "birth_date": "1949-05-06", "lives_alone": True})


def asked(client: httpx2.Client, words: str, path: str = "/search") -> str:
    answer = client.get(path, params={"q": words})
    assert answer.status_code == 200
    return answer.text


def test_search(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site, site.client("dispatcher") as desk, site.client("carer") as carer:
        assert "R501" not in asked(desk, "lsz")
        add_person(site, 501, "刘淑贞", phone="0755-00000501")
        add_person(site, 502, "刘淑珍", C2)
        network(site.conn, "admin").add(
            "contact",
            {"resident": "R501", "phone": "139 0000 0777", "name_zh": "陈女士", "name_en": "Ms Chen",
             "relation_zh": "女儿", "relation_en": "daughter", "call_order": 1},
        )  # fmt: skip
        # a newcomer is found at once, or within the second for which the last look holds
        site.console.directory.look_again()
        both = asked(desk, "lsz")
        assert "R501" in both and "R502" in both  # noqa: PT018 - of one page
        assert "独居" in both
        # the carer's area is the other street's neighbour: not even counted
        own = asked(carer, "lsz")
        assert "R501" in own and "R502" not in own and "找到 1 位老人" in own  # noqa: PT018
        assert "R502" not in asked(carer, "R502", "/search/suggest")
        for words in ("0755-00000501", "0501", "h501", "刘奶奶", "13900000777"):
            assert "/residents/R501" in asked(desk, words, "/search/suggest"), words
        assert "女儿 陈女士" in asked(desk, "0777")
        nothing = asked(desk, "没有这个人<b>")
        assert "可以这样搜索" in nothing and "<b>”" not in nothing  # noqa: PT018
        assert "/handovers" in asked(desk, "交接班")
        assert "/handovers" not in asked(carer, "交接班")
        # a family has no search: it has its own parent
        with site.client("daughter") as family:
            assert family.get("/search", params={"q": "lsz"}).status_code == 403
        lines = site.conn.execute(
            "SELECT a.login, detail->>'words' FROM audit JOIN account a ON a.id = account_id"
            " WHERE action = 'view_page' AND detail->>'page' = '/search'"
        ).fetchall()
        assert {("dispatcher", "lsz"), ("carer", "lsz"), ("dispatcher", "0777")} <= set(lines)


def test_an_order_is_found_by_its_number_in_its_area(database_url: str, tmp_path: Path) -> None:
    with console_site(database_url, tmp_path) as site:
        alert = raise_alert(site.conn)
        with site.client("dispatcher") as desk:
            assert desk.post(f"/alerts/{alert}/dispatch", data={"staff": "S11"}).status_code == 303
            number = site.conn.execute("SELECT number FROM work_order").fetchone()
            assert number is not None
            for words in (f"#{number[0]}", f"工单{number[0]}"):
                assert f"#{number[0]}</b>" in asked(desk, words)
        with site.client("carer-ms") as other:
            assert f"#{number[0]}</b>" not in asked(other, f"#{number[0]}")
