"""A copy has what the schema holds of a person, and nobody else's; an erasure keeps what law keeps, and only that."""

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import psycopg.types.json
import pytest

from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.privacy import copies, erasures, holdings, holds, job, retention
from firmware_profiles import wire
from ingest.batches.builder import Builder
from ingest.receiving.subscriber import ReceivedMessage
from ingest.settings import IngestSettings, accepted_times
from shouwang.backup import erasures as list_of_erasures
from tests.support import taps
from tests.support.databases import ONE_GRADE, of_service
from tests.support.exchange_site import ExchangeSite
from tests.support.network import account, build_city, open_alert
from vocabulary.times import SECOND_US, SHANGHAI, local_day

pytestmark = pytest.mark.integration


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        site = ExchangeSite("", conn)
        for resident, value in (("R1", 71), ("R2", 99)):
            site.reading(site.series("heart_rate", resident), now() - dt.timedelta(hours=1), value)
        conn.execute(
            "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order,"
            " consent_at) SELECT id, '139' || code, '=陈丽', 'Chen Li', '女儿', 'daughter', 1, now() FROM resident"
        )
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path) VALUES"
            " ('head', '!', '主任', 'Head', 'manager', 'sz.yt')"
        )
        open_alert(conn, "R1", "H1", state="resolved")
        yield conn


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def worker(url: str) -> psycopg.Connection:
    """A connection with the rights of maintenance."""
    return psycopg.connect(of_service(url, "maintain"), autocommit=True)


def test_an_archive_has_the_person_and_nobody_else(conn: psycopg.Connection, database_url: str) -> None:
    admin = account(conn, "admin")
    with pytest.raises(ProvisioningError):
        copies.ask(conn, admin, "R1", "self", "  ", at=now(), origin="t")
    with pytest.raises(NotPermittedError):
        copies.ask(conn, account(conn, "station"), "R1", "self", "证", at=now(), origin="t")
    with pytest.raises(NotFoundError):
        copies.ask(conn, account(conn, "admin-hs"), "R2", "self", "证", at=now(), origin="t")
    number = copies.ask(conn, admin, "R1", "self", "看了身份证", at=now(), origin="t")
    assert copies.ask(conn, admin, "R1", "self", "看了身份证", at=now(), origin="t") == number
    with pytest.raises(NotFoundError):
        copies.fetch(conn, admin, number, at=now(), origin="t")
    with worker(database_url) as maintain:
        assert maintain.execute("SELECT count(*) FROM person_rows(%s, 'contact')", (number,)).fetchone() == (0,)
        assert job.turn(maintain)
        assert not job.turn(maintain)
    copy = copies.load(conn, admin, number)
    assert (copy.state, copy.done, copy.bytes > 0) == ("done", copy.total, True)
    copies.fetch(conn, admin, number, at=now(), origin="t")
    body = b"".join(copies.pieces(conn, number))
    assert len(body) == copy.bytes
    assert b"".join(copies.pieces(conn, number, 1000)) == body[1000:]
    with pytest.raises(NotFoundError):  # its days are over, whether or not it was removed
        copies.fetch(conn, admin, number, at=now() + copies.KEPT, origin="t")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        month = f"readings/{(now() - dt.timedelta(hours=1)).astimezone(SHANGHAI):%Y-%m}.csv"
        assert {"index.html", month, "tables/resident.csv", "tables/contact.jsonl"} <= names
        contacts = [json.loads(line) for line in archive.read("tables/contact.jsonl").splitlines()]
        assert [one["phone"] for one in contacts] == ["139R1"]
        rows = list(csv.DictReader(io.StringIO(archive.read("tables/contact.csv").decode("utf-8-sig"))))
        assert rows[0]["name_zh"] == "'=陈丽"  # no formula for a spreadsheet
        readings = archive.read(month).decode().splitlines()
        assert len(readings) == 2
        assert readings[1].endswith(",71")
        everything = b"".join(archive.read(name) for name in names).decode()
        assert "139R2" not in everything
        assert "路1号" in everything
    fetched = conn.execute("SELECT count(*) FROM audit WHERE action = 'fetch_person_copy'").fetchone()
    assert fetched == (1,)
    today = now().astimezone(SHANGHAI).date()
    with pytest.raises(ProvisioningError):
        copies.ask(
            conn, admin, "R1", "self", "证", at=now(), origin="t", since=today, until=today - dt.timedelta(days=1)
        )
    bounded = copies.ask(conn, admin, "R1", "self", "证", at=now(), origin="t", until=today - dt.timedelta(days=3))
    with worker(database_url) as maintain:
        job.turn(maintain)
    with zipfile.ZipFile(io.BytesIO(b"".join(copies.pieces(conn, bounded)))) as archive:
        assert not [name for name in archive.namelist() if name.startswith("readings/2")], "of other days"
        assert "tables/contact.csv" in archive.namelist()
        assert f"… – {today - dt.timedelta(days=3)}" in archive.read("index.html").decode()
    conn.execute("UPDATE person_copy SET expires_at = now() WHERE id = %s", (number,))
    with worker(database_url) as maintain:
        assert job.end_periods(maintain) == job.end_periods(maintain) == 0, "no rows that law had kept"
    assert [copies.load(conn, admin, one).state for one in (number, bounded)] == ["ended", "done"], "what is due, alone"
    assert conn.execute("SELECT DISTINCT copy_id FROM person_copy_part").fetchall() == [(bounded,)]
    told = conn.execute("SELECT detail FROM audit WHERE action = 'end_periods'").fetchall()
    assert told == [({"copies": 1, "research": 0, "rows": 0},)], "once, with how much of each"


