"""A complaint on its way: from the station up to the district, never answered by whom it is about."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.complaints import desk
from care_services.complaints.desk import NewComplaint
from care_services.core.acting import Acting
from tests.support.network import account
from tests.support.orders import staff_city

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as found:
        staff_city(found)
        found.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
            " SELECT x.login, password_hash, '某', 'Somebody', x.role, x.area::ltree, language FROM account,"
            " (VALUES ('lead', 'lead', 'sz.yt'), ('community', 'station', 'sz.yt.hs.pw')) x (login, role, area)"
            " WHERE account.login = 'dispatcher'"
        )
        found.execute(
            "INSERT INTO family_member SELECT a.id, r.id, '女儿', 'daughter', now() FROM account a, resident r"
            " WHERE a.login = 'daughter' AND r.code = 'R1'"
        )
        yield found


def acting(conn: psycopg.Connection, login: str, at: dt.datetime | None = None) -> Acting:
    return Acting(account(conn, login), at or dt.datetime.now(dt.UTC), "test")


def complaint(**more: str) -> NewComplaint:
    sent = {"about": "visit", "category": "absent", "severity": "major", "words": "没来", "channel": "telephone",
            "author": "resident", "name": "陈", "resident": "R1"} | more  # fmt: skip
    return NewComplaint(**sent)  # type: ignore[arg-type]


def test_what_does_not_satisfy_goes_up_until_it_does(conn: psycopg.Connection) -> None:
    community, street, district = acting(conn, "community"), acting(conn, "station"), acting(conn, "lead")
    code = desk.receive(conn, acting(conn, "carer"), complaint())
    case = desk.load(conn, community, code)
    assert (case.complaint.level, case.complaint.area_path) == ("station", "sz.yt.hs.pw")
    assert round((case.complaint.due_at - case.complaint.received_at).total_seconds() / 3600) == 72
    with pytest.raises(NotPermittedError):
        desk.act(conn, acting(conn, "carer"), code, "answer", "已道歉", 1)
    with pytest.raises(ProvisioningError, match="few words"):
        desk.act(conn, community, code, "answer", "", 1)
    desk.act(conn, community, code, "answer", "已道歉，改派他人", 1)
    with pytest.raises(ChangedMeanwhileError):
        desk.act(conn, street, code, "unsatisfied", "仍未来", 1)
    desk.act(conn, community, code, "unsatisfied", "仍未来", 2)
    with pytest.raises(NotPermittedError, match="street answers"):
        desk.act(conn, community, code, "answer", "再次道歉", 3)
    desk.act(conn, street, code, "answer", "已换机构", 3)
    desk.act(conn, street, code, "unsatisfied", "还是不行", 4)
    with pytest.raises(NotPermittedError):
        desk.act(conn, street, code, "answer", "已换机构", 5)
    desk.act(conn, district, code, "answer", "区级已约谈机构", 5)
    desk.act(conn, district, code, "satisfied", "", 6)
    desk.act(conn, district, code, "reopen", "又发生一次", 7)
    kinds = [one.kind for one in desk.load(conn, district, code).events]
    assert kinds == [
        "received",
        "answered",
        "unsatisfied",
        "answered",
        "unsatisfied",
        "answered",
        "satisfied",
        "reopened",
    ]
    later = acting(conn, "lead", dt.datetime.now(dt.UTC) + dt.timedelta(days=9))
    assert [one.code for one in desk.listing(conn, later, "overdue")] == [code]
    assert desk.counts(conn, later) == (1, 1, 0)
    with pytest.raises(NotFoundError):
        desk.load(conn, acting(conn, "station-ms"), code)
    refused = conn.execute("SELECT count(*) FROM audit WHERE action = 'refused_view_complaint'").fetchone()
    assert refused == (1,)


def test_whom_it_is_about_neither_answers_nor_learns_who(conn: psycopg.Connection) -> None:
    conn.execute("UPDATE staff SET account_id = NULL")
    conn.execute("UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'station') WHERE code = 'S11'")
    code = desk.receive(conn, acting(conn, "dispatcher"), complaint(staff="S11", name="陈家女儿", author="family"))
    case = desk.load(conn, acting(conn, "station"), code)
    assert case.complaint.level == "district", "S11 works at the street's center: the level above begins"
    assert case.author is None
    assert case.steps == frozenset()
    with pytest.raises(NotPermittedError, match="yourself"):
        desk.act(conn, acting(conn, "station"), code, "answer", "没有的事", 1)
    seen = desk.load(conn, acting(conn, "lead"), code)
    assert seen.author is not None
    assert seen.author.name == "陈家女儿"
    other = desk.receive(conn, acting(conn, "station"), complaint(author="anonymous", name="谁", phone="139"))
    kept = conn.execute(
        "SELECT name, phone, recorded_by FROM complaint_author WHERE complaint = %s", (other,)
    ).fetchone()
    assert kept == ("", "", None), "of an anonymous complaint nothing is kept"
    assert desk.load(conn, acting(conn, "lead"), other).events[0].who is None


def test_a_family_complains_and_says_whether_it_satisfies(conn: psycopg.Connection) -> None:
    family = acting(conn, "daughter")
    with pytest.raises(ProvisioningError, match="call the station"):
        desk.receive(conn, family, complaint(author="anonymous"))
    with pytest.raises(NotFoundError):
        desk.receive(conn, family, complaint(author="family", resident="R2"))
    code = desk.receive(conn, family, complaint(author="family", channel="page"))
    desk.act(conn, acting(conn, "community"), code, "answer", "已道歉", 1)
    assert desk.load(conn, family, code).steps == {"satisfied", "unsatisfied"}
    desk.act(conn, family, code, "unsatisfied", "仍未来", 2)
    assert [(one.code, one.level) for one in desk.of_family(conn, family)] == [(code, "street")]


def test_lists_go_on_by_key(conn: psycopg.Connection) -> None:
    codes = {desk.receive(conn, acting(conn, "station"), complaint()) for _ in range(3)}
    seen, after = [], ""
    for _ in range(3):
        page = desk.listing(conn, acting(conn, "station"), "open", after=after, limit=1)
        seen.append(page[0].code)
        after = desk.key_of(page[0], "open")
    assert set(seen) == codes
    with pytest.raises(ProvisioningError):
        desk.listing(conn, acting(conn, "station"), "open", after="x")
