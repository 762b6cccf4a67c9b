"""The ledger in a real database: nobody edits it, nobody overdraws it at once with others, and a command proves it."""

import datetime as dt
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import errors

from care_network.access import sessions
from care_network.errors import ChangedMeanwhileError, ExistsError, NotPermittedError, ProvisioningError
from care_services.time_bank import books, correcting, holders, limits, people, requests, statement, store
from care_services.time_bank.holders import Holder
from care_services.time_bank.ledger import Leg, OverdrawnError
from care_services.time_bank.people import NewVolunteer
from care_services.time_bank.requests import Person, as_account
from care_services.time_bank.running import ending
from care_services.time_bank.verify import verify
from database.rights.row_security import SETTING
from tests.support.databases import Cluster, of_service
from tests.support.network import C1, C2, account
from tests.support.orders import staff_city
from tests.support.time_bank import agree, asked, helped, managers, volunteer
from vocabulary.times import SHANGHAI

pytestmark = pytest.mark.integration
DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC)


class Bank:
    """A city with a volunteer who has earned."""

    def __init__(self, conn: psycopg.Connection[Any], url: str) -> None:
        self.conn, self.url = conn, url
        staff_city(conn)
        self.first, self.second = managers(conn)
        self.code = volunteer(conn, self.first, NOW)
        self.senior = volunteer(conn, self.first, NOW, "陈叔", resident="R2", area="sz.yt.hs.pw.c1")
        for days in (90, 30):
            helped(conn, self.first, self.code, 60, NOW - days * DAY)

    def holder(self, code: str) -> Holder:
        return holders.find(self.conn, self.first, *holders.read_address(code))

    def balance(self, code: str) -> int:
        return holders.balance(self.conn, self.holder(code).account_id)


@pytest.fixture(scope="module")
def bank(database_cluster: Cluster) -> Iterator[Bank]:
    with database_cluster.fresh_database() as url, psycopg.connect(url, autocommit=True) as conn:
        yield Bank(conn, url)


def test_what_both_sides_confirmed_is_earned_once_and_refers_to_it(bank: Bank) -> None:
    before = bank.balance(bank.code)
    number = helped(bank.conn, bank.first, bank.code, 45, NOW - 10 * DAY)
    assert bank.balance(bank.code) == before + 45
    for _ in range(2):
        bank.conn.execute("SELECT time_earn(%s, now())", (number,))
    assert bank.balance(bank.code) == before + 45
    row = bank.conn.execute(
        "SELECT t.kind, q.told_by, q.said_by FROM time_transaction t JOIN time_request q ON q.id = t.request_id"
        " WHERE q.id = %s", (number,),
    ).fetchone()  # fmt: skip
    assert row == ("earn", f"volunteer:{bank.code}", "contact:R1/139")
    assert verify(bank.conn).faults == ()


def test_nobody_edits_what_is_booked_by_any_connection(bank: Bank) -> None:
    token = sessions.open_session(bank.conn, bank.first, "127.0.0.1", NOW)
    attacks = (
        "UPDATE time_entry SET minutes = 9", "DELETE FROM time_entry", "TRUNCATE time_entry",
        "UPDATE time_transaction SET reason = 'x'", "DELETE FROM time_transaction", "TRUNCATE time_transaction CASCADE",
        "UPDATE time_seal SET hash = ''", "DELETE FROM time_seal", "UPDATE time_lot SET minutes = 9999",
        "DELETE FROM time_lot", "INSERT INTO time_lot SELECT id, current_date, 60 FROM time_account LIMIT 1",
        "TRUNCATE time_lot", "UPDATE time_request SET credited = 600 WHERE state = 'confirmed'",
        "DELETE FROM time_request", "UPDATE time_account SET kind = 'issuer'",
        "INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)"
        " SELECT transaction_id, account_id, minutes, earned_on FROM time_entry",
    )  # fmt: skip
    with psycopg.connect(of_service(bank.url, "console"), autocommit=True) as console:
        console.execute("SELECT set_config(%s, %s, false)", (SETTING, token))
        assert console.execute("SELECT count(*) > 0 FROM time_entry").fetchone() == (True,), "there is something to see"
        for conn in (bank.conn, console):
            for attack in attacks:
                with pytest.raises((errors.InsufficientPrivilege, errors.RaiseException)):
                    conn.execute(attack.encode())
        with pytest.raises(errors.CheckViolation, match="both sides"):  # a hand-made earning
            forge(console, bank)
    assert verify(bank.conn).faults == ()


