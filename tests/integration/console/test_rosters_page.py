"""The roster's pages: a week, what a change would do, the change as one step, and its undoing."""

import io
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import psycopg
import pytest

from tests.support.console_site import ConsoleSite, console_site

pytestmark = pytest.mark.integration
WEEK = "/rosters/center-1?week=2026-11-30"


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def turns(conn: psycopg.Connection) -> list[tuple[str, str, list[int], str, str | None]]:
    """The rows of the roster but those of all days."""
    return conn.execute(
        "SELECT s.code, t.code, r.weekdays, r.valid_from::text, r.valid_until::text FROM roster r JOIN staff s"
        " ON s.id = r.staff_id JOIN shift t ON t.id = r.shift_id WHERE t.code <> 'all' ORDER BY 1, 4"
    ).fetchall()


def only_s1_at_night(site: ConsoleSite) -> None:
    """S1 alone works, each night of one week; nobody else does."""
    site.conn.execute("DELETE FROM roster")
    site.conn.execute(
        "INSERT INTO roster (staff_id, shift_id, weekdays, valid_from, valid_until)"
        " SELECT s.id, t.id, '{1,2,3,4,5,6,7}',"
        " '2026-11-30', '2026-12-06' FROM staff s, shift t JOIN organisation o ON o.id = t.organisation_id"
        " WHERE s.code = 'S1' AND t.code = 'night' AND o.code = 'center-1'"
    )


def test_a_week_shows_shifts_coverage_and_holes_in_words(site: ConsoleSite) -> None:
    only_s1_at_night(site)
    with site.client("dispatcher") as client:
        text = client.get(WEEK).text
        assert "中心：11-30 00:00 至 11-30 23:00 无人可联系值班" in text
        assert "<b>夜班</b>" in text
        assert text.count('class="roster-strip"') == 14, "seven in the grid, seven in the list of a telephone"
        book = openpyxl.load_workbook(io.BytesIO(client.get("/rosters/center-1/week.xlsx?week=2026-11-30").content))
        assert book["排班"]["B3"].value == "夜班 23:00–07:00"
        assert book["每小时在班人数"]["Y2"].value == 1
    with site.client("carer") as client:
        assert "/cell?" not in client.get(WEEK).text, "who may not plan sees no way to"
        assert client.get("/rosters/center-2").status_code == 404


def test_what_opens_a_hole_is_shown_first_and_undone_as_one_step(site: ConsoleSite) -> None:
    only_s1_at_night(site)
    with site.client("dispatcher") as client:
        data = {"do": "remove", "staff": "S1", "shift": "night", "day": "2026-12-02", "reach": "day"}
        answer = client.post("/rosters/center-1/apply", data=data)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/rosters/center-1/check?")
        shown = client.get(answer.headers["location"]).text
        assert "将出现 1 处空班" in shown
        before = turns(site.conn)
        seen = shown.split('name="seen" value="')[1].split('"')[0]
        assert client.post("/rosters/center-1/apply", data={**data, "seen": seen}).status_code == 303
        assert turns(site.conn) == [
            ("S1", "night", [1, 2, 3, 4, 5, 6, 7], "2026-11-30", "2026-12-01"),
            ("S1", "night", [1, 2, 3, 4, 5, 6, 7], "2026-12-03", "2026-12-06"),
        ]
        page = client.get(WEEK).text
        number = page.split("/rosters/center-1/undo/")[1].split('"')[0]
        assert client.post(f"/rosters/center-1/undo/{number}", data={}).status_code == 303
        assert turns(site.conn) == before
        assert client.post(f"/rosters/center-1/undo/{number}", data={}).status_code == 422, "once"
        stale = client.post("/rosters/center-1/apply", data={**data, "seen": "something else"})
        assert stale.status_code == 409
        assert turns(site.conn) == before
    audited = site.conn.execute("SELECT count(*) FROM audit WHERE action = 'plan_roster'").fetchone()
    assert audited == (1,)


def test_a_copied_week_and_a_swap_are_one_step_each(site: ConsoleSite) -> None:
    only_s1_at_night(site)
    with site.client("dispatcher") as client:
        copy = {"do": "copy", "monday": "2026-11-30", "weeks": "2"}
        shown = client.get("/rosters/center-1/check", params=copy).text
        seen = shown.split('name="seen" value="')[1].split('"')[0]
        answer = client.post("/rosters/center-1/apply", data={**copy, "seen": seen})
        assert answer.headers["location"] == "/rosters/center-1?week=2026-12-07"
        assert turns(site.conn)[1] == ("S1", "night", [1, 2, 3, 4, 5, 6, 7], "2026-12-07", "2026-12-20")
        for day in ("2026-12-01", "2026-12-22"):
            add = {"do": "add", "staff": "S11", "shift": "all", "day": day, "reach": "day"}
            assert client.post("/rosters/center-1/apply", data=add).status_code == 303
        swap = {"do": "swap", "one": "S1/night/2026-11-30", "other": "S11/all/2026-12-01"}
        assert "时间重叠" in client.get("/rosters/center-1/check", params=swap).text, "S1 works that night, too"
        swap = {"do": "swap", "one": "S1/night/2026-12-20", "other": "S11/all/2026-12-22"}
        shown = client.get("/rosters/center-1/check", params=swap).text
        seen = shown.split('name="seen" value="')[1].split('"')[0]
        assert client.post("/rosters/center-1/apply", data={**swap, "seen": seen}).status_code == 303
        assert ("S11", "night", [7], "2026-12-20", "2026-12-20") in turns(site.conn)
        page = client.get("/rosters/center-1?week=2026-12-14").text
        number = page.split("/rosters/center-1/undo/")[1].split('"')[0]
        assert client.post(f"/rosters/center-1/undo/{number}", data={}).status_code == 303
        assert turns(site.conn)[1] == ("S1", "night", [1, 2, 3, 4, 5, 6, 7], "2026-12-07", "2026-12-20")
        wrong = client.get("/rosters/center-1/check", params={**copy, "weeks": "99"})
        assert wrong.status_code == 422
        assert 'id="wrong-weeks"' in wrong.text
        assert client.get("/rosters/center-1/check", params={"do": "fly"}).status_code == 422
        shifts = client.post(
            "/rosters/center-1/shifts", data={"code": "a b", "name_zh": "晨", "starts": "x", "ends": "y"}
        )
        assert shifts.status_code == 422
        assert 'id="wrong-code"' in shifts.text
        fine = {"code": "dawn", "name_zh": "晨", "starts": "05:00", "ends": "07:00"}
        assert client.post("/rosters/center-1/shifts", data=fine).status_code == 303
        assert client.post("/rosters/center-1/shifts", data={**fine, "version": 1, "ends": "08:30"}).status_code == 303
        assert "05:00–08:30" in client.get("/rosters/center-1/shifts").text
        stale = client.post("/rosters/center-1/shifts", data={**fine, "version": 1, "remove": "1"})
        assert stale.status_code == 409
        assert client.post("/rosters/center-1/shifts", data={**fine, "version": 2, "remove": "1"}).status_code == 303