def test_every_table_with_a_persons_data_is_in_a_copy_or_named(conn: psycopg.Connection) -> None:
    found = {relation for relation, _, _ in conn.execute("SELECT * FROM person_tables()")}
    found |= {relation for relation, _ in conn.execute("SELECT * FROM person_tables_by_name()")}
    assert {"alert", "alert_event", "device", "series", "reading", "audit", "work_order_photo", "medical_note"} <= found
    telling = conn.execute(
        r"""
        SELECT DISTINCT c.relname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
          AND a.attname ~ '^(resident|resident_id|household|household_id|patient|recipient_key|elder.*)$'
          AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
        """
    ).fetchall()
    named = found | set(holdings.BY_HAND) | set(holdings.NOT_GIVEN)
    left = {relation for (relation,) in telling} - named
    assert not left, "refer to the resident by a foreign key, or name the table in holdings.BY_HAND with the reason"
    tables = {name for (name,) in conn.execute("SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')")}
    assert set(holdings.NOT_GIVEN) | set(holdings.BY_HAND) <= tables
    rules = {name for (name,) in conn.execute("SELECT relation FROM erasure_rule")}
    means = {"rollup_minute", "rollup_hour"}  # views, where the server rolls up by itself
    assert (rules & tables) - means <= found
    assert found <= rules, "decide in a migration what becomes of it at an erasure: erasure_rule, with the law"