def test_what_is_sealed_takes_no_entry_and_minutes_keep_their_age_and_their_order(bank: Bank) -> None:
    """By hand, as an attacker with the console's rights, or the owner, would: every one is refused by the database."""
    conn, code = bank.conn, volunteer(bank.conn, bank.first, NOW, "薛姨")
    for days in (80, 20):
        helped(conn, bank.first, code, 60, NOW - days * DAY)
    giver, to = bank.holder(code).account_id, holders.opened(conn, bank.holder(bank.senior))
    assert giver
    old, young = (books.day_of(NOW - days * DAY) for days in (80, 20))

    def refusal(*legs: Leg, sealed_first: bool = False) -> str:
        number = uuid.uuid4()
        try:
            with conn.transaction():
                conn.execute(
                    "INSERT INTO time_transaction (id, at, kind, request_key) VALUES (%s, now(), 'transfer', %s)",
                    (number, str(number)),
                )
                for place, leg in enumerate(legs):
                    if sealed_first and place == 2:
                        conn.execute("SET CONSTRAINTS time_transaction_whole IMMEDIATE")
                    conn.execute(
                        "INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)"
                        " VALUES (%s, %s, %s, %s)", (number, leg.account, leg.minutes, leg.earned_on),
                    )  # fmt: skip
        except psycopg.Error as error:
            return str(error.diag.message_primary)
        return ""

    good = Leg(giver, -5, old), Leg(to, 5, old)
    assert "keep the day" in refusal(Leg(giver, -5, old), Leg(to, 5, young)), "nothing becomes younger"
    assert "oldest" in refusal(Leg(giver, -5, young), Leg(to, 5, young))
    assert "sum to zero" in refusal(Leg(giver, -5, old), Leg(to, 4, old))
    assert "together with" in refusal(*good, Leg(to, 500, old), sealed_first=True), "nothing after the seal"
    assert refusal(*good) == ""
    assert verify(conn).faults == ()


def test_nobody_confirms_their_own_help_by_any_of_their_names(bank: Bank) -> None:
    conn, code = bank.conn, volunteer(bank.conn, bank.first, NOW, "华姨")
    conn.execute("UPDATE time_volunteer SET phone = '139 0000' WHERE code = %s", (code,))
    conn.execute(
        "INSERT INTO contact (resident_id, phone, name_zh, name_en, relation_zh, relation_en, call_order, consent_at,"
        " account_id) SELECT r.id, '1390000', '华', 'Hua', '女儿', 'daughter', 9, now(), a.id FROM resident r,"
        " account a WHERE r.code = 'R1' AND a.login = 'daughter'"
    )
    number = uuid.uuid4()
    conn.execute(
        "INSERT INTO time_request (id, resident_id, kind, state, wanted_from, wanted_until, minutes, asked_as,"
        " asked_at, volunteer_id, told_minutes, told_at, told_by) SELECT %s, r.id, 'walk', 'done',"
        " now() - interval '3 hours', now() - interval '2 hours', 60, 'station', now(), v.id, 60,"
        " now(), 'account:1' FROM resident r, time_volunteer v WHERE r.code = 'R1' AND v.code = %s",
        (number, code),
    )
    one = store.by_id(conn, number)
    assert one
    daughter = account(conn, "daughter")
    for person in (Person(key="contact:R1/1390000", name="华"), as_account(daughter)):
        with pytest.raises(NotPermittedError, match="you are the volunteer"):
            requests.confirm(conn, one, 60, person, NOW, said_as="family")
    with pytest.raises(ProvisioningError, match="who told you"):
        requests.confirm(conn, one, 60, as_account(account(conn, "station")), NOW, said_as="resident")
    with pytest.raises(errors.CheckViolation, match="own help"):  # and past all of our functions
        conn.execute(
            "WITH said AS (UPDATE time_request SET state = 'confirmed', said_minutes = 60, said_at = now(),"
            " said_as = 'family', said_by = 'contact:R1/1390000', agreed = 60, credited = 60, closed_at = now()"
            " WHERE id = %(id)s RETURNING id) SELECT time_earn(id, now()) FROM said",
            {"id": number},
        )
    said = requests.confirm(
        conn, one, 60, as_account(account(conn, "station")), NOW, said_as="resident", who="老人本人，电话"
    )
    assert said == "confirmed"
    assert store.find(conn, bank.first, one.number).said_who == "老人本人，电话"
    conn.execute("DELETE FROM contact WHERE phone = '1390000'")


def forge(conn: psycopg.Connection[Any], bank: Bank) -> None:
    open_request = store.find(bank.conn, bank.first, asked(bank.conn, bank.first, NOW)).id
    number = uuid.uuid4()
    with conn.transaction():
        conn.execute(
            "INSERT INTO time_transaction (id, at, kind, request_key, request_id) VALUES (%s, now(), 'earn', 'x', %s)",
            (number, open_request),
        )
        conn.execute(
            "INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)"
            " VALUES (%(id)s, %(issuer)s, -60, current_date), (%(id)s, %(to)s, 60, current_date)",
            {"id": number, "issuer": bank.holder("issuer").account_id, "to": bank.holder(bank.code).account_id},
        )


