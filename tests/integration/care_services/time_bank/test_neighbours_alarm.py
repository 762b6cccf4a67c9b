"""The first alarm answered by a neighbour from the time bank: from dispatch to the statement, in one walk."""

import datetime as dt
from collections.abc import Iterator

import pytest

from care_network.records import kinds, store
from care_network.records.staff_records import NewStaff
from care_services.library.courses import keeping
from care_services.rounds.outside import Nobody
from care_services.rounds.running import turn
from care_services.time_bank import people, steps
from care_services.time_bank.verify import verify
from dispatch.alerts import lookup
from dispatch.orders import assigning
from dispatch.orders import store as orders
from dispatch.orders.people import Crews
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import Cluster
from tests.support.network import NOW as OLD
from tests.support.network import account
from tests.support.orders import ZHOU, raise_alert, roster_all_day
from tests.support.time_bank import managers, volunteer
from vocabulary.times import local_day

pytestmark = pytest.mark.integration
BANK = "/care/time-bank"
NOW = dt.datetime.now(dt.UTC)
DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)


@pytest.fixture(scope="module")
def site(database_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with (
        database_cluster.fresh_database() as url,
        console_site(url, tmp_path_factory.mktemp("neighbour")) as site,
    ):
        yield site


def sendable(site: ConsoleSite, crews: Crews) -> set[str]:
    alert = raise_alert(site.conn, NOW)
    found = lookup.load(site.conn, alert)
    assert found is not None
    return {one.code for one in assigning.suggest(site.conn, crews, found, "fall_assistance", NOW)[1].candidates}


def test_the_first_alarm_answered_by_a_neighbour(site: ConsoleSite) -> None:
    conn, crews = site.conn, Crews()
    by, _ = managers(conn)
    for code in ("S11", "S12", "S13"):  # the neighbour is who is there
        conn.execute("UPDATE staff SET active = false WHERE code = %s", (code,))
    new = NewStaff(code="N1", organisation="center-1", kind="volunteer", name_zh="何婶", name_en="Aunt He",
                   phone="0755-00099", skills=("lifting",), languages=("cmn",))  # fmt: skip
    store.add(conn, kinds.STAFF, new, OLD.date())
    roster_all_day(conn, "N1")
    code = volunteer(conn, by, NOW, "何婶")
    steps.link_staff(conn, by, code, "N1", people.find(conn, by, code).version, NOW)

    # dispatch: a check that ends, is taken back, and holds again; a course's certificate counts by itself
    def check(kind: str = "background", *, passed: bool = True, until: dt.date | None = None) -> None:
        steps.record_check(conn, by, code, kind, passed=passed, checked_on=local_day(NOW) - 9 * DAY,
                           expires_on=until, note="", now=NOW)  # fmt: skip

    assert "N1" in sendable(site, crews)
    for bad in ({"passed": False}, {"until": local_day(NOW) - DAY}):
        check(**bad)  # type: ignore[arg-type]
        assert "N1" not in sendable(site, crews), bad
        check(until=local_day(NOW))
        assert "N1" in sendable(site, crews), "the last day counts"
    steps.record_training(
        conn, by, code, "volunteer_basic", passed=False, passed_on=local_day(NOW), expires_on=None, now=NOW
    )
    assert "N1" not in sendable(site, crews)
    keeping.add_built_in(conn, NOW)
    certificate = conn.execute(
        """
        WITH v AS (SELECT v.id, v.course_id FROM course_version v JOIN course k ON k.id = v.course_id
                   WHERE k.code = 'volunteer_basic'),
        a AS (INSERT INTO course_attempt (course_id, version_id, account_id, begun_at, ends_at, drawn, submitted_at,
                                          asked, correct, passed)
              SELECT course_id, id, (SELECT min(id) FROM account), now(), now(), '[]', now() + interval '1 minute', 5,
                     5, true FROM v RETURNING id, course_id)
        INSERT INTO course_certificate (number, check_code, course_id, attempt_id, account_id, staff_id, name_zh,
                                        name_en, title_zh, title_en, issued_on)
        SELECT 'SW1', 'C', a.course_id, a.id, (SELECT min(id) FROM account), s.id, '何', 'He', '', '', current_date
        FROM a, staff s WHERE s.code = 'N1' RETURNING id
        """
    ).fetchone()  # fmt: skip
    assert certificate
    assert "N1" in sendable(site, crews), "passed on the platform after it was taken back"

    # the alarm: offered, the check is taken back meanwhile, and a yes sends nobody
    alert = raise_alert(conn, NOW)
    order = assigning.dispatch_alert(conn, crews, alert, ZHOU, NOW, service="fall_assistance", staff_code="N1")
    staff = order.staff_id
    assert staff is not None
    check(passed=False)
    refused = assigning.act_as_person(conn, crews, order.id, "accept", staff, ZHOU, NOW)
    assert (refused.state, refused.staff_code) == ("offered", "S1"), "the next one is asked in the same moment"
    check(until=local_day(NOW) + 90 * DAY)
    assigning.cancel(conn, order.id, ZHOU, NOW, expected_version=refused.version)

    alert = raise_alert(conn, NOW)
    order = assigning.dispatch_alert(conn, crews, alert, ZHOU, NOW, service="fall_assistance", staff_code="N1")
    for minutes, step in enumerate(("accept", "depart", "arrive")):
        assigning.act_as_person(conn, crews, order.id, step, staff, ZHOU, NOW - (33 - minutes) * MINUTE)  # type: ignore[arg-type]
    with site.client("dispatcher") as desk:
        page = desk.get(f"/alerts/{alert}").text
        assert "时间银行邻里志愿者" in page
        assert "何婶" in page
    assigning.act_as_person(conn, crews, order.id, "finish", staff, ZHOU, NOW - MINUTE)
    number = orders.load(conn, order.id).number

    # the rounds make a help of it, once; the receiving side confirms; the minutes are in the books with the alert
    for later in (0, 1, 2):
        turn(conn, Nobody(), NOW + later * 40 * MINUTE)
    rows = conn.execute(
        "SELECT q.number, q.version, q.state, q.told_minutes FROM time_request q WHERE q.order_id = %s", (order.id,)
    ).fetchall()
    assert [(row[2], row[3]) for row in rows] == [("done", 30)], "from the arrival to the end, once"
    asked, version = rows[0][0], rows[0][1]
    short = str(alert)[:6]
    with site.client("daughter") as daughter:
        assert "志愿者登记了 30 分钟" in daughter.get("/time-bank").text
        said = daughter.post(f"{BANK}/requests/{asked}/confirm", data={"minutes": "30", "version": str(version)})
        assert said.status_code == 303
    with site.client("station") as station:
        assert f"预警 #{short}" in station.get(f"{BANK}/requests/{asked}").text
        volunteers_page = station.get(f"{BANK}/volunteers/{code}").text
        assert f"工单 {number}" in volunteers_page
        assert "计入 45 分钟" in volunteers_page, "an alarm counts 150 %"
        statement = station.get(f"{BANK}/statement/volunteer/{code}").text
        assert f"预警 #{short}" in statement
        assert "0:45" in statement
        assert f"预警 #{short} 工单 {number}" in station.get(f"{BANK}/statement/volunteer/{code}/csv").text
        # the volunteer's own page shows it, too, until the link is taken back
        data = {"version": str(people.find(conn, by, code).version)}
        assert station.post(f"{BANK}/volunteers/{code}/link", data=data).status_code == 303
        assert "/neighbour/" not in station.get(f"{BANK}/volunteers/{code}").text, "it is sent to the volunteer alone"
        data = {"version": str(people.find(conn, by, code).version), "act": "show"}
        assert "请写明为什么短信发不到" in station.post(f"{BANK}/volunteers/{code}/link", data=data).text
        once = station.post(f"{BANK}/volunteers/{code}/link", data=data | {"reason": "本人在场，没有手机"}).text
        path = once.partition('class="timebank-link" href="')[2].partition('"')[0].removeprefix(site.address)
        assert "/neighbour/" not in station.get(f"{BANK}/volunteers/{code}").text, "once"
        told = conn.execute("SELECT zh FROM care_notice WHERE key LIKE 'link/%' ORDER BY id DESC LIMIT 1").fetchone()
        assert "打开了您的邻里互助页面" in str(told)
        with site.client() as nobody:
            page = nobody.get(path).text
            assert "不是您请的" in page
            step = "SELECT detail ->> 'step' FROM audit WHERE action = 'change_volunteer' ORDER BY id DESC LIMIT 1"
            assert conn.execute(step).fetchone() == ("link_shown",)
            assert f"预警 #{short}" in page
            assert "计入 45 分钟" in page
            assert f"预警 #{short}" in nobody.get(f"{path}/statement").text
            data = {"version": str(people.find(conn, by, code).version), "act": "take-back"}
            assert station.post(f"{BANK}/volunteers/{code}/link", data=data).status_code == 303
            assert nobody.get(path).status_code == 410
    assert verify(conn).faults == ()
    assert account(conn, "daughter").role == "family"