@pytest.mark.every_grade(*ONE_GRADE)  # before a release on compressed chunks, too
def test_an_erasure_needs_two_people_and_keeps_what_law_keeps(
    conn: psycopg.Connection, database_url: str, tmp_path: Path
) -> None:
    admin, head = account(conn, "admin"), account(conn, "head")
    row = conn.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone()
    assert row is not None
    plan = {line.relation: line for line in erasures.plan_of(conn, admin, "R1", now().date())}
    assert (plan["contact"].act, plan["alert"].act, plan["resident"].act) == ("erase", "anonymise", "anonymise")
    assert plan["alert"].until is not None
    assert "188" in plan["alert"].law_en
    number = erasures.ask(conn, admin, "R1", "asked", "self", "看了身份证", at=now(), origin="t")
    with pytest.raises(ChangedMeanwhileError):
        erasures.ask(conn, admin, "R1", "asked", "self", "看了身份证", at=now(), origin="t")
    assert erasures.vote(conn, admin, number, True, "", at=now(), origin="t") == "waiting"
    with pytest.raises(NotPermittedError):
        erasures.vote(conn, admin, number, True, "", at=now(), origin="t")
    with worker(database_url) as maintain:
        assert not job.erase(maintain, number)  # one vote does not do
        assert erasures.vote(conn, head, number, True, "", at=now(), origin="t") == "approved"
        fallen = open_alert(conn, "R1", "H1")  # since then: nobody is forgotten in the middle of an emergency
        assert not job.turn(maintain)
        conn.execute("UPDATE alert SET state = 'resolved' WHERE id = %s", (fallen,))
        assert job.turn(maintain)
        assert not job.erase(maintain, number)  # once
    one = erasures.load(conn, admin, number)
    assert one.state == "done"
    assert one.certificate is not None
    done = {line.relation: line for line in one.certificate}
    assert (done["contact"].act, done["contact"].rows) == ("erase", 1)
    assert done["reading"].rows == 1
    assert conn.execute("SELECT name_zh, code FROM resident WHERE id = %s", row).fetchone() == ("已删除", f"X{row[0]}")
    assert conn.execute("SELECT address_zh FROM household WHERE code = 'H1'").fetchone() == ("已删除",)
    assert conn.execute("SELECT count(*) FROM alert WHERE resident_id = %s", row).fetchone() == (2,)
    assert conn.execute("SELECT count(*) FROM record_change WHERE before::text LIKE '%139R1%'"
                        " OR before::text LIKE '%路1号%'").fetchone() == (0,)  # fmt: skip
    left = dict(conn.execute("SELECT * FROM person_counts(%s)", row).fetchall())
    assert {left[name] for name in ("contact", "family_member", "medical_note", "reading", "record_change")} == {0}
    other = conn.execute("SELECT count(*) FROM contact JOIN resident r ON r.id = resident_id WHERE r.code = 'R2'")
    assert other.fetchone() == (1,)
    readings = conn.execute("SELECT value FROM reading").fetchall()
    assert readings == [(99.0,)]
    assert [line.relation for line in one.certificate if not line.decided] == []
    _kept_until_its_day(conn, database_url, number)
    _still_sends(conn, database_url)
    _restored(conn, database_url, number, tmp_path)


def _kept_until_its_day(conn: psycopg.Connection, database_url: str, number: int) -> None:
    """What law keeps is counted as over from the day after its last one, goes once, and nothing else goes with it."""
    head = account(conn, "head")

    def over() -> int | None:
        return next(one.over for one in retention.periods(conn, head) if one.period.due == "kept")

    before = conn.execute("SELECT certificate FROM erasure WHERE id = %s", (number,)).fetchone()
    assert before is not None
    counted = "SELECT (SELECT count(*) FROM alert), (SELECT count(*) FROM consent_event)"
    held = conn.execute(counted).fetchone()
    assert over() == 0
    conn.execute(
        "UPDATE erasure SET certificate = (SELECT jsonb_agg(CASE c ->> 'relation' WHEN 'alert' THEN"
        ' c || \'{"until": "2020-01-01"}\' ELSE c END) FROM jsonb_array_elements(certificate) c) WHERE id = %s',
        (number,),
    )
    assert over() == 1
    with worker(database_url) as maintain:
        job.end_periods(maintain)
    assert over() == 0, "it is not due for ever"
    ended = erasures.load(conn, account(conn, "admin"), number).ended
    assert set(ended) == {"alert"}
    left = conn.execute(counted).fetchone()
    assert left == held or ended["alert"] != "chained"
    conn.execute(
        "UPDATE erasure SET certificate = %s, ended = '{}' WHERE id = %s",
        (psycopg.types.json.Jsonb(before[0]), number),
    )


