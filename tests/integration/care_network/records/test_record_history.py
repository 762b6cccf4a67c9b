"""The history of records: who changed what, a record and a list as of any moment, and a change taken back."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from care_network.access import sessions
from care_network.errors import (
    ChangedMeanwhileError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
    StillUsedError,
)
from care_network.records.history import changes
from care_network.records.kinds import KINDS
from care_network.records.listing.paging import FILTERS, Wanted
from care_network.records.network import Network
from care_network.records.store import key_of
from database.rights.roles import create_roles, renew_grants
from tests.integration.care_network.records.test_network_service import NEW
from tests.support.databases import of_service
from tests.support.network import C1, NOW, account, build_city, network

pytestmark = pytest.mark.integration

WATCHED = ("household", "resident", "contact", "staff", "certificate", "device", "gateway", "area")
HOMES, PEOPLE = ("HA", "HB"), ("RA", "RB")


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as found:
        build_city(found)
        yield found


def clock(conn: psycopg.Connection) -> dt.datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    moment: dt.datetime = row[0]
    return moment


def whole(network: Network, as_of: dt.datetime | None = None) -> dict[str, dict[str, Any]]:
    return {kind: {key_of(KINDS[kind], one): one for one in network.list(kind, as_of=as_of)} for kind in WATCHED}


def change_of(conn: psycopg.Connection, kind: str, key: str) -> int:
    return changes.of_record(conn, KINDS[kind], tuple(key.split("/")))[0].id


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("home"), st.sampled_from(HOMES), st.integers(1, 9)),
        st.tuples(st.just("person"), st.sampled_from(PEOPLE), st.sampled_from((*HOMES, "H1"))),
        st.tuples(st.just("contact"), st.sampled_from((*PEOPLE, "R1")), st.sampled_from(("0755-1", "0755-2"))),
        st.tuples(st.just("worn"), st.sampled_from((None, "R1")), st.sampled_from(("bedroom", "kitchen"))),
        st.tuples(st.just("papers"), st.sampled_from(("first_aid", "health")), st.dates(NOW.date())),
        st.tuples(st.just("remove"), st.sampled_from(WATCHED), st.integers(0, 3)),
    ),
    max_size=12,
)  # fmt: skip


def put(network: Network, kind: str, key: tuple[str, ...], fields: dict[str, Any]) -> None:
    """Add the record, or change the one that is there."""
    try:
        there = network.get(kind, key)
    except NotFoundError:
        network.add(kind, dict(zip(KINDS[kind].key, key, strict=True)) | fields)
    else:
        network.change(kind, key, there.version, fields)


def take(network: Network, step: tuple[Any, ...]) -> None:
    what, one, other = step
    person = {"name_zh": "王", "name_en": "Wang", "sex": "female", "birth_date": "1941-02-03"}
    relative = {"name_zh": "女", "name_en": "D", "relation_zh": "女儿", "relation_en": "daughter"}
    try:
        if what == "home":
            put(network, "household", (one,), {"area": C1, "address_zh": f"{other}号", "address_en": f"{other} Rd"})
        elif what == "person":
            put(network, "resident", (one,), person | {"household": other})
        elif what == "contact":
            put(network, "contact", (one, other), relative | {"call_order": int(other[-1])})
        elif what == "worn":
            put(network, "device", ("gw-1", "pulse"), {"model": "nonin-3230", "resident": one, "room": other})
        elif what == "papers":
            put(network, "certificate", ("S1", one), {"expires_on": other})
        else:
            there = network.list(one)
            if there:
                chosen = there[other % len(there)]
                fields = msgspec.structs.asdict(chosen.record)
                network.remove(one, KINDS[one].key_of(fields), chosen.version)
    except (NotFoundError, StillUsedError):
        pass  # a home that is not there yet, or one that is lived in: nothing was changed


def test_every_moment_is_as_it_was(conn: psycopg.Connection) -> None:
    admin = network(conn, "admin")

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(STEPS)
    def check(steps: list[tuple[Any, ...]]) -> None:
        with conn.transaction(force_rollback=True):
            seen = [(clock(conn), whole(admin))]
            for step in steps:
                take(admin, step)
                seen.append((clock(conn), whole(admin)))
            for moment, then in seen:
                assert whole(admin, moment) == then

    check()


def test_a_change_names_who_and_what_and_nothing_twice(conn: psycopg.Connection) -> None:
    admin = network(conn, "admin")
    stored = admin.change("resident", ("R1",), 1, {"ability_grade": "severe", "lives_alone": True})
    newest, added = admin.history("resident", ("R1",))
    assert (newest.operation, newest.login, newest.origin, newest.version) == (
        "change",
        "admin",
        "test",
        stored.version,
    )
    assert newest.before == {"ability_grade": None, "lives_alone": None, "version": 1}
    assert newest.after == {"ability_grade": "severe", "lives_alone": True, "version": 2}
    assert (added.operation, added.before, added.after, added.login) == ("add", None, None, None)
    line = conn.execute("SELECT action, detail FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    assert line == ("history_resident", {"key": "R1", "count": 2})


def test_what_a_gateway_says_and_where_somebody_is_are_no_history(conn: psycopg.Connection) -> None:
    before = conn.execute("SELECT count(*) FROM record_change").fetchone()
    conn.execute("UPDATE gateway SET state = 'online', state_at = now(), status = '{}'")
    conn.execute("UPDATE staff SET location_consent_at = now()")
    assert conn.execute("SELECT count(*) FROM record_change").fetchone() == before
    conn.execute("UPDATE gateway SET version = version + 1, status = '{\"secret\": 1}' WHERE name = 'gw-1'")
    row = conn.execute("SELECT after FROM record_change ORDER BY id DESC LIMIT 1").fetchone()
    assert row == ({"version": 2},)


def test_no_column_of_a_record_is_recorded_unseen(conn: psycopg.Connection) -> None:
    """A new column of a record's table goes into the history: whoever adds one decides here that it may."""
    known = {name for kind in KINDS.values() for name in kind.record.__struct_fields__}
    beside = {
        "id", "version", "area_id", "household_id", "resident_id", "gateway_id", "organisation_id", "staff_id",
        "shift_id", "account_id", "retired_at", "retired_why", "replaced_by",
    }  # fmt: skip
    left_out = {
        "synthetic", "state", "state_at", "status", "registered_at", "location_consent_at", "gone",
        "gone_on", "sent_until",
    }  # fmt: skip
    tables = [kind.table for kind in KINDS.values()]
    rows = conn.execute(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name = ANY (%s)", (tables,),
    ).fetchall()  # fmt: skip
    new = [row[0] for row in rows if row[0].partition(".")[2] not in known | beside | left_out]
    assert not new, "leave it out in the trigger (note_record_change) where it is secret or no part of the record"


