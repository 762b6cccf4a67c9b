"""The time bank over HTTP: from an application to hours in the books, a family's word, links, and another street."""

import datetime as dt
from collections.abc import Iterator

import httpx2
import pytest

from care_services.time_bank import holders, store
from care_services.time_bank.kinds import BASIC_COURSE
from care_services.time_bank.verify import verify
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import Cluster
from tests.support.network import C1
from tests.support.time_bank import helped, managers, volunteer
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
BANK = "/care/time-bank"
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def site(database_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with (
        database_cluster.fresh_database() as url,
        console_site(url, tmp_path_factory.mktemp("bank")) as site,
    ):
        managers(site.conn)
        yield site


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def version(site: ConsoleSite, table: str, column: str, value: object) -> int:
    row = site.conn.execute(f"SELECT version FROM {table} WHERE {column} = %s".encode(), (value,)).fetchone()
    assert row is not None
    return int(row[0])


def test_from_an_application_to_hours_in_the_books(site: ConsoleSite) -> None:
    today = now().astimezone(SHANGHAI).date()
    with site.client("station") as client:

        def post(path: str, expected: int = 303, **data: object) -> httpx2.Response:
            answer = client.post(f"{BANK}/{path}", data={name: str(value) for name, value in data.items()})
            assert answer.status_code == expected, answer.text[:2000]
            return answer

        wrong = post("volunteers/new", 422, name_zh="何婶", sex="female", born_on="1962-05-01", belongs_to="x", area=C1)
        assert "请选择志愿者类别" in wrong.text
        assert 'value="何婶"' in wrong.text, "nothing that was written is lost"
        made = post("volunteers/new", name_zh="何婶", sex="female", born_on="1962-05-01", belongs_to="senior", area=C1,
                    languages="cmn", times="")  # fmt: skip
        code = made.headers["location"].rpartition("/")[2]
        one = f"volunteers/{code}"
        assert "身份核验尚未完成" in post(f"{one}/step", 422, action="check", version=1).text
        for kind in ("identity", "background"):
            post(f"{one}/check", kind=kind, checked_on=today, passed="true", expires_on=today + 365 * DAY)
        training = {"course": BASIC_COURSE, "passed_on": today, "passed": "true", "place": "社区活动室"}
        assert "请写明授课人或机构" in post(f"{one}/training", 422, **training).text, "who, when and where"
        post(f"{one}/training", **training, taught_by="街道社工站")
        assert "社区活动室 · 街道社工站" in client.get(f"{BANK}/{one}").text
        for step in ("check", "train", "begin"):
            post(f"{one}/step", action=step, version=version(site, "time_volunteer", "code", code))
        assert post(f"{one}/step", 409, action="rest", note="探亲", version=1).status_code == 409

        soon = now().astimezone(SHANGHAI) + DAY
        made = post("requests/new", resident="R1", kind="company", day=soon.date(), hour="10:00", key="k1")
        number = int(made.headers["location"].rpartition("/")[2])
        page = client.get(f"{BANK}/requests/{number}").text
        assert "会说普通话" in page, "whom to ask, with the reasons"
        post(f"requests/{number}/offer", volunteer=code, version=1)
        page = client.get(f"{BANK}/requests/{number}").text
        assert "/help/" not in page, "who opens it speaks for the volunteer"
        (subject,) = site.conn.execute(
            "SELECT signed ->> 'subject' FROM care_notice WHERE key LIKE 'offer/%' ORDER BY id DESC LIMIT 1"
        ).fetchone() or ("",)
    with site.client() as nobody:
        path = f"/help/{site.keys.sign('time_help', subject, f'volunteer:{code}', now() + 30 * DAY)}"
        assert "这个时间您能去吗？" in nobody.get(path).text
        as_staff = f"/help/{site.keys.sign('time_help', subject, 'staff:S1', now() + 30 * DAY)}"
        assert nobody.get(as_staff).status_code == 410, "of the staff, and no volunteer"
        site.conn.execute(
            "UPDATE time_volunteer SET staff_id = (SELECT id FROM staff WHERE code = 'S1') WHERE code = %s", (code,)
        )
        assert "这个时间您能去吗？" in nobody.get(as_staff).text, "messages to staff are told to them as such"
        site.conn.execute("UPDATE time_volunteer SET staff_id = NULL WHERE code = %s", (code,))
        assert nobody.post(path, data={"act": "yes"}).status_code == 303
        assert nobody.post(path, data={"act": "yes"}).status_code == 409, "it is answered"
        assert nobody.get(path[:-4] + "AAAA").status_code == 410
        assert nobody.post(path, data={"act": "tell", "minutes": "60"}).status_code == 422, "its time has not come yet"
        site.conn.execute(
            "UPDATE time_request SET wanted_from = wanted_from - interval '3 days',"
            " wanted_until = wanted_until - interval '3 days' WHERE number = %s", (number,),
        )  # fmt: skip
        assert nobody.post(path, data={"act": "tell", "minutes": "55"}).status_code == 303
    with site.client("daughter") as daughter:
        assert "志愿者登记了 55 分钟" in daughter.get("/time-bank").text
        said = daughter.post(
            f"{BANK}/requests/{number}/confirm",
            data={"minutes": "55", "version": str(version(site, "time_request", "number", number))},
        )
        assert (said.status_code, said.headers["location"]) == (303, "/time-bank")
        assert daughter.get(f"{BANK}/requests/{number}").status_code == 403
    with site.client("station") as client:
        statement = client.get(f"{BANK}/statement/volunteer/{code}")
        assert "0:55" in statement.text
        file = client.get(f"{BANK}/statement/volunteer/{code}/csv")
        assert file.content.startswith(b"\xef\xbb\xbf")
        assert "服务存入" in file.text
        transferred = {"what": "transfer", "giver": code, "taker": "R1", "minutes": "15", "key": "t1"}
        for _ in range(2):  # pressed twice
            assert client.post(f"{BANK}/book", data=transferred).status_code == 303
        too_much = client.post(f"{BANK}/book", data=transferred | {"minutes": "500", "key": "t2"})
        assert too_much.status_code == 422
        assert "余额不足：需要 500 分钟，现有 40 分钟" in too_much.text
    account = managers(site.conn)[0]
    holder = holders.find(site.conn, account, "volunteer", code)
    assert holders.balance(site.conn, holder.account_id) == 40
    assert verify(site.conn).faults == ()
    looks = site.conn.execute(
        "SELECT count(*) FROM audit a JOIN resident r ON r.id = a.resident_id WHERE r.code = 'R1'"
        " AND action IN ('view_help', 'change_help', 'ask_for_help', 'book_minutes')"
    ).fetchone()
    assert looks
    assert looks[0] >= 8


def test_who_differ_are_settled_by_a_third_and_nobody_says_both(site: ConsoleSite) -> None:
    by, other = managers(site.conn)
    code = volunteer(site.conn, by, now(), "林姨")
    number = helped_until_told(site, code)
    path = f"{BANK}/requests/{number}"
    with site.client("station") as client:
        at = version(site, "time_request", "number", number)
        disputed = client.post(f"{path}/confirm", data={"minutes": "20", "said_as": "resident", "who": "老人本人，电话",
                                                           "version": str(at)})  # fmt: skip
        assert disputed.status_code == 303
        settle = {"minutes": "30", "note": "电话核实", "version": str(at + 1)}
        own = client.post(f"{path}/settle", data=settle)
        assert own.status_code == 403, "the station spoke for the resident"
        assert "由另一位工作人员认定" in own.text
    with site.client(other.login) as client:
        assert client.post(f"{path}/settle", data=settle).status_code == 303
    one = store.find(site.conn, by, number)
    assert (one.state, one.agreed, one.credited) == ("confirmed", 30, 30)


def helped_until_told(site: ConsoleSite, code: str) -> int:
    row = site.conn.execute(
        "INSERT INTO time_request (id, resident_id, kind, state, wanted_from, wanted_until, minutes, asked_as,"
        " asked_at, volunteer_id, told_minutes, told_at, told_by) SELECT gen_random_uuid(), r.id, 'walk', 'done',"
        " now() - interval '2 days', now() - interval '47 hours', 60, 'station', now(), v.id, 60, now(),"
        " 'volunteer:' || v.code FROM resident r, time_volunteer v WHERE r.code = 'R1' AND v.code = %s"
        " RETURNING number",
        (code,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_another_street_sees_and_changes_nothing(site: ConsoleSite) -> None:
    by, _ = managers(site.conn)
    code = volunteer(site.conn, by, now(), "赵姨")
    helped(site.conn, by, code, 30, now() - 3 * DAY)
    account_id = holders.find(site.conn, by, "volunteer", code).account_id
    row = site.conn.execute(
        "SELECT t.number, q.number FROM time_transaction t JOIN time_entry e ON e.transaction_id = t.id"
        " JOIN time_request q ON q.id = t.request_id WHERE e.account_id = %s", (account_id,),
    ).fetchone()  # fmt: skip
    assert row
    with site.client("station-ms") as client:
        for path in (f"volunteers/{code}", f"requests/{row[1]}", f"ledger/{row[0]}", f"statement/volunteer/{code}",
                     "statement/resident/R1"):  # fmt: skip
            assert client.get(f"{BANK}/{path}").status_code == 404, path
        for path in ("", "/volunteers", "/requests?which=closed", "/ledger", "/rounds"):
            page = client.get(f"{BANK}{path}")
            assert page.status_code == 200
            assert code not in page.text
        assert client.post(f"{BANK}/ledger/{row[0]}/reverse", data={"reason": "x"}).status_code == 404


def test_a_check_that_expired_yesterday_stops_offers_and_answers_at_once(site: ConsoleSite) -> None:
    by, _ = managers(site.conn)
    code = volunteer(site.conn, by, now(), "蓝姨")
    day = now().astimezone(SHANGHAI).date()
    with site.client("station") as client:
        made = client.post(
            f"{BANK}/requests/new", data={"resident": "R1", "kind": "walk", "day": str(day + DAY), "hour": "09:00"}
        )
        path = made.headers["location"]
        assert client.post(f"{path}/offer", data={"volunteer": code, "version": "1"}).status_code == 303
        client.post(
            f"{BANK}/volunteers/{code}/check",
            data={"kind": "background", "checked_on": str(day - 9 * DAY), "expires_on": str(day - DAY)},
        )
        refused = client.post(f"{path}/accept", data={"version": "2"})
        assert refused.status_code == 409, "the offer is free in the transaction of the check"
        page = client.get(path).text
        assert "志愿者审查或状态失效，重新匹配" in page
        assert "无犯罪记录核查已于" in page, "among those who cannot be asked"
        assert "审查或培训已失效，暂不能安排" in client.get(BANK).text