def _still_sends(conn: psycopg.Connection, database_url: str) -> None:
    """The devices hang on the wall still: what they send is dropped, and its numbers are taken."""
    begin = int(now().timestamp()) * SECOND_US
    heard = wire.make_series("oximeter", "heart_rate", begin, np.array([begin]), np.array([70], np.float32))
    messages = [
        ReceivedMessage(topic=wire.topic("gw-1", leaf), payload=payload, mid=0, qos=0, tap=taps.unconnected(),
                        size=len(payload), arrived_us=begin, again=False)
        for leaf, payload in (
            ("readings", wire.encode(wire.Frame(1, "gw-1", 7, 8, "live", 1, begin, [heard]))),
            ("events", wire.encode(wire.Event(1, "gw-1", 7, 8, 1, begin, "oximeter", "bed_exit", {}))),
            ("readings", b"secret"),
        )
    ]  # fmt: skip
    limits = accepted_times(IngestSettings(), begin)
    with psycopg.connect(of_service(database_url, "ingest"), autocommit=True) as ingest:
        builder = Builder(ingest)
        batch = builder.build(messages, [], limits)
        assert (batch.series_ids.size, batch.events, [one.payload for one in batch.refusals]) == (0, [], [None])
        assert len(batch.marks) == 1
        # what came in while the erasure ran goes, too
        conn.execute(
            "INSERT INTO reading (time, series_id, value) SELECT now(), s.id, 71 FROM series s"
            " JOIN device d ON d.id = s.device_id JOIN gateway g ON g.id = d.gateway_id WHERE g.name = 'gw-1'"
        )
        assert conn.execute("SELECT sweep_silenced()").fetchone() == (1,)
        # in another home it is heard again
        conn.execute(
            "UPDATE gateway SET household_id = (SELECT id FROM household WHERE code = 'H2') WHERE name = 'gw-1'"
        )
        assert Builder(ingest).build(messages[:1], [], limits).series_ids.size == 1
        conn.execute("UPDATE gateway SET household_id = (SELECT id FROM household WHERE code = 'H1')"
                     " WHERE name = 'gw-1'")  # fmt: skip


def _restored(conn: psycopg.Connection, database_url: str, number: int, folder: Path) -> None:
    """A backup of before the erasure is put back: the list beside it brings it up to date."""
    file = list_of_erasures.write(database_url, folder)
    assert file is not None
    assert "R1" in file.read_text()
    assert "陈" not in file.read_text()
    conn.execute("UPDATE erasure SET state = 'waiting', done_at = NULL, certificate = NULL")
    conn.execute("UPDATE resident SET code = 'R1', name_zh = '陈奶奶' WHERE name_zh = '已删除'")
    done = list_of_erasures.reapply(database_url, file)
    assert (done.listed, done.done, done.left) == (1, [number], [])
    assert conn.execute("SELECT count(*) FROM resident WHERE code = 'R1' OR name_zh = '陈奶奶'").fetchone() == (0,)
    assert list_of_erasures.reapply(database_url, file).done == []
    assert conn.execute("SELECT again_at IS NOT NULL FROM erasure").fetchone() == (True,)


def test_one_no_ends_it_and_an_open_alert_forbids_it(conn: psycopg.Connection) -> None:
    admin, head = account(conn, "admin"), account(conn, "head")
    for ask in (copies.ask, erasures.ask):  # near relatives ask after a death, everybody else before it
        rest = ("ended",) if ask is erasures.ask else ()
        with pytest.raises(ProvisioningError, match="after a death"):
            ask(conn, admin, "R2", *rest, "heir", "户口簿", at=now(), origin="t")  # type: ignore[operator]
    conn.execute("UPDATE resident SET gone = 'died', gone_on = '2026-01-01' WHERE code = 'R2'")
    with pytest.raises(ProvisioningError, match="near relatives ask"):
        copies.ask(conn, admin, "R2", "self", "户口簿", at=now(), origin="t")
    number = erasures.ask(conn, admin, "R2", "ended", "heir", "户口簿", at=now(), origin="t")
    with pytest.raises(ProvisioningError):
        erasures.vote(conn, head, number, False, "", at=now(), origin="t")
    assert erasures.vote(conn, head, number, False, "有投诉未结", at=now(), origin="t") == "refused"
    with pytest.raises(ChangedMeanwhileError):
        erasures.vote(conn, admin, number, True, "", at=now(), origin="t")
    open_alert(conn, "R1", "H1")
    with pytest.raises(ChangedMeanwhileError, match="open"):
        erasures.ask(conn, admin, "R1", "asked", "self", "证", at=now(), origin="t")


