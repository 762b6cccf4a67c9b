"""The decision page: every figure leads to a list of as many lines, files hold the same, scope and roles hold."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx2
import numpy as np
import openpyxl
import pytest
from psycopg.types.json import Jsonb

from care_network.access.accounts import account_by_login
from figures.core import months
from figures.core.errors import NoChineseFontError
from figures.counting.refresh import refresh
from figures.export import fonts
from figures.reading.page import sections
from figures.reading.scope import window
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.pasts import PENDANTS, something_happens
from tests.support.pdf_text import PdfText

pytestmark = pytest.mark.integration


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        rng = np.random.default_rng(5)
        found.conn.execute(PENDANTS)
        found.conn.execute("UPDATE gateway SET registered_at = now() - INTERVAL '80 days', state = 'online'")
        found.conn.execute("UPDATE resident SET ability_grade = 'severe', home_care_bed = true WHERE code = 'R1'")
        # of two people in a home the one who lost it longest counts
        found.conn.execute("INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
                           " SELECT 'R9', id, '伴', 'Spouse', 'male', '1940-01-01' FROM household WHERE code = 'H1'"
                           )  # fmt: skip
        something_happens(found.conn, rng, 40, now())
        found.conn.execute(
            "INSERT INTO work_order (id, service, urgency, household_id, due_at, reason_zh, reason_en, state, staff_id,"
            " created_at, done_at) SELECT gen_random_uuid(), 'comfort', 'planned', h.id, at, '因', 'why', 'done', s.id,"
            " at, at FROM (SELECT min(id) AS id FROM staff) s, household h, (SELECT now() - n * INTERVAL '9 days' AS at"
            " FROM generate_series(1, 7) n) v"
        )
        found.conn.execute("INSERT INTO protection_look VALUES (true, now(), now(), 1, 2)")
        found.conn.execute(
            "INSERT INTO protection_now SELECT id, '{0,3,3,3,3,3,3}', array_fill(false, '{7}'), %s FROM resident"
            " WHERE code = 'R1'", (Jsonb([]),)
        )  # fmt: skip
        list(refresh(found.conn, now()))
        for login, role, area in (("manager-hs", "manager", "sz.yt.hs"), ("auditor", "auditor", "sz.yt")):
            found.conn.execute(
                "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path)"
                " VALUES (%s, 'x', '某', 'Somebody', %s, %s)", (login, role, area)
            )  # fmt: skip
        yield found


def total_of(client: httpx2.Client, address: str) -> int:
    return totals_of(client, address)[0]


def totals_of(client: httpx2.Client, address: str) -> tuple[int, list[float]]:
    """How many lines a list has, and its sums in hours."""
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.text[-2000:])
    found = re.search(r'id="total">([\d,]+)<.*', answer.text)
    assert found is not None
    sums = [float(n.replace(",", "")) for n in re.findall(r'<b class="num">([\d.,]+)</b>', found[0])]
    return int(found[1].replace(",", "")), sums


def test_every_figure_opens_a_list_of_as_many_lines(site: ConsoleSite) -> None:
    with site.client("admin") as client:
        page = unescape(client.get("/decisions?severity=urgent").text)
        account = account_by_login(site.conn, "admin")
        assert account is not None
        shown = sections(site.conn, window(site.conn, account, "zh", now()), "urgent")
        kinds, bare, seen = set(), [], set()
        for table in [one for section in shown for one in section.tables]:
            for column, cell in [pair for row in table.rows for pair in zip(table.columns, row, strict=True)]:
                if not cell.link:
                    bare += [column.title] if column.number and cell.value not in (None, 0) else []
                    continue
                address = f"/decisions/list/{cell.link}"
                assert f'href="{address}"' in page
                kinds.add(cell.link.split("?")[0])
                if (address, cell.value) in seen:
                    continue
                seen.add((address, cell.value))
                lines, sums = totals_of(client, address)
                if isinstance(cell.value, int):
                    assert lines == cell.value, address
                elif "小时" in column.title and "每" not in column.title:
                    assert any(abs(one - float(cell.value or 0)) <= 0.55 for one in sums), (address, cell.value, sums)
                else:
                    assert lines > 0 or cell.value in (0, 0.0), (address, cell.value)
        assert kinds == {"alerts", "people", "homes", "devices", "device_months", "month_devices", "staff", "orders",
                         "places", "households"}  # fmt: skip
        # what no list is behind: intervals, targets, a share of nothing
        assert set(bare) <= {"95% 区间", "时限", "登记老人", "已有月数"}
        assert len(seen) > 80
        assert total_of(client, "/decisions/list/staff") == 4
    looks = site.conn.execute("SELECT detail FROM audit WHERE action = 'view_figures_list'").fetchall()
    assert len(looks) == len(seen) + 1
    assert any(look[0]["residents"] for look in looks)


def test_pages_by_key_show_each_line_once(site: ConsoleSite) -> None:
    something_happens(site.conn, np.random.default_rng(6), 90, now())
    list(refresh(site.conn, now()))
    with site.client("admin") as client:
        seen: list[str] = []
        address = "/decisions/list/alerts"
        while address:
            text = client.get(address).text
            seen += re.findall(r'<a href="/alerts/([0-9a-f-]{36})"', text)
            following = re.search(r'rel="next" href="([^"]+)"', text)
            address = unescape(following[1]) if following else ""
        assert len(seen) == len(set(seen)) == total_of(client, "/decisions/list/alerts") == 130


def test_the_files_hold_the_figures_as_numbers_and_no_formula(site: ConsoleSite) -> None:
    site.conn.execute("UPDATE figure_rule SET name_zh = '=1+1', name_en = '=1+1' WHERE rule = 'fall'")
    count = site.conn.execute("SELECT count(*) FROM alert").fetchone()
    assert count is not None
    with site.client("admin") as client:
        packed = zipfile.ZipFile(io.BytesIO(client.get("/decisions/file/csv").content))
        assert len(packed.namelist()) == 9
        lines = list(csv.reader(io.StringIO(packed.read("03-alerts.csv").decode("utf-8-sig"))))
        assert next(line for line in lines if line[:1] == ["合计"])[1] == str(count[0])
        assert any(line[:1] == ["'=1+1"] for line in lines)
        book = openpyxl.load_workbook(io.BytesIO(client.get("/decisions/file/xlsx").content))
        sheet = book["预警"]
        cells = {cell.value: cell for row in sheet.iter_rows() for cell in row if cell.value is not None}
        assert cells["=1+1"].data_type == "s"
        assert sheet.cell(cells["合计"].row, 2).value == count[0]
        assert sheet.freeze_panes is not None


def test_the_report_has_the_figures_and_no_empty_boxes(site: ConsoleSite) -> None:
    count = site.conn.execute("SELECT count(*) FROM alert").fetchone()
    assert count is not None
    with site.client("admin") as client:
        for language, words in (("zh", f"共 {count[0]} 次预警"), ("en", f"{count[0]} alerts in")):
            client.cookies.set("shouwang_language", language)
            found = PdfText(client.get("/decisions/file/pdf").content)
            assert words in found.text
            assert found.missing == 0
            assert found.pages > 5
            assert f"1 / {found.pages}" in found.text
    with pytest.raises(NoChineseFontError, match="fonts-noto-cjk"):
        fonts.chinese(frozenset({"DejaVu Sans Mono"}))


def test_roles_and_scope(site: ConsoleSite) -> None:
    with site.client("manager-hs") as client:
        page = client.get("/decisions").text
        assert "sz.yt.ms" not in page
        assert client.get("/decisions?area=sz.yt.ms").status_code == 404
        assert client.get("/decisions?compare=sz.yt.ms").status_code == 404
        assert client.get("/decisions/list/alerts?area=sz.yt").status_code == 404
        assert client.get("/decisions/file/csv?area=sz.yt").status_code == 404
        own = site.conn.execute(
            "SELECT count(*) FROM alert a JOIN household h ON h.id = a.household_id WHERE code = 'H1'"
        )
        assert total_of(client, "/decisions/list/alerts") == (own.fetchone() or (0,))[0]
    with site.client("auditor") as client:
        page = client.get("/decisions").text
        assert "/decisions/list/alerts" not in page  # sums, and nobody's alert
        assert client.get("/decisions/list/alerts").status_code == 403
        assert (
            total_of(client, "/decisions/list/places?kind=street&served=1&month=" + months.code(months.month_at(now())))
            == 2
        )
    with site.client("dispatcher") as client:
        assert client.get("/decisions").status_code == 403


def test_what_is_not_known_is_said(site: ConsoleSite) -> None:
    with site.client("admin") as client:
        page = client.get("/decisions").text
        assert "月数不足" in page
        assert "不作走势判断" in page
        site.conn.execute("UPDATE figure_mark SET counted_at = now() - INTERVAL '3 hours'")
        assert "已较旧" in client.get("/decisions").text
        before = client.get("/decisions?from=2025-01&to=2025-06").text
        assert before.count("所选月份没有") >= 4
        for wrong in ("from=2026-13", "from=2026-11&to=2026-01", "to=2999-01", "from=2001-01", "from=x"):
            answer = client.get(f"/decisions?{wrong}")
            assert answer.status_code == 422, wrong
            assert 'role="alert"' in answer.text
        for wrong in ("verdict=met", "milestone=resolved&verdict=x", "nothing=1", "ending=false&after=1~2~3"):
            assert client.get(f"/decisions/list/alerts?{wrong}").status_code == 422, wrong
        for needs_more in ("people", "month_devices", "households?kind=street", "homes"):
            assert client.get(f"/decisions/list/{needs_more}").status_code == 422, needs_more
        assert client.get("/decisions/list/nothing").status_code == 404
        assert client.get("/decisions/list/homes?function=9").status_code == 422
        year = client.get("/decisions?compare=year").text
        assert 'id="compared"' in year
        site.conn.execute("DELETE FROM figure_mark")
        assert "尚未统计" in client.get("/decisions").text
