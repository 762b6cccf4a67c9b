"""Professionals: search, who may be sent at once after a change, reminders, profiles, over HTTP and in the database."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from care_network.errors import ProvisioningError
from care_network.records.network import Network
from care_services.core.connected import Connected
from care_services.home_services.orders import desk as orders
from care_services.home_services.orders import people as order_people
from care_services.home_services.orders import store
from care_services.home_services.visits import field, unfit
from care_services.home_services.visits.checking import Place
from care_services.workforce import people, reminders
from dispatch.alerts import lookup
from dispatch.orders import assigning
from dispatch.orders.people import Crews
from tests.support import care_city
from tests.support.console_site import ConsoleSite, console_site, now
from tests.support.network import account
from tests.support.orders import raise_alert
from tests.support.services import wait_for
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ConsoleSite]:
    with console_site(database_url, tmp_path) as found:
        yield found


def today() -> dt.date:
    return dt.datetime.now(SHANGHAI).date()


def acting(conn: psycopg.Connection, login: str) -> Connected:
    return Connected(conn, account(conn, login), now(), "test")


def network(conn: psycopg.Connection) -> Network:
    return Network(conn, account(conn, "admin"), at=now(), origin="test")


def test_a_certificate_that_is_entered_or_ended_counts_at_once_for_who_may_be_sent(site: ConsoleSite) -> None:
    staff = network(site.conn)
    staff.change("staff", ("S11",), 1, {"skills": ("bathing", "lifting")})
    ten = dt.datetime.combine(
        today() + dt.timedelta(days=1), dt.time(10), SHANGHAI
    )  # at night nobody of the area works
    morning = f"{ten:%Y-%m-%dT%H:%M}"
    page = f"/care/workforce/sending?service=bathing&home=H1&at={morning}"
    with site.client("dispatcher") as client:
        assert "此时没有可派的人" in client.get(page).text
        assert "没有护士执业证书 或 医师执业证书 或 养老护理员证书" in client.get(page).text
        staff.add("certificate", {"staff": "S11", "kind": "elder_carer", "issued_on": "2020-01-01"})
        text = client.get(page).text
        assert "4 人中 1 人可以派" in text or "5 人中 1 人可以派" in text
        assert 'href="/care/workforce/of/S11">员11</a>' in text
        ended = today() - dt.timedelta(days=1)
        staff.change("certificate", ("S11", "elder_carer"), 1, {"expires_on": ended})
        assert f"“助浴”：养老护理员证书已于 {ended} 过期" in client.get(page).text
        own = client.get(f"/care/workforce/of/S11?home=H1&at={morning}").text
        assert f"养老护理员证书已于 {ended} 过期" in own
        assert "可以派" in own, "other services go on"
        # and for visits and alarms: the same moment, and back with the renewal
        (org,) = site.conn.execute("SELECT organisation_id FROM staff WHERE code = 'S11'").fetchone() or (0,)
        alert = lookup.load(site.conn, raise_alert(site.conn, now()))
        assert alert

        def everywhere() -> list[bool]:
            crew = assigning.suggest(site.conn, Crews(), alert, "bathing", ten)[1].candidates
            found = {one.code for one in order_people.people(site.conn, [org], "bathing", ten, 60)}
            return ["S11" in {one.code for one in crew}, "S11" in found]

        assert everywhere() == [False, False]
        with pytest.raises(ProvisioningError, match="certificate"):
            order_people.check_staff(site.conn, "S11", org, "bathing")
        renewed = today() + dt.timedelta(days=3)
        staff.change("certificate", ("S11", "elder_carer"), 2, {"expires_on": renewed})
        assert everywhere() == [True, True]
        assert order_people.check_staff(site.conn, "S11", org, "bathing")
        with pytest.raises(ProvisioningError, match="certificate"):  # a visit after its last day
            order_people.check_staff(site.conn, "S11", org, "bathing", now() + dt.timedelta(days=4))
        staff.change("certificate", ("S11", "elder_carer"), 3, {"expires_on": ended})
        assert client.get("/care/workforce/sending?service=bathing&home=H9").status_code == 404
        assert client.get("/care/workforce/of/S11?at=soon").status_code == 422
    _visits_that_need_another_person(site, staff, ended)
    looked = site.conn.execute("SELECT count(*) FROM audit WHERE action = 'view_candidates'").fetchone()
    assert looked is not None
    assert looked[0] > 3
    with site.client("station-ms") as client:
        assert client.get("/care/workforce/sending?service=meal&home=H1").status_code == 404, "another street's home"
        assert client.get("/care/workforce/of/S11").status_code == 404


def _visits_that_need_another_person(site: ConsoleSite, staff: Network, ended: dt.date) -> None:
    """A visit keeps the name of whoever may not go by now, and says so everywhere until somebody else is named."""
    conn, at = site.conn, now()
    care_city.add_services(conn, at)
    station = care_city.acting(conn, "station", at)
    conn.execute("UPDATE staff SET account_id = NULL WHERE code = 'S1'")
    conn.execute("UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'carer') WHERE code = 'S9'")
    made = [orders.add_single(conn, station, "R1", "bath", "center-1", at + dt.timedelta(days=day), staff="S9")
            for day in (0, 2)]  # fmt: skip
    with site.client("station") as client:
        boards = ("/care", "/station", "/care/visits", "/care/visits/another", f"/care/visits/{made[1]}")
        assert not any("须另派人员" in client.get(page).text.replace("须另派人员的上门", "") for page in boards)
        assert unfit.tell(conn, at) == 0
        for change, why in (
            (("certificate", ("S9", "elder_carer"), 1, {"expires_on": ended}), f"养老护理员证书最后有效日为 {ended}"),
            (("staff", ("S9",), 1, {"skills": ("lifting",)}), "不再具备所需的岗位或技能（助浴）"),
            (("staff", ("S9",), 2, {"active": False}), "已离职或停用"),
        ):
            staff.change(*change)  # type: ignore[arg-type]
            for page in boards[:3]:  # a notice is five seconds old at most
                wait_for(lambda page=page: "2 次上门须另派人员" in client.get(page).text, 10, lambda page=page: page)
            for page in boards[3:]:
                assert why in client.get(page).text, page
            assert unfit.tell(conn, at) >= 1
            assert unfit.tell(conn, at) == 0, "once"
            with pytest.raises(ProvisioningError, match="needs another person"):
                field.begin(conn, store.load(conn, made[0]), store.SYSTEM, "place", at, place=Place(114.241, 22.56, 20))
        told = conn.execute(
            "SELECT a.login, n.zh, n.state, n.urgent FROM care_notice n JOIN account a ON a.id::text = n.to_key"
            " WHERE n.kind = 'visit_another' ORDER BY n.id"
        ).fetchall()
        assert {one[0] for one in told} >= {"station"}
        assert f"养老护理员证书最后有效日为 {ended}，已排的 2 次上门须另派人员" in told[0][1]
        assert (told[0][2], told[-1][2:]) == ("withdrawn", ("queued", True)), "only the reason that holds is left"
        assert [store.load(conn, one).staff_code for one in made] == ["S9", "S9"], "nothing is dropped"
        for one in made:
            orders.assign(conn, station, one, "S1", 1)
        wait_for(lambda: "须另派人员" not in client.get("/station").text, 10, lambda: "the notice stays")
        assert unfit.tell(conn, at) == 0
        assert "S9" not in client.get("/care/visits/another").text


def test_the_list_says_who_may_be_sent_and_profiles_come_from_a_table(site: ConsoleSite) -> None:
    with site.client("dispatcher") as client:
        listed = client.get("/care/workforce?service=meal&home=H1").text
        assert "可派" in listed or "可以派" in listed or "不承担此项服务" in listed or "不在班" in listed
        assert client.get("/care/workforce?service=meal&home=H99").status_code == 404
        assert client.get("/care/workforce?service=nothing").status_code == 422
        table = "工号,学历,技能等级,职称\nS1,大专,三级,\nS11,,9,护师\nS77,本科,,\nS1,本科,,\n"
        checked = client.post("/care/workforce/import", files={"file": ("t.csv", table.encode(), "text/csv")}).text
        for said in ("没有这个工号", "与前面的行重复", "请从列表中选择", "尚未保存", "保存 1 行无误的"):
            assert said in checked, said
        number = re.search(r'name="checked" value="([^"]+)"', checked)
        assert number is not None
        form = {"checked": (None, number[1])}
        assert "已保存 1 份档案" in client.post("/care/workforce/import", files=form).text
        assert client.post("/care/workforce/import", files=form).status_code == 422, "it is kept no more"
        assert "S1,college,3,," in client.get("/care/workforce/import/table").text
        assert "不是 .csv" in client.post("/care/workforce/import", files={"file": ("t.doc", b"x", "")}).text
        assert "三级/高级工" in client.get("/care/workforce/of/S1").text


def test_search_finds_by_sound_skill_certificate_language_employer_and_day(site: ConsoleSite) -> None:
    staff = network(site.conn)
    staff.change("staff", ("S12",), 1, {"languages": ("cmn", "yue"), "name_zh": "刘淑贞"})
    staff.add("certificate", {"staff": "S12", "kind": "health", "expires_on": str(today() + dt.timedelta(days=5))})
    who = acting(site.conn, "dispatcher")

    def found(words: str = "", **more: object) -> set[str]:
        return {one.code for one in people.search(who, people.Wanted(words=words, **more))}  # type: ignore[arg-type]

    assert found("lsz") == found("liushu") == found("刘淑") == found("粤语") == found("健康证") == {"S12"}
    assert found("搀扶 粤语") == {"S12"}, "each word has to fit"
    assert found(language="yue") == found(certificate="health", state="soon") == {"S12"}
    assert found(certificate="health", state="missing") == {"S1", "S2", "S11", "S13"}
    assert found(skill="lifting", under="sz.yt.ms") == {"S2"}
    assert found(day=today()) == {"S1", "S11", "S12", "S13"}
    assert found(organisation="center-2") == {"S2"}
    assert found("无此人") == set()
    assert [one.code for one in people.search(who, people.Wanted(after="S12"))] == ["S13", "S2"]


def test_reminders_come_once_a_step_go_to_person_and_manager_and_end_with_a_renewal(site: ConsoleSite) -> None:
    conn, staff = site.conn, network(site.conn)
    ends = today() + dt.timedelta(days=20)
    staff.add("certificate", {"staff": "S1", "kind": "first_aid", "expires_on": str(ends)})
    conn.execute(
        "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
        " SELECT 'head', password_hash, '主任', 'Head', 'manager', 'sz.yt.hs', 'zh' FROM account WHERE login = 'admin'"
    )
    assert reminders.tell_due(conn, today(), now()) == 2, "the person and the manager"
    assert reminders.tell_due(conn, today(), now()) == 0
    assert reminders.tell_due(conn, ends - dt.timedelta(days=7), now()) == 2
    told = conn.execute("SELECT to_kind, to_key, account_id, state FROM care_notice ORDER BY id LIMIT 2").fetchall()
    carer, head = account(conn, "carer").id, account(conn, "head").id
    assert told == [("staff", "S1", carer, "queued"), ("account", str(head), head, "queued")]
    (number,) = conn.execute("SELECT max(id) FROM certificate_reminder").fetchone() or (0,)
    with site.client("head") as client:
        text = client.get("/care/workforce/ending?only=30").text
        assert "20 天后到期" in text
        assert client.post(f"/care/workforce/ending/{number}/take?only=30", data={}).status_code == 303
        assert "主任" in client.get("/care/workforce/ending?only=30").text
        assert client.post(f"/care/workforce/ending/{number}/take", data={}).status_code == 409
        open_again = f"/care/workforce/ending/{number}/open?only=30"
        assert client.post(open_again, data={"reason": " "}).status_code == 422
        assert client.post(open_again, data={"reason": "她调离了"}).status_code == 303
        text = client.get("/care/workforce/ending?only=30").text
        assert "主任重新打开：她调离了" in text
        assert "我来办理" in text
        assert client.post(open_again, data={"reason": "再来"}).status_code == 409
        assert client.post(f"/care/workforce/ending/{number}/take?only=30", data={}).status_code == 303
    with site.client("carer") as client:
        assert "您本人的证书" in client.get("/care/workforce").text
        assert "您的红十字救护员证" in client.get("/care/notices/mine").text
        assert client.get("/care/notices").status_code == 403
    staff.change("certificate", ("S1", "first_aid"), 1, {"expires_on": str(ends + dt.timedelta(days=1000))})
    reminders.tell_due(conn, today(), now())
    assert conn.execute("SELECT DISTINCT state FROM care_notice").fetchall() == [("withdrawn",)], "it was renewed"
    with site.client("head") as client:
        assert "事项已办结" in client.get("/care/notices?only=withdrawn").text


def test_a_profile_is_changed_on_its_version_and_seen_in_full_by_whom_it_concerns(site: ConsoleSite) -> None:
    form = {"version": 0, "education": "college", "level": "3", "title": "护师", "first_registered_on": "2024-05-31"}
    with site.client("station") as client:
        assert client.post("/care/workforce/of/S1/edit", data=form | {"level": "9"}).status_code == 422
        assert client.post("/care/workforce/of/S1/edit", data=form).status_code == 303
        late = client.post("/care/workforce/of/S1/edit", data=form | {"title": "主管护师"})
        assert late.status_code == 409
        assert "主管护师" in late.text, "what was typed is kept"
        assert "<li>职称：护师</li>" in late.text, "and what is there stands beside"
        sent = {"employer": "人民医院", "since": "2019-01-01", "until": "2018-01-01"}
        assert "结束日期早于开始日期" in client.post("/care/workforce/of/S1/employers", data=sent).text
        client.post("/care/workforce/of/S1/employers", data=sent | {"until": "2021-01-01"})
        (number,) = site.conn.execute("SELECT id FROM staff_employment").fetchone() or (0,)
        gone = client.post(f"/care/workforce/of/S1/employers/{number}/remove", data={}).headers["location"]
        assert "已移除：人民医院" in client.get(gone).text
        back = {"number": gone.rpartition("=")[2]}
        assert client.post("/care/workforce/of/S1/employers/back", data=back).status_code == 303
        assert client.post("/care/workforce/of/S1/employers/back", data=back).status_code == 404, "once"
        text = client.get("/care/workforce/of/S1").text
        assert "三级/高级工" in text
        assert "人民医院" in text
        assert "工时" in text
        assert "超过 44 小时" in text, "on the roster day and night"
    with site.client("carer") as client:
        assert "工时" in client.get("/care/workforce/of/S1").text, "one's own"
        assert "工时" not in client.get("/care/workforce/of/S11").text, "a colleague's hours are not shown"
        assert client.post("/care/workforce/of/S1/edit", data=form).status_code == 403
    with site.client("station-ms") as client:
        assert client.post("/care/workforce/of/S1/edit", data=form | {"version": 1}).status_code == 404
    with site.client("dispatcher") as client:
        figures = client.get("/care/workforce/figures").text
        assert "按岗位" in figures
        assert "三级/高级工" in figures
    kept = site.conn.execute("SELECT what FROM staff_profile_change ORDER BY id").fetchall()
    assert kept == [("profile",), ("add_employer",), ("remove_employer",), ("add_employer",)]