def test_a_hold_refuses_an_erasure_and_makes_an_approved_one_wait(conn: psycopg.Connection, database_url: str) -> None:
    admin, head = account(conn, "admin"), account(conn, "head")
    waiting = erasures.ask(conn, admin, "R1", "asked", "self", "证", at=now(), origin="t")
    for one in (admin, head):
        erasures.vote(conn, one, waiting, True, "", at=now(), origin="t")
    for reference, reason, until, field in (
        ("", "x", None, "reference"), ("1", " ", None, "reason"),
        ("1", "x", now().date() - dt.timedelta(days=3), "until"),
    ):  # fmt: skip
        with pytest.raises(ProvisioningError) as wrong:
            holds.place(conn, head, "R1", reference, reason, until, at=now(), origin="t")
        assert wrong.value.field == field
    with pytest.raises(NotPermittedError):
        holds.place(conn, account(conn, "station"), "R1", "1", "x", None, at=now(), origin="t")
    with pytest.raises(NotFoundError):
        holds.place(conn, account(conn, "admin-hs"), "R2", "1", "x", None, at=now(), origin="t")
    hold = holds.place(conn, head, "R1", "案 7", "诉讼", None, at=now(), origin="t")
    with worker(database_url) as maintain:
        assert not job.turn(maintain)
        assert not job.erase(maintain, waiting), "the database itself waits"
        with pytest.raises(ChangedMeanwhileError, match="案 7"):
            erasures.ask(conn, admin, "R1", "asked", "self", "证", at=now(), origin="t")
        # a class of which the person has rows holds as well
        contacts = holds.Tables(code="people", names=["contact"])
        other = holds.place(conn, head, contacts, "案 8", "调查", None, at=now(), origin="t")
        holds.lift(conn, head, hold, "已结案", at=now(), origin="t")
        with pytest.raises(ChangedMeanwhileError):
            holds.lift(conn, head, hold, "又一次", at=now(), origin="t")
        assert not job.turn(maintain)
        with pytest.raises(ProvisioningError):
            holds.lift(conn, head, other, " ", at=now(), origin="t")
        holds.lift(conn, head, other, "已结案", at=now(), origin="t")
        # of somebody who is gone for long a plan is made by itself, and by nobody while they are held
        conn.execute("UPDATE resident SET gone = 'died', gone_on = current_date - 1900 WHERE code = 'R2'")
        third = holds.place(conn, head, "R2", "案 9", "诉讼", None, at=now(), origin="t")
        job.end_periods(maintain)
        assert [one.code for one in erasures.listing(conn, admin)] == ["R1"]
        holds.lift(conn, head, third, "已结案", at=now(), origin="t")
        job.end_periods(maintain)
        job.end_periods(maintain)
        planned, _ = erasures.listing(conn, admin)
        assert (planned.code, planned.state, planned.reason) == ("R2", "waiting", "withdrawn")
        assert _lines(planned.plan) == _lines(erasures.plan_of(conn, admin, "R2", local_day(now())))
        assert job.turn(maintain)
    assert erasures.load(conn, admin, waiting).state == "done"
    told = conn.execute("SELECT action FROM audit WHERE action ~ 'hold|plan_erasure' ORDER BY id").fetchall()
    assert [one for (one,) in told] == [
        "plan_erasure", "place_hold", "refused_plan_erasure", "place_hold", "lift_hold", "lift_hold", "place_hold",
        "lift_hold", "plan_erasure",
    ]  # fmt: skip
    assert conn.execute("SELECT DISTINCT reason FROM legal_hold h JOIN resident r ON r.id = h.resident_id"
                        " WHERE r.code ~ '^X'").fetchall() == [("",)]  # fmt: skip
    console = psycopg.connect(of_service(database_url, "console"), autocommit=True)
    with console, pytest.raises(psycopg.errors.InsufficientPrivilege):
        console.execute("UPDATE legal_hold SET reason = 'x'")