def test_two_who_spend_at_once_never_overdraw(bank: Bank) -> None:
    code = volunteer(bank.conn, bank.first, NOW, "林姨")
    helped(bank.conn, bank.first, code, 100, NOW - 20 * DAY)
    taker = bank.holder(bank.senior)
    results: list[object] = []
    start = threading.Barrier(6)

    def spend(number: int) -> None:
        with psycopg.connect(bank.url, autocommit=True) as conn:
            giver = holders.find(conn, bank.first, "volunteer", code)
            start.wait()
            try:
                results.append(books.transfer(conn, bank.first, giver, taker, 40, f"at-once/{number // 2}", NOW))
            except OverdrawnError as error:
                results.append(error)

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    booked = {one for one in results if not isinstance(one, OverdrawnError)}
    assert (len(results), len(booked), bank.balance(code)) == (6, 2, 20), "three keys: two fit, and each is booked once"
    assert verify(bank.conn).faults == ()


def test_the_database_itself_refuses_an_overdraft_without_any_lock(bank: Bank) -> None:
    code = volunteer(bank.conn, bank.first, NOW, "苏姨")
    helped(bank.conn, bank.first, code, 50, NOW - 20 * DAY)
    giver, taker = bank.holder(code).account_id, bank.holder(bank.senior)
    to, day = holders.opened(bank.conn, taker), books.day_of(NOW - 20 * DAY)
    assert giver
    legs = [Leg(giver, -40, day), Leg(to, 40, day)]
    with psycopg.connect(bank.url) as one, psycopg.connect(bank.url, autocommit=True) as other:
        books.book(one, "transfer", legs, "race/1", NOW)
        failed: list[Exception] = []
        thread = threading.Thread(target=lambda: failed.append(refused(other, legs)))
        thread.start()
        one.commit()
        thread.join()
    assert isinstance(failed[0], OverdrawnError)
    assert bank.balance(code) == 10


def refused(conn: psycopg.Connection[Any], legs: list[Leg]) -> Exception:
    try:
        books.book(conn, "transfer", legs, "race/2", NOW)
    except ProvisioningError as error:
        return error
    raise AssertionError("it was booked")


def test_a_key_books_once_and_only_the_same(bank: Bank) -> None:
    giver, taker = bank.holder(bank.code), bank.holder(bank.senior)
    first = books.transfer(bank.conn, bank.first, giver, taker, 10, "key-1", NOW)
    before = bank.balance(bank.code)
    assert books.transfer(bank.conn, bank.first, giver, taker, 10, "key-1", NOW) == first
    assert bank.balance(bank.code) == before
    with pytest.raises(ExistsError, match="something else"):
        books.transfer(bank.conn, bank.first, giver, taker, 11, "key-1", NOW)


def test_a_correction_needs_a_reason_and_a_second_person_and_undoes_the_whole(bank: Bank) -> None:
    giver, taker = bank.holder(bank.code), bank.holder(bank.senior)
    before = bank.balance(bank.code), bank.balance(bank.senior)
    books.give(bank.conn, bank.first, giver, taker, 7, "sibling", "户口簿", "gift-1", NOW)
    row = bank.conn.execute("SELECT number, relation, reason FROM time_transaction WHERE request_key = 'gift-1'")
    number, relation, reason = row.fetchone() or (0, "", "")
    assert (relation, reason) == ("sibling", "户口簿")
    with pytest.raises(ProvisioningError, match="why"):
        books.ask_reversal(bank.conn, bank.first, number, " ", NOW)
    books.ask_reversal(bank.conn, bank.first, number, "录入错误", NOW)
    with pytest.raises(ChangedMeanwhileError):
        books.ask_reversal(bank.conn, bank.second, number, "录入错误", NOW)
    with pytest.raises(NotPermittedError, match="second person"):
        books.decide_reversal(bank.conn, bank.first, number, NOW, agreed=True)
    books.decide_reversal(bank.conn, bank.second, number, NOW, agreed=True)
    assert (bank.balance(bank.code), bank.balance(bank.senior)) == before
    with pytest.raises(ProvisioningError, match="reversed already"):
        books.ask_reversal(bank.conn, bank.first, number, "再来", NOW)
    with pytest.raises(ProvisioningError, match="relation"):
        books.give(bank.conn, bank.first, giver, taker, 7, "friend", "户口簿", "gift-2", NOW)
    assert verify(bank.conn).faults == ()