def test_before_the_history_everything_is_unknown(conn: psycopg.Connection) -> None:
    early = changes.since(conn) - dt.timedelta(seconds=1)
    for look in (
        lambda: network(conn, "admin").get("resident", ("R1",), early),
        lambda: network(conn, "admin").page("resident", Wanted(under="", today=NOW.date(), as_of=early)),
    ):
        with pytest.raises(ProvisioningError, match="unknown: the history begins at") as refused:
            look()
        assert refused.value.field == "as_of"


def test_a_change_is_taken_back_once_by_whoever_made_it_within_the_time(conn: psycopg.Connection) -> None:
    admin = network(conn, "admin")
    before = admin.get("resident", ("R1",)).record
    admin.change("resident", ("R1",), 1, {"ability_grade": "severe", "languages": ["yue"]})
    number = change_of(conn, "resident", "R1")
    with pytest.raises(NotFoundError, match="no such change of yours"):
        network(conn, "admin-hs").undo(number)
    assert changes.undoable(conn, account(conn, "admin"), KINDS["resident"], ("R1",)) is not None
    assert changes.undoable(conn, account(conn, "admin-hs"), KINDS["resident"], ("R1",)) is None
    admin.undo(number)
    assert admin.get("resident", ("R1",)).record == before
    with pytest.raises(ChangedMeanwhileError):
        admin.undo(number)
    admin.change("resident", ("R1",), 3, {"lives_alone": True})
    number = change_of(conn, "resident", "R1")
    network(conn, "admin-hs").change("resident", ("R1",), 4, {"on_oxygen": True})
    with pytest.raises(ChangedMeanwhileError, match="was changed since"):
        admin.undo(number)
    conn.execute("ALTER TABLE record_change DISABLE TRIGGER record_change_no_update")
    number = change_of(conn, "resident", "R1")
    conn.execute("UPDATE record_change SET at = at - interval '31 s' WHERE id = %s", (number,))
    with pytest.raises(ProvisioningError, match="30 s in which it could be taken back are over"):
        network(conn, "admin-hs").undo(number)


def test_an_added_and_a_removed_record_are_taken_back(conn: psycopg.Connection) -> None:
    admin = network(conn, "admin")
    for kind in (name for name in NEW if name != "roster"):
        added = admin.add(kind, NEW[kind])
        key = KINDS[kind].key_of(msgspec.structs.asdict(added.record))
        admin.remove(kind, key, added.version)
        admin.undo(changes.of_record(conn, KINDS[kind], key)[0].id)
        assert admin.get(kind, key).record == added.record, kind
        again = changes.of_record(conn, KINDS[kind], key)[0]
        admin.undo(again.id)
        with pytest.raises(NotFoundError):
            admin.get(kind, key)


def test_a_resident_comes_back_with_the_contacts(conn: psycopg.Connection) -> None:
    admin = network(conn, "admin")
    admin.add("resident", NEW["resident"])
    contact = NEW["contact"] | {"resident": "R9", "consent_at": "2026-11-01T10:00:00+08:00"}
    stored = admin.add("contact", contact)
    admin.remove("resident", ("R9",), 1)
    assert [one.operation for one in admin.history("contact", ("R9", "0755-1"))] == ["remove", "add"]
    admin.undo(change_of(conn, "resident", "R9"))
    assert admin.get("contact", ("R9", "0755-1")).record == stored.record