def _lines(plan: list[erasures.Line]) -> list[tuple[str, str, int, str | None]]:
    """What a plan says of each table but those that the plan itself adds to."""
    found = [(one.relation, one.act, one.rows, one.until) for one in plan]
    return sorted(one for one in found if one[0] not in ("erasure", "audit"))


OF_RULE: dict[str, dict[str, str]] = {
    "message": {"created_at": "{at}", "state": "'sent'"},
    "notification": {"at": "{at}", "state": "'sent'", "alert_id": "{alert}", "due_at": "{at}"},
    "channel_test": {"asked_at": "{at}"},
    "duty_test": {"starts_at": "{at}"},
    "protection_change": {"at": "{at}", "resident_id": "{who}", "function": "1", "level": "1"},
    "event": {"received_at": "{at}", "time": "{at}", "gateway_id": "{gateway}"},
    "quarantine": {"last_at": "{at}", "first_at": "{at}", "gateway": "{gateway_name}"},
    "register_import": {"at": "{at}", "register": "'veterans'", "complete": "true"},
    "record_change": {"at": "{at}", "record": "'resident'", "key": "{code}", "operation": "'change'", "version": "1"},
    "staff_profile_change": {"at": "{at}"},
    "staff_employment": {"until": "({at})::date", "since": "({at})::date - 900"},
    "service_order_event": {"at": "{at}", "order_id": "{order}"},
    "service_plan_event": {"at": "{at}", "plan_id": "{plan}"},
    "service_request_event": {"at": "{at}", "request_id": "{request}"},
    "service_press": {"stored_at": "{at}", "order_id": "{order}"},
    "button_press": {"heard_at": "{at}", "household_id": "{home}"},
    "meal_order_event": {"at": "{at}", "order_id": "{meal}"},
    "meal_arrangement_event": {"at": "{at}", "arrangement_id": "{arrangement}"},
    "meal_press": {"stored_at": "{at}", "order_id": "{meal}"},
    "meal_gap": {"closed_at": "{at}", "found_at": "{at}", "resident_id": "{who}"},
    "care_notice": {"made_at": "{at}", "state": "'delivered'", "to_kind": "'contact'", "to_key": "{code} || '/1'"},
    "care_digest": {"made_at": "{at}"},
    "roster": {"valid_until": "({at})::date", "valid_from": "({at})::date - 9"},
    "roster_exception": {"starts_at": "{at} - interval '1 hour'", "ends_at": "{at}"},
    "roster_change": {"at": "{at}"},
    "privacy_breach": {"closed_at": "{at}"},
    "webhook_delivery": {"done_at": "{at}", "state": "'delivered'", "alert_id": "{alert}"},
    "exchange_export": {"expires_at": "{at}", "state": "'deleted'", "residents": "ARRAY[{who}]"},
    "upkeep_request": {"asked_at": "{at}", "state": "'done'"},
}
"""By rule: the columns that say how old a row is and whose. A further rule gets a line."""
NOBODYS = {"channel_test", "duty_test", "staff_profile_change", "staff_employment", "care_digest", "roster",
           "roster_exception", "roster_change", "privacy_breach", "upkeep_request"}  # fmt: skip
