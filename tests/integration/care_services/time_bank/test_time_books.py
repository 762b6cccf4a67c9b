"""The ledger in a real database: nobody edits it, nobody overdraws it at once with others, and a command proves it."""

import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import errors

from care_network.access import sessions
from care_network.errors import ChangedMeanwhileError, ExistsError, NotPermittedError, ProvisioningError
from care_services.time_bank import books, holders, statement, store
from care_services.time_bank.holders import Holder
from care_services.time_bank.ledger import Leg, OverdrawnError
from care_services.time_bank.running import ending
from care_services.time_bank.verify import verify
from database.rights.row_security import SETTING
from tests.support.databases import Cluster, of_service
from tests.support.network import account
from tests.support.orders import staff_city
from tests.support.time_bank import asked, helped, managers, volunteer

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


@settings(max_examples=6, deadline=None)
@given(moves=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 130), st.booleans()), min_size=1, max_size=8))
def test_whatever_is_moved_the_books_hold(bank: Bank, moves: list[tuple[int, int, bool]]) -> None:
    conn: psycopg.Connection[Any] = bank.conn
    with conn.transaction(force_rollback=True):
        pool = bank.holder("gift_pool")
        for one in (bank.code, bank.senior):
            holders.opened(conn, bank.holder(one))
        two = [bank.holder(bank.code), bank.holder(bank.senior)]
        total = sum(bank.balance(one.code) for one in two) + holders.balance(conn, pool.account_id)
        for step, (giver, minutes, to_pool) in enumerate(moves):
            taker = pool if to_pool else two[1 - giver]
            there = holders.balance(conn, two[giver].account_id)
            try:
                books.transfer(conn, bank.first, two[giver], taker, minutes, f"any/{step}", NOW)
                assert minutes <= there
            except ProvisioningError as error:
                assert isinstance(error, OverdrawnError) == (minutes > there) or "cap" in error.message_en
        assert total == sum(bank.balance(one.code) for one in two) + holders.balance(conn, pool.account_id)
        row = conn.execute("SELECT min(minutes), count(*) FROM time_lot").fetchone()
        assert row is not None
        assert row[0] >= 0
