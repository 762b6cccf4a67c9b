"""The time bank by itself: rounds made ahead and caught up, promises that lapse, consents, hours of families."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from care_network.errors import NotPermittedError
from care_services.time_bank import holders, people, requests, rounds, steps, store
from care_services.time_bank.books import day_of
from care_services.time_bank.rounds import NewRound
from care_services.time_bank.running import ending, lapsing, missed, own_link, visits
from care_services.time_bank.verify import verify
from tests.support.console_site import ConsoleSite, console_site
from tests.support.databases import Cluster
from tests.support.network import account
from tests.support.time_bank import agree, asked, helped, managers, volunteer

pytestmark = pytest.mark.integration
NOW = dt.datetime.now(dt.UTC)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def site(database_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleSite]:
    with (
        database_cluster.fresh_database() as url,
        console_site(url, tmp_path_factory.mktemp("running")) as site,
    ):
        managers(site.conn)
        yield site


def told(conn: psycopg.Connection[Any], to: str) -> list[str]:
    return [row[0] for row in conn.execute(
        "SELECT split_part(key, '/', 1) FROM care_notice WHERE to_key = %s AND state <> 'withdrawn' ORDER BY id", (to,)
    )]  # fmt: skip


def test_rounds_are_made_ahead_once_caught_up_and_changed_with_their_history(site: ConsoleSite) -> None:
    conn = site.conn
    by, _ = managers(conn)
    crew = [volunteer(conn, by, NOW, name) for name in ("甲", "乙", "丙", "丁")]
    new = NewRound(name_zh="巡访", area="sz.yt.hs.pw", weekday=str((day_of(NOW) + DAY).isoweekday()), starts="00:30",
                   members=("R1",), crew=tuple(crew[:2]))  # fmt: skip
    code = rounds.add(conn, by, new, NOW)
    one = rounds.find(conn, by, code)

    def ahead() -> list[tuple[str, str | None]]:
        return [(each.state, each.volunteer) for each in visits.ahead_of(conn, one.id, NOW)]

    assert visits.make_ahead(conn, NOW) == 2
    assert visits.make_ahead(conn, NOW) == 0, "never twice"
    assert {each[0] for each in ahead()} == {"accepted"}
    assert told(conn, crew[0]) == ["link", "round", "round"]
    # days of standing still: the visits of the days between are there, and nobody is sent into the past
    conn.execute("UPDATE time_round SET made_until = %s WHERE id = %s", (day_of(NOW) - 10 * DAY, one.id))
    assert visits.make_ahead(conn, NOW) == 1
    missed = conn.execute(
        "SELECT state, volunteer_id FROM time_request WHERE round_id = %s AND wanted_from < %s", (one.id, NOW)
    ).fetchall()
    assert missed == [("open", None)]
    # a check that is taken back frees both visits at once; the round goes on with another pair
    steps.record_check(conn, by, crew[0], "identity", passed=False, checked_on=day_of(NOW), expires_on=None, note="",
                       now=NOW)  # fmt: skip
    assert ahead() == [("open", None), ("open", None)]
    changed = NewRound(**{name: getattr(new, name) for name in ("name_zh", "area", "weekday")}, starts="01:00",
                       members=("R1",), crew=tuple(crew[2:]))  # fmt: skip
    assert [zh for zh, _ in rounds.consequences(conn, by, code, changed, NOW)] == ["2 次已排的巡访改到新的时间"]
    rounds.change(conn, by, code, changed, 1, NOW)
    assert ahead() == [("accepted", crew[2])] * 2
    people_line = next(each for each in rounds.history(conn, one.id) if each.action == "people")
    assert (people_line.detail["crew_out"], people_line.detail["crew_in"]) == (crew[:2], crew[2:])
    assert rounds.pause(conn, by, code, 2, NOW, active=False) == 2
    assert ahead() == []
    assert told(conn, crew[2])[-1] == "off", "who had promised is told"


def test_promises_lapse_and_nobody_is_told_a_door_without_consent(site: ConsoleSite) -> None:
    conn = site.conn
    by, _ = managers(conn)
    code = volunteer(conn, by, NOW, "何婶")

    def state(number: int) -> str:
        return store.find(conn, by, number).state

    silent, taken, alone = (asked(conn, by, NOW, day=str((NOW + 3 * DAY).date())) for _ in range(3))
    requests.offer(conn, by, silent, code, 1, NOW)
    assert told(conn, code) == ["link", "offer"]
    own = people.find(conn, by, code)
    token = site.keys.sign("time_neighbour", f"{code}.{own.link_serial}", f"volunteer:{code}", NOW + DAY)
    with site.client() as phone:
        assert "路1号" not in phone.get(f"/neighbour/{token}").text, "the door comes with the yes"
        agree(conn, False, "R1")
        page = phone.get(f"/neighbour/{token}").text
        assert "老人未同意告知称呼和住址" in page
        assert "陈" not in page.partition("<main")[2]
        refused = phone.post(f"/neighbour/{token}", data={"number": str(silent), "act": "yes"})
        assert refused.status_code == 403
        with pytest.raises(NotPermittedError, match="does not agree"):
            requests.offer(conn, by, taken, code, 1, NOW)
        found = lapsing.look(conn, NOW)
        assert (found.not_agreed, state(silent)) == (1, "open")
        assert told(conn, code) == ["link"], "the offer is taken back"
        agree(conn, True, "R1")
        requests.offer(conn, by, silent, code, store.find(conn, by, silent).version, NOW)
        assert lapsing.look(conn, NOW + 23 * HOUR).silent == 0
        # no answer for a day: open again; nobody for a day after its time: closed, and own hours come back
        assert lapsing.look(conn, NOW + 25 * HOUR).silent == 1
        later = store.find(conn, by, alone).wanted_until + 25 * HOUR
        assert lapsing.look(conn, later).nobody == 3
        assert store.find(conn, by, alone).ended_as == "nobody_found"
        # nobody opens: an alert, once
        number = asked(conn, by, NOW)
        requests.offer(conn, by, number, code, 1, NOW, accepted=True)
        conn.execute("UPDATE time_request SET wanted_from = now() - interval '5 minutes' WHERE number = %s", (number,))
        assert "路1号" in phone.get(f"/neighbour/{token}").text
        assert phone.post(f"/neighbour/{token}", data={"number": str(number), "act": "not-opened"}).status_code == 303
    assert store.find(conn, by, number).ended_as == "not_opened"
    assert own_link.renew_due(conn, NOW + 84 * DAY) >= 1
    assert own_link.holding(conn, code, own.link_serial, NOW) is None


def test_a_family_pays_by_hours_wishes_a_gift_and_says_that_nobody_came(site: ConsoleSite) -> None:
    conn = site.conn
    by, _ = managers(conn)
    senior = volunteer(conn, by, NOW, "陈叔", resident="R1")
    other = volunteer(conn, by, NOW, "林姨")
    helped(conn, by, senior, 200, NOW - 9 * DAY, resident="R2")

    def balance() -> int:
        return holders.balance(conn, holders.find(conn, by, "resident", "R1").account_id)

    day = str((NOW + 2 * DAY).date())
    with site.client("daughter") as daughter:
        ask = {"resident": "R1", "kind": "walk", "day": day, "hour": "10:00", "paid_by": "hours", "key": "k"}
        assert "3:20" in daughter.get("/time-bank").text
        for _ in range(2):  # pressed twice: asked once, or refused, and paid once
            daughter.post("/time-bank", data=ask)
        assert balance() == 140
        row = conn.execute("SELECT number, version FROM time_request WHERE paid_by = 'hours'").fetchone()
        assert row
        number, version = row
        cancelled = daughter.post(
            f"/care/time-bank/requests/{number}/cancel", data={"note": "不用了", "version": str(version)}
        )
        assert (cancelled.status_code, balance()) == (303, 200)
        wish = {"giver": "R1", "what": "gift", "taker": "林姨", "wished": "500", "relation": "sibling"}
        too_much = daughter.post("/time-bank/wishes", data=wish)
        assert (too_much.status_code, "请填写 1 到 200 分钟" in too_much.text) == (422, True)
        assert daughter.post("/time-bank/wishes", data=wish | {"wished": "50"}).status_code == 303
        assert balance() == 200, "nothing moves before the station has talked with the resident"
        page = daughter.get("/time-bank/statement/R1")
        assert (page.status_code, "服务存入" in page.text) == (200, True)
        assert daughter.get("/time-bank/statement/R2").status_code == 404
    with site.client("station") as station:
        assert "林姨" in station.get("/care/time-bank/wishes").text
        row = conn.execute("SELECT max(id) FROM time_wish").fetchone()
        assert row
        path = f"/care/time-bank/wishes/{row[0]}/decide"
        assert station.post(path, data={"agreed": "true", "taker": other}).status_code == 422, "what it rests on"
        decided = {"agreed": "true", "taker": other, "reason": "老人本人同意，户口簿"}
        assert station.post(path, data=decided).status_code == 303
        assert station.post(path, data=decided).status_code == 409
        assert "时间余额 2:30 小时" in station.get("/care/residents/R1").text
    # a no-show, said by the family
    number = asked(conn, by, NOW)
    requests.offer(conn, by, number, other, 1, NOW, accepted=True)
    conn.execute(
        "UPDATE time_request SET wanted_from = now() - interval '2 hours', wanted_until = now() - interval '1 hour'"
        " WHERE number = %s", (number,),
    )  # fmt: skip
    ending.not_come(conn, account(conn, "daughter"), number, "", store.find(conn, by, number).version, NOW)
    assert store.find(conn, by, number).ended_as == "no_show"
    with site.client("station") as station:
        path = f"/care/time-bank/volunteers/{other}"
        assert "未到 1 次" in station.get(path).text
        # what counts is named where somebody is chosen; the volunteer speaks against it, and it is excused
        chosen = store.find(conn, by, asked(conn, by, NOW))
        reasons = {one.candidate.code: one.reasons for one in requests.matches(conn, by, chosen)}
        assert any("1 次未到，次数少，仅供参考：减 3 分" in zh for zh, _ in reasons[other]), reasons[other]
        row = conn.execute("SELECT id, volunteer_id FROM time_missed").fetchone()
        assert row
        missed.speak_against(conn, row[1], row[0], "我到了，门牌写错了", NOW)
        assert "我到了，门牌写错了" in station.get("/care/time-bank").text
        refused = station.post(f"{path}/missed/{row[0]}", data={"excused": "true"})
        assert refused.status_code == 422, "with what it rests on"
        data = {"excused": "true", "reason": "门牌登记有误"}
        assert station.post(f"{path}/missed/{row[0]}", data=data).status_code == 303
        assert not any("未到" in zh for one in requests.matches(conn, by, chosen) for zh, _ in one.reasons)
    assert verify(conn).faults == ()