def test_a_street_sees_the_history_of_its_own_records_alone(conn: psycopg.Connection) -> None:
    admin = network(conn, "admin")
    admin.add("household", NEW["household"])
    admin.remove("household", ("H9",), 1)
    assert len(network(conn, "admin-hs").history("household", ("H9",))) == 2
    for key in ("H9", "H2"):
        with pytest.raises(NotFoundError):
            network(conn, "carer-ms" if key == "H9" else "admin-hs").history("household", (key,))
    with pytest.raises(NotPermittedError):
        network(conn, "daughter").history("household", ("H1",))


def test_nobody_but_the_triggers_writes_the_history(conn: psycopg.Connection, database_url: str) -> None:
    with psycopg.connect(of_service(database_url, "console"), autocommit=True) as console:
        session = sessions.open_session(conn, account(conn, "admin"), "127.0.0.1", dt.datetime.now(dt.UTC))
        console.execute("SELECT set_config('shouwang.viewer', %s, false)", (session,))
        console.execute("UPDATE resident SET lives_alone = true, version = version + 1 WHERE code = 'R1'")
        assert console.execute("SELECT operation FROM record_change ORDER BY id DESC LIMIT 1").fetchone() == ("change",)
        for attack in (
            "DELETE FROM record_change", "UPDATE record_change SET account_id = 1", "TRUNCATE record_change",
            "INSERT INTO record_change (record, row_id, key, operation, version) VALUES ('area', 1, 'sz', 'add', 1)",
            "UPDATE record_history SET since = now()", "SELECT drop_old_record_changes()",
        ):  # fmt: skip
            with pytest.raises(errors.InsufficientPrivilege):
                console.execute(attack.encode())
    for attack in ("DELETE FROM record_change", "UPDATE record_change SET account_id = 1", "TRUNCATE record_change"):
        with pytest.raises(errors.RaiseException):
            conn.execute(attack.encode())


def test_the_history_goes_after_five_years(conn: psycopg.Connection) -> None:
    conn.execute("ALTER TABLE record_change DISABLE TRIGGER record_change_no_update")
    conn.execute("UPDATE record_history SET since = now() - interval '6 years'")
    conn.execute("UPDATE record_change SET at = now() - interval '5 years 1 day' WHERE key = 'R1'")
    conn.execute("SELECT drop_old_record_changes()")
    assert conn.execute("SELECT count(*) FROM record_change WHERE key = 'R1'").fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM record_change WHERE key = 'R2'").fetchone() == (1,)
    assert changes.since(conn) < dt.datetime.now(dt.UTC) - dt.timedelta(days=1800)


def test_a_list_comes_page_by_page_searched_and_filtered(conn: psycopg.Connection) -> None:
    admin = network(conn, "admin")
    for number in range(7):
        admin.add(
            "resident", NEW["resident"] | {"code": f"Q{number}", "name_zh": f"王{number}%", "ability_grade": "mild"}
        )
    seen, after = [], ""
    while True:
        page = admin.page("resident", Wanted(under="", limit=3, after=after, today=NOW.date()))
        seen += [one.record.code for one in page.rows]
        if page.next is None:
            break
        after = page.next
    assert seen == [one.record.code for one in admin.list("resident")]

    def codes(login: str = "admin", **wanted: Any) -> list[str]:
        found = network(conn, login).page("resident", Wanted(under="", today=NOW.date(), **wanted))
        return [one.record.code for one in found.rows]

    assert codes(words="王3% h1") == ["Q3"]
    assert codes(words="3_") == []
    assert codes(filters={"ability_grade": "none"}) == ["R1", "R2"]
    assert codes(filters={"ability_grade": "mild", "lives_alone": "none"}, words="王0") == ["Q0"]
    assert codes("carer-ms") == ["R2"]
    with pytest.raises(ProvisioningError):
        codes(filters={"ability_grade": "mild", "nothing": "1"})
    row = conn.execute("SELECT detail FROM audit WHERE action = 'list_resident' ORDER BY id DESC OFFSET 1").fetchone()
    assert row is not None
    assert row[0]["count"] == 1


def test_every_filter_and_search_of_every_kind_is_a_query(conn: psycopg.Connection) -> None:
    admin = network(conn, "admin")
    for kind in NEW:
        if kind != "area":
            admin.add(kind, NEW[kind])
        wanted = Wanted(under="", words="a", today=NOW.date())
        admin.page(kind, wanted)
        admin.page(kind, msgspec.structs.replace(wanted, as_of=clock(conn)))
        for name, one in FILTERS.get(kind, {}).items():
            for value in one.sql:
                admin.page(kind, msgspec.structs.replace(wanted, filters={name: value or "x"}))
        with pytest.raises(ProvisioningError):
            admin.page(kind, msgspec.structs.replace(wanted, after="a/b/c/d/e"))


def test_rights_are_those_of_the_table(database_url: str, conn: psycopg.Connection) -> None:
    create_roles(conn, {})
    assert renew_grants(conn)
    with psycopg.connect(of_service(database_url, "maintain"), autocommit=True) as maintain:
        maintain.execute("SELECT drop_old_record_changes()")