def test_hours_spent_on_a_request_come_back_with_their_age_when_it_is_cancelled(bank: Bank) -> None:
    code = volunteer(bank.conn, bank.first, NOW, "陈公", resident="R1")
    helped(bank.conn, bank.first, code, 90, NOW - 40 * DAY, resident="R2")
    before = books.lots_of(bank.conn, bank.holder("R1"))
    number = asked(bank.conn, bank.first, NOW, paid_by="hours")
    assert bank.balance("R1") == 30
    with pytest.raises(OverdrawnError):
        asked(bank.conn, bank.first, NOW, paid_by="hours")
    one = store.find(bank.conn, bank.first, number)
    ending.cancel(bank.conn, bank.first, number, "老人住院", one.version, NOW)
    assert books.lots_of(bank.conn, bank.holder("R1")) == before
    assert verify(bank.conn).faults == ()


def test_shorter_help_gives_own_hours_back_and_what_nobody_gave_gives_all(bank: Bank) -> None:
    conn, code = bank.conn, volunteer(bank.conn, bank.first, NOW, "戴姨")
    conn.execute(
        "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date) SELECT new.code,"
        " household_id, '戴', 'Dai', 'female', '1958-01-01' FROM resident r,"
        " unnest(ARRAY['R77', 'R78']) AS new (code) WHERE r.code = 'R1'"
    )
    agree(conn, True, "R78")
    senior = volunteer(conn, bank.first, NOW, "阮姨", resident="R78")
    helped(conn, bank.first, senior, 100, NOW - 40 * DAY)
    helped(conn, bank.first, senior, 50, NOW - 30 * DAY)
    before = books.lots_of(conn, bank.holder("R78"))
    for said, told, left in ((40, 40, 20), (0, 30, 60)):
        number = asked(conn, bank.first, NOW, paid_by="hours", minutes="60", resident="R78")
        one = store.find(conn, bank.first, number)
        requests.offer(conn, bank.first, number, code, one.version, NOW, accepted=True)
        conn.execute("UPDATE time_request SET wanted_from = now() - interval '2 hours' WHERE number = %s", (number,))
        requests.tell(conn, store.find(conn, bank.first, number), told, Person(key=f"volunteer:{code}", name="戴"), NOW)
        one = store.find(conn, bank.first, number)
        there = bank.balance("R78")
        state = requests.confirm(conn, one, said, Person(key="resident:R78", name="老"), NOW, said_as="resident")
        if said == 0:
            assert state == "disputed"
            version = store.find(conn, bank.first, number).version
            requests.settle(conn, bank.first, number, 0, "门禁录像里没有人来", version, NOW)
            one = store.find(conn, bank.first, number)
            assert (one.state, one.ended_as, one.agreed) == ("cancelled", "no_show", 0)
        assert bank.balance("R78") - there == left
    assert sum(lot.minutes for lot in before) - bank.balance("R78") == 40, "what was given was paid for, no more"
    # one person, one account: who turns out to be a resident takes their minutes along, and their age
    mine = books.lots_of(conn, bank.holder(code))
    one_ = people.find(conn, bank.first, code)
    new = NewVolunteer(name_zh="戴姨", sex="female", born_on="1958-01-01", belongs_to="senior", area=one_.area,
                       resident="R77")  # fmt: skip
    people.change(conn, bank.first, code, new, one_.version, NOW)
    assert books.lots_of(conn, bank.holder("R77")) == mine
    with pytest.raises(ProvisioningError, match="minutes were booked"):
        people.change(conn, bank.first, code, new.__class__(**{**msgspec.structs.asdict(new), "resident": ""}),
                      one_.version + 1, NOW)  # fmt: skip
    assert verify(conn).faults == ()


def test_old_minutes_expire_the_oldest_first_and_a_statement_shows_it_at_any_day(bank: Bank) -> None:
    code = volunteer(bank.conn, bank.first, NOW, "老吴")
    for years in (4, 1):
        helped(bank.conn, bank.first, code, 30, NOW - years * 365 * DAY)
    assert books.expire(bank.conn, bank.first, NOW) == 30
    assert books.expire(bank.conn, bank.first, NOW) == 0, "safe to repeat"
    holder = bank.holder(code)
    found = statement.statement(bank.conn, bank.first, holder, (NOW - 2000 * DAY).date(), NOW.date() + DAY, NOW)
    assert [(line.kind, line.minutes, line.balance) for line in found.lines] == [
        ("earn", 30, 30), ("earn", 30, 60), ("expire", -30, 30),
    ]  # fmt: skip
    for line in found.lines:
        assert holders.balance(bank.conn, holder.account_id, line.at) == line.balance
    assert statement.as_csv(found).decode("utf-8-sig").count("\n") == 6
    with pytest.raises(NotPermittedError, match="may not set care rules"):
        books.expire(bank.conn, account(bank.conn, "station"), NOW)