"""Rules of rows that are no resident's: a hold on a person keeps none of them."""


def test_each_rule_of_a_period_removes_what_is_over_it_and_nothing_that_is_held(
    conn: psycopg.Connection, database_url: str
) -> None:
    rules = dict(conn.execute("SELECT code, days FROM retention_rule").fetchall())
    assert rules.keys() == OF_RULE.keys(), "give the rule of the period its line in OF_RULE"
    head = account(conn, "head")
    _let_any_row_in(conn)
    kept: dict[str, str] = {}
    them = {code: _things_of(conn, code) for code in ("R1", "R2")}

    def row(rule: str, whose: str, days: int) -> tuple[str, str]:
        """A row of such an age, told by its place."""
        filled = {column: text.format(at=f"now() - interval '{days} days'", **them[whose])
                  for column, text in OF_RULE[rule].items()}  # fmt: skip
        place = _fill(conn, _relation(conn, rule), filled)
        if rule == "protection_change" and days > rules[rule]:  # the last before then stays
            later = f"now() - interval '{rules[rule] + 1} days'"
            kept[whose] = _fill(conn, rule, filled | {"at": later})
        elif rule == "register_import":
            number = conn.execute("SELECT id FROM register_import WHERE ctid = %s::tid", (place,)).fetchone()
            assert number is not None
            line = {"import_id": str(number[0]), "resident_id": them[whose]["who"], "settled_at": "now()"}
            _fill(conn, "register_line", line)
        return rule, place

    def left(rows: list[tuple[str, str]]) -> set[str]:
        return {rule for rule, place in rows if conn.execute(
            f"SELECT FROM {_relation(conn, rule)} WHERE ctid = %s::tid", (place,)
        ).fetchone() is not None}  # fmt: skip

    def ran() -> dict[str, retention.Ran]:
        return {one.period.rule: one.ran for one in retention.periods(conn, head) if one.ran is not None}

    def work() -> None:
        with worker(database_url) as maintain:
            maintain.execute("SELECT drop_old_record_changes()")
            job.end_periods(maintain)

    conn.execute("UPDATE record_history SET since = '-infinity'")
    hold = holds.place(conn, head, "R1", "（2026）粤03民初1号", "诉讼", None, at=now(), origin="t")
    held = [row(rule, "R1", days + 2) for rule, days in rules.items()]
    over = [row(rule, "R2", days + 2) for rule, days in rules.items()]
    young = [row(rule, "R2", days - 2) for rule, days in rules.items()]
    over_messages = _spoken_of(conn, over, them["R2"]["alert"])
    _spoken_of(conn, held, them["R1"]["alert"])
    before = now()
    work()
    assert left(over) == set()
    assert left([("protection_change", place) for place in kept.values()]) == {"protection_change"}
    assert left(young) == rules.keys()
    assert left(held) == rules.keys() - NOBODYS, "what is held is a person's"
    assert conn.execute("SELECT count(*), count(message_id) FROM notification WHERE id = ANY (%s)",
                        (over_messages,)).fetchone() == (1, 0), "who was told stays"  # fmt: skip
    told = ran()
    for rule in rules:
        gone = 2 if rule in NOBODYS else 1
        assert (told[rule].removed, told[rule].in_a_year) == (gone, gone), rule
        assert told[rule].held == (gone == 1), rule
        assert before - dt.timedelta(seconds=5) <= told[rule].at
    work()
    assert ran()["event"].removed == 1, "once"
    # a class of tables
    names = sorted({_relation(conn, rule) for rule in rules})
    with pytest.raises(NotPermittedError):
        holds.place(conn, account(conn, "admin-hs"), holds.Tables(code="all", names=names), "1", "x", None, at=now(),
                    origin="t")  # fmt: skip
    whole = holds.place(conn, head, holds.Tables(code="all", names=names), "检函 2", "调查", None, at=now(), origin="t")
    holds.lift(conn, head, hold, "已结案", at=now(), origin="t")
    more = [row(rule, "R2", days + 2) for rule, days in rules.items()]
    row("register_import", "R2", 1)  # the newest of a register stays
    work()
    assert left(more) == rules.keys()
    assert left(held) == rules.keys() - NOBODYS
    assert ran()["roster"].held == 1
    conn.execute("UPDATE legal_hold SET until = %s WHERE id = %s", (now().date() - dt.timedelta(days=2), whole))
    work()  # its last day is over
    assert left(more) | left(held) == set()