def test_the_proof_finds_what_was_changed_behind_the_triggers(bank: Bank) -> None:
    conn = bank.conn
    with conn.transaction(force_rollback=True):
        conn.execute("ALTER TABLE time_entry DISABLE TRIGGER ALL")
        conn.execute(
            "UPDATE time_entry SET minutes = minutes + 5 WHERE id = (SELECT max(e.id) FROM time_entry e"
            " JOIN time_account a ON a.id = e.account_id WHERE e.minutes > 0 AND a.kind = 'volunteer')"
        )
        proof = verify(conn)
        assert any("does not sum to zero" in fault for fault in proof.faults)
        assert any("is not what was sealed" in fault for fault in proof.faults)
        assert any("kept balance" in fault for fault in proof.faults)
    with conn.transaction(force_rollback=True):
        conn.execute("ALTER TABLE time_seal DISABLE TRIGGER ALL")
        conn.execute("DELETE FROM time_seal WHERE position = 1")
        faults = verify(conn).faults
        assert any("hole" in fault for fault in faults), faults


def test_years_end_at_midnight_in_shanghai_and_no_clock_takes_young_minutes(bank: Bank) -> None:
    conn = bank.conn
    with conn.transaction(force_rollback=True):
        code = volunteer(conn, bank.first, NOW, "𠮷田·Ünïcode 🧓")
        midnight = dt.datetime(NOW.year - 1, 12, 31, 16, tzinfo=dt.UTC)  # the new year in Shanghai
        old = midnight - dt.timedelta(hours=8)
        old = old.replace(year=old.year - 3)  # three years ago, by the default rule, on the last day of the year
        helped(conn, bank.first, code, 30, old)
        helped(conn, bank.first, code, 20, midnight - 300 * DAY)
        assert books.expire_due(conn, midnight - dt.timedelta(seconds=1)) == 0
        assert books.expire_due(conn, midnight) == 30
        assert books.expire_due(conn, midnight) == 0
        with pytest.raises(ProvisioningError, match="clock"):
            books.expire_due(conn, NOW + 3000 * DAY)
        assert bank.balance(code) == 20
        helped(conn, bank.first, code, 40, old)  # no job came by: a booking spends nothing that is old
        with pytest.raises(OverdrawnError):
            books.transfer(conn, bank.first, bank.holder(code), bank.holder("gift_pool"), 21, "old", NOW)
        books.transfer(conn, bank.first, bank.holder(code), bank.holder("gift_pool"), 20, "young", NOW, reason="🧓|\n'")
        for minutes in (0, -5, 10**30):
            with pytest.raises(ProvisioningError):
                books.transfer(conn, bank.first, bank.holder(code), bank.holder("gift_pool"), minutes, "odd", NOW)
        assert verify(conn).faults == ()


def reverse_any(conn: psycopg.Connection[Any], bank: Bank, luck: random.Random) -> None:
    """Reverse one of the last bookings, by two people, whoever else is at it."""
    rows = conn.execute(
        "SELECT number FROM time_transaction WHERE kind NOT IN ('reverse', 'refund', 'earn')"
        " ORDER BY number DESC LIMIT 9"
    ).fetchall()
    if rows:
        number = luck.choice(rows)[0]
        books.ask_reversal(conn, bank.first, number, "录入错误", NOW)
        books.decide_reversal(conn, bank.second, number, NOW, agreed=luck.random() < 0.8)


def spend_or_cancel(conn: psycopg.Connection[Any], bank: Bank, luck: random.Random) -> None:
    """Spend hours of a resident on a help, or cancel one of those."""
    row = conn.execute("SELECT number, version FROM time_request WHERE paid_by = 'hours' AND state = 'open'").fetchone()
    if row is not None and luck.random() < 0.5:
        ending.cancel(conn, bank.first, row[0], "不需要了", row[1], NOW)
    else:
        asked(conn, bank.first, NOW, minutes=str(luck.randrange(5, 60)), paid_by="hours", resident="R2")


def test_a_crowd_with_lost_connections_leaves_right_books(bank: Bank) -> None:
    """Sessions at once that earn, move, spend, cancel and let expire, some of them cut off: nothing is lost or made."""
    codes = [volunteer(bank.conn, bank.first, NOW, name) for name in ("甲", "乙", "丙")]
    for code in codes:
        helped(bank.conn, bank.first, code, 200, NOW - 25 * DAY)
    start = threading.Barrier(5)
    odd: list[BaseException] = []

    def act(number: int) -> None:
        luck = random.Random(number)
        with psycopg.connect(bank.url, autocommit=True, application_name=f"crowd-{number}") as conn:
            two = [holders.find(conn, bank.first, "volunteer", code) for code in codes]
            start.wait()
            for step in range(12):
                try:
                    giver, taker = luck.sample(two, 2)
                    match luck.randrange(6):
                        case 0:
                            helped(conn, bank.first, luck.choice(codes), 7, NOW - (40 + step) * DAY)
                        case 1:
                            books.expire_due(conn, NOW + luck.randrange(2) * 700 * DAY)
                        case 2:
                            reverse_any(conn, bank, luck)
                        case 3:
                            spend_or_cancel(conn, bank, luck)
                        case _:
                            books.transfer(
                                conn, bank.first, giver, taker, luck.randrange(1, 90), f"c/{number}/{step}", NOW
                            )
                except (ProvisioningError, psycopg.OperationalError) as error:
                    if isinstance(error, errors.DeadlockDetected):
                        odd.append(error)
                    if conn.closed:
                        return
                except BaseException as error:
                    odd.append(error)
                    return

    threads = [threading.Thread(target=act, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    for number in (1, 2):
        bank.conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (f"crowd-{number}",)
        )
    # a process that is killed in the middle of a transfer
    giver, taker = bank.holder(codes[0]).account_id, bank.holder(codes[1]).account_id
    half = """
import psycopg, signal, sys
c = psycopg.connect(sys.argv[1])
c.execute("INSERT INTO time_transaction (id, at, kind, request_key)"
          " VALUES (gen_random_uuid(), now(), 'transfer', 'half')")
c.execute("INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on) SELECT id, %s, 5, current_date"
          " FROM time_transaction WHERE request_key = 'half'", (sys.argv[2],))
print("in", flush=True)
signal.pause()
"""
    with subprocess.Popen(
        [sys.executable, "-c", half, bank.url, str(taker)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        process.kill()
    for thread in threads:
        thread.join()
    assert odd == []
    assert giver
    assert bank.conn.execute("SELECT count(*) FROM time_transaction WHERE request_key = 'half'").fetchone() == (0,)
    assert verify(bank.conn).faults == ()


def put_rules(conn: psycopg.Connection[Any], text: str) -> None:
    conn.execute(
        "INSERT INTO rule_book (subject, version, text, valid_from, note, set_at)"
        " SELECT 'time_bank', coalesce(max(version), 0) + 1, %s, '2000-01-01', '', now() FROM rule_book"
        " WHERE subject = 'time_bank'", (text,),
    )  # fmt: skip


def reverse_last(conn: psycopg.Connection[Any], bank: Bank, of: list[Holder]) -> dict[str, int]:
    """Reverse the newest booking that is not one; how the accounts changed."""
    row = conn.execute("SELECT max(number) FROM time_transaction WHERE kind NOT IN ('reverse', 'refund')").fetchone()
    assert row
    before = {one.address: holders.balance(conn, one.account_id) for one in of}
    books.ask_reversal(conn, bank.first, row[0], "录入错误", NOW)
    legs = books.legs_of(conn, conn.execute("SELECT id FROM time_transaction WHERE number = %s", row).fetchone()[0])  # type: ignore[index]
    books.decide_reversal(conn, bank.second, row[0], NOW, agreed=True)
    changed = {one.address: -sum(leg.minutes for leg in legs if leg.account == one.account_id) for one in of}
    after = {one.address: holders.balance(conn, one.account_id) for one in of}
    assert after == {address: before[address] + change for address, change in changed.items()}
    return changed


def earn_anew(conn: psycopg.Connection[Any], bank: Bank, minutes: int) -> int:
    """Earn the newest reversed help of the volunteer anew, by two people; the minutes, and 0 where none is."""
    row = conn.execute(
        "SELECT t.number FROM time_transaction t JOIN time_request q ON q.id = t.request_id"
        " JOIN time_volunteer v ON v.id = q.volunteer_id WHERE t.kind = 'earn' AND v.code = %s AND EXISTS"
        " (SELECT FROM time_transaction b WHERE b.reverses_id = t.id) ORDER BY t.number DESC LIMIT 1", (bank.code,),
    ).fetchone()  # fmt: skip
    if row is None:
        return 0
    correcting.ask(conn, bank.first, row[0], minutes, "实际时长", NOW)
    with pytest.raises(NotPermittedError, match="second person"):
        correcting.decide(conn, bank.first, row[0], NOW, agreed=True)
    correcting.decide(conn, bank.second, row[0], NOW, agreed=True)
    return minutes


def test_minutes_that_were_reversed_are_earned_anew_once_by_two_people(bank: Bank) -> None:
    conn, code = bank.conn, volunteer(bank.conn, bank.first, NOW, "纪姨")
    request = helped(conn, bank.first, code, 60, NOW - 15 * DAY)

    def newest() -> int:
        rows = conn.execute("SELECT max(number) FROM time_transaction WHERE request_id = %s", (request,)).fetchone()
        assert rows
        return int(rows[0])

    first = newest()
    with pytest.raises(ProvisioningError, match="were not reversed"):
        correcting.ask(conn, bank.first, first, 40, "只有四十分钟", NOW)
    for right, times in ((40, 1), (50, 2)):
        number = newest()
        books.ask_reversal(conn, bank.first, number, "时长有误", NOW)
        books.decide_reversal(conn, bank.second, number, NOW, agreed=True)
        assert bank.balance(code) == 0
        conn.execute("SELECT time_earn(%s, now())", (request,))
        assert bank.balance(code) == 0, "not by the first confirmation again"
        correcting.ask(conn, bank.second, number, 99, "写错了", NOW)
        with pytest.raises(ChangedMeanwhileError):
            correcting.ask(conn, bank.first, number, right, "老人和志愿者都这样说", NOW)
        correcting.decide(conn, bank.first, number, NOW, agreed=False)
        correcting.ask(conn, bank.second, number, right, "老人和志愿者都这样说", NOW)
        correcting.decide(conn, bank.first, number, NOW, agreed=True)
        for _ in range(2):
            conn.execute("SELECT time_earn(%s, now())", (request,))
        assert bank.balance(code) == right
        found = correcting.look(conn, number)
        assert found is not None
        assert (found.may, [one.agreed for one in found.corrections]) == (False, [False, True])
        with pytest.raises(ProvisioningError, match="earned anew since"):
            correcting.ask(conn, bank.first, number, right, "再来", NOW)
        day = books.day_of(NOW - 15 * DAY)
        assert [lot.earned_on for lot in books.lots_of(conn, bank.holder(code)) if lot.minutes] == [day]
        rule, of_day = conn.execute(
            "SELECT q.rule, c.of_day FROM time_request q, time_credited(q.volunteer_id, q.rule, %s) c WHERE q.id = %s",
            (day, request),
        ).fetchone() or ("", 0)
        assert rule
        assert of_day == right, "the caps count what holds"
        assert conn.execute("SELECT count(*) FROM time_correction WHERE agreed AND request_id = %s",
                            (request,)).fetchone() == (times,)  # fmt: skip
    # past all of our functions, by the owner
    agreed = "SELECT max(id) FROM time_correction WHERE agreed"
    for attack in (
        f"UPDATE time_correction SET credited = 700 WHERE id = ({agreed})",
        "DELETE FROM time_correction",
        "INSERT INTO time_correction (request_id, after_id, minutes, reason, asked_by, asked_at, decided_by,"
        " decided_at, agreed, credited) SELECT request_id, after_id, 60, 'x', asked_by, now(), decided_by, now(), true,"
        f" 60 FROM time_correction WHERE id = ({agreed})",
    ):
        with pytest.raises((errors.RaiseException, errors.UniqueViolation)):
            conn.execute(attack.encode())
    for key in (f"earn/{request}/x", f"earn/{request}/1"):
        with pytest.raises(errors.CheckViolation), conn.transaction():
            conn.execute(
                "WITH t AS (INSERT INTO time_transaction (id, at, kind, request_key, request_id)"
                " VALUES (gen_random_uuid(), now(), 'earn', %s, %s) RETURNING id)"
                " INSERT INTO time_entry (transaction_id, account_id, minutes, earned_on)"
                " SELECT t.id, e.account_id, sign(e.minutes) * q.credited, e.earned_on FROM t, time_entry e"
                " JOIN time_transaction o ON o.id = e.transaction_id JOIN time_request q ON q.id = o.request_id"
                " WHERE o.number = %s", (key, request, first),
            )  # fmt: skip
    assert verify(conn).faults == ()


def test_who_helped_whom_a_viewer_sees_follows_the_residents_home(bank: Bank) -> None:
    """A volunteer of another street is seen where somebody they helped lives, at once, and no longer."""
    conn = bank.conn
    with conn.transaction(force_rollback=True):
        code = volunteer(conn, bank.first, NOW, "远姨", area=C2)
        helped(conn, bank.first, code, 30, NOW - 5 * DAY)  # of R1, in the street of the station
        seen = "SELECT v.code = %s FROM viewer_helpers() v_ JOIN time_volunteer v ON v.id = v_"

        def is_seen() -> bool:
            return (True,) in conn.execute(seen, (code,)).fetchall()

        session = sessions.open_session(conn, account(conn, "station"), "127.0.0.1", NOW)
        conn.execute("SELECT set_config(%s, %s, true)", (SETTING, session))
        assert is_seen()
        own = bank.holder(code).account_id
        assert (own,) in conn.execute("SELECT viewer_time_accounts()").fetchall()
        to = "UPDATE household SET area_id = (SELECT id FROM area WHERE path = %s) WHERE id ="
        to += " (SELECT household_id FROM resident WHERE code = 'R1')"
        conn.execute(to.encode(), (C2,))
        assert not is_seen()
        assert (own,) not in conn.execute("SELECT viewer_time_accounts()").fetchall()
        helped(conn, bank.first, code, 30, NOW - 4 * DAY)
        conn.execute("DELETE FROM time_helped_area")  # whatever was written down of the areas before
        conn.execute(to.encode(), (C1,))
        assert is_seen(), "a move is written down, too"


Step = tuple[str, int, int]


@settings(max_examples=6, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(("transfer", "gift", "donate", "grant", "earn", "spend", "cancel", "expire", "reverse",
                             "anew", "year end")),
            st.integers(0, 1), st.integers(-3, 130),
        ),
        min_size=1, max_size=9,
    )
)  # fmt: skip
def test_whatever_is_done_the_books_hold(bank: Bank, steps: list[Step]) -> None:
    """Every booking changes the balances of a model in the same way, or is refused and changes nothing."""
    conn: psycopg.Connection[Any] = bank.conn
    with conn.transaction(force_rollback=True):
        for one in (bank.code, bank.senior):
            holders.opened(conn, bank.holder(one))
        two, pool = [bank.holder(bank.code), bank.holder(bank.senior)], bank.holder("gift_pool")
        model = {one.address: holders.balance(conn, one.account_id) for one in (*two, pool)}
        rules = limits.SUBJECT.default.replace("months = 36", "year_ends = 2")
        year_end = dt.datetime(NOW.year, 1, 1, tzinfo=SHANGHAI)
        put_rules(conn, rules)
        asked_for: list[tuple[int, int]] = []

        def old(one: Holder, moment: dt.datetime) -> int:
            before = books.expired_before(conn, moment)
            assert before
            return sum(lot.minutes for lot in books.lots_of(conn, one) if lot.earned_on < before)

        for number, (what, who, minutes) in enumerate(steps):
            giver, taker = two[who], two[1 - who]
            from_ = {"grant": pool, "spend": two[1]}.get(what, giver)
            lapsed = old(from_, NOW) if what in ("transfer", "gift", "donate", "grant", "spend") else 0
            try:
                with conn.transaction():
                    key = f"any/{number}"
                    if what == "transfer":
                        books.transfer(conn, bank.first, giver, taker, minutes, key, NOW)
                        moved = {giver.address: -minutes, taker.address: minutes}
                    elif what == "gift":
                        books.give(conn, bank.first, giver, taker, minutes, "sibling", "户口簿", key, NOW)
                        moved = {giver.address: -minutes, taker.address: minutes}
                    elif what == "donate":
                        books.transfer(conn, bank.first, giver, pool, minutes, key, NOW)
                        moved = {giver.address: -minutes, pool.address: minutes}
                    elif what == "grant":
                        books.transfer(conn, bank.first, pool, taker, minutes, key, NOW)
                        moved = {pool.address: -minutes, taker.address: minutes}
                    elif what == "earn":
                        helped(conn, bank.first, bank.code, max(5, minutes), NOW - (200 + 170 * number) * DAY)
                        moved = {two[0].address: max(5, minutes)}
                    elif what == "spend":
                        one = asked(conn, bank.first, NOW, minutes=str(minutes), paid_by="hours", resident="R2")
                        asked_for.append((one, minutes))
                        moved = {two[1].address: -minutes}
                    elif what == "cancel" and asked_for:
                        one, back = asked_for.pop()
                        found = store.find(conn, bank.first, one)
                        assert ending.cancel(conn, bank.first, one, "不需要了", found.version, NOW) == back
                        moved = {two[1].address: back}
                    elif what == "reverse" and number:
                        moved = reverse_last(conn, bank, [*two, pool])
                    elif what == "anew":
                        moved = {two[0].address: earn_anew(conn, bank, max(5, minutes))}
                    elif what == "year end":
                        second = dt.timedelta(seconds=1)
                        assert books.expired_before(conn, year_end - second) == dt.date(year_end.year - 3, 1, 1)
                        assert books.expired_before(conn, year_end) == dt.date(year_end.year - 2, 1, 1)
                        for moment in (year_end - second, year_end):
                            gone = {one.address: old(one, moment) for one in (*two, pool)}
                            assert books.expire_due(conn, moment) == sum(gone.values())
                            for address, minutes_ in gone.items():
                                model[address] -= minutes_
                        moved = {}
                    else:
                        moved = {one.address: -old(one, NOW) for one in (*two, pool)}
                        assert books.expire_due(conn, NOW) == -sum(moved.values())
            except ProvisioningError:
                moved, lapsed = {}, 0
            model[from_.address] -= lapsed  # a booking draws on nothing that is old, and lets it expire
            for address, change in moved.items():
                model[address] += change
            assert model == {one.address: holders.balance(conn, one.account_id) for one in (*two, pool)}, (
                what,
                minutes,
            )
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as a commit would: checked and sealed
        assert verify(conn).faults == ()