def _relation(conn: psycopg.Connection, rule: str) -> str:
    row = conn.execute("SELECT relation FROM retention_rule WHERE code = %s", (rule,)).fetchone()
    assert row is not None
    return str(row[0])


def _let_any_row_in(conn: psycopg.Connection) -> None:
    """Rows of the rules' tables are judged by age and owner alone here: constraints on their words would be noise."""
    for table, name in conn.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND (conrelid IN ("
        " SELECT relation::regclass FROM retention_rule) OR conrelid = ANY (ARRAY['service_order', 'service_plan',"
        " 'service_request', 'meal_order', 'meal_arrangement', 'register_line']::regclass[]))"
    ).fetchall():
        conn.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())


def _fill(conn: psycopg.Connection, table: str, given: dict[str, str], back: str = "ctid") -> str:
    """Insert a row with what is given and something in every other column that needs it."""
    kinds = {
        "text": "gen_random_uuid()::text", "text[]": "'{}'", "jsonb": "'{}'", "uuid": "gen_random_uuid()",
        "bytea": "decode(md5(random()::text), 'hex')", "boolean": "false", "ltree": "'sz.yt'", "date": "current_date",
        "timestamp with time zone": "now()", "smallint[]": "'{1}'", "time without time zone[]": "'{}'", "real": "1",
        "int8range": "'[1,2)'",
    }  # fmt: skip
    needed = conn.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND attnotnull AND NOT atthasdef AND attidentity = '' AND NOT attisdropped",
        (table,),
    ).fetchall()
    numbers = "(random() * 30000)::int"
    columns = {name: kinds.get(kind, numbers) for name, kind in needed} | given
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")  # neither references nor triggers
        row = conn.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"
            f" RETURNING {back}::text".encode()
        ).fetchone()
    assert row is not None
    return str(row[0])


def _things_of(conn: psycopg.Connection, code: str) -> dict[str, str]:
    """What rows of a resident hang on."""
    row = conn.execute(
        "SELECT r.id, r.household_id, g.id, g.name FROM resident r JOIN gateway g ON g.household_id = r.household_id"
        " WHERE r.code = %s", (code,),
    ).fetchone()  # fmt: skip
    assert row is not None
    who = {"resident_id": str(row[0])}
    return {
        "who": str(row[0]), "home": str(row[1]), "gateway": str(row[2]), "gateway_name": f"'{row[3]}'",
        "code": f"'{code}'", "alert": f"'{open_alert(conn, code, 'H' + code[1:], state='resolved')}'",
        "order": _fill(conn, "service_order", who, "id"), "plan": _fill(conn, "service_plan", who, "id"),
        "request": _fill(conn, "service_request", who, "id"), "meal": _fill(conn, "meal_order", who, "id"),
        "arrangement": _fill(conn, "meal_arrangement", who, "id"),
    }  # fmt: skip


def _spoken_of(conn: psycopg.Connection, rows: list[tuple[str, str]], alert: str) -> list[int]:
    """A notification of today that a message brought, and the attempt to send it."""
    (place,) = (place for rule, place in rows if rule == "message")
    number = conn.execute("SELECT id FROM message WHERE ctid = %s::tid", (place,)).fetchone()
    assert number is not None
    said = {"message_id": str(number[0])}
    _fill(conn, "delivery_attempt", said)
    return [int(_fill(conn, "notification", said | {"alert_id": alert, "state": "'sent'"}, "id"))]
