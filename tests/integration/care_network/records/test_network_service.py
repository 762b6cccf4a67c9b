"""The care network's service on a real database: roles, areas, versions, the audit, the tree, locations."""

import datetime as dt
import threading
from collections.abc import Iterator

import psycopg
import pytest

from care_network.access.permissions import in_area
from care_network.errors import (
    ChangedMeanwhileError,
    ExistsError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
    StillUsedError,
)
from care_network.matching import locations
from care_network.records.contacts import family_of
from care_network.records.kinds import KINDS
from care_network.records.network import parse_key
from care_network.records.registry import load_registry
from care_network.records.store import Stored
from tests.support.network import AREAS, C1, C2, NOW, account, build_city, network

pytestmark = pytest.mark.integration

NEW = {
    "area": {"path": "sz.yt.hs.pw.c9", "level": "compound", "name_zh": "苑", "name_en": "Court"},
    "organisation": {"code": "pt", "area": C1, "kind": "compound_point", "name_zh": "点", "name_en": "Point"},
    "household": {"code": "H9", "area": C1, "address_zh": "9号", "address_en": "No. 9"},
    "resident": {
        "code": "R9", "household": "H1", "name_zh": "王", "name_en": "Wang", "sex": "female",
        "birth_date": "1941-02-03",
    },
    "gateway": {"name": "gw-9", "household": "H1"},
    "device": {"gateway": "gw-1", "name": "pulse", "model": "nonin-3230", "resident": "R1"},
    "contact": {
        "resident": "R1", "phone": "0755-1", "name_zh": "陈女士", "name_en": "Ms Chen", "relation_zh": "女儿",
        "relation_en": "daughter", "call_order": 1, "login": "daughter",
    },
    "staff": {"code": "S9", "organisation": "center-1", "kind": "nurse", "name_zh": "赵", "name_en": "Zhao"},
    "certificate": {"staff": "S1", "kind": "first_aid", "expires_on": "2099-01-31"},
    "shift": {
        "organisation": "center-1", "code": "early", "name_zh": "早", "name_en": "E", "starts": dt.time(7),
        "ends": dt.time(15),
    },
    "roster": {
        "staff": "S1", "organisation": "center-1", "shift": "night", "weekdays": [1, 2], "valid_from": "2026-11-01",
    },
    "exception": {
        "staff": "S1", "kind": "extra", "organisation": "center-1", "starts_at": "2026-11-02T08:00:00+08:00",
        "ends_at": "2026-11-02T12:00:00+08:00",
    },
}  # fmt: skip
CHANGES = {
    "area": {"name_zh": "新苑"}, "organisation": {"active": False},
    "resident": {"lives_alone": True, "preferred_language": "yue"},
    "household": {"floor": 5, "has_lift": False, "way_in": "东门", "key_safe": True},
    "device": {"room": "bedroom"}, "contact": {"has_key": True},
    "staff": {"skills": ["injection", "injection"]}, "certificate": {"number": "7"}, "shift": {"ends": dt.time(16)},
    "roster": {"weekdays": [7, 6]}, "exception": {"reason": "替班"},
}  # fmt: skip


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url) as conn:
        build_city(conn)
        conn.autocommit = True
        yield conn


def key(kind: str, stored: Stored) -> tuple[object, ...]:
    return tuple(getattr(stored.record, name) for name in KINDS[kind].key)


def test_every_kind_is_added_read_changed_and_removed(city: psycopg.Connection) -> None:
    assert set(NEW) == set(KINDS)
    admin = network(city, "admin")
    keys: dict[str, tuple[object, ...]] = {}
    for kind, fields in NEW.items():
        stored = admin.add(kind, fields)
        assert stored.version == 1
        keys[kind] = key(kind, stored)
        assert admin.get(kind, keys[kind]) == stored
        with pytest.raises(ExistsError, match="exists already"):
            admin.add(kind, fields)
    for kind, fields in CHANGES.items():
        before = admin.get(kind, keys[kind])
        after = admin.change(kind, keys[kind], before.version, fields)
        assert (after.version, after.id) == (2, before.id)
        assert after.record != before.record
        with pytest.raises(ChangedMeanwhileError, match="read it again"):
            admin.change(kind, keys[kind], before.version, fields)
        with pytest.raises(ChangedMeanwhileError):
            admin.remove(kind, keys[kind], before.version)
    for kind in reversed(NEW):
        admin.remove(kind, keys[kind], admin.get(kind, keys[kind]).version)
        with pytest.raises(NotFoundError):
            admin.get(kind, keys[kind])
    assert load_registry(city).residents.keys() == {1, 2}


def test_what_others_need_stays(city: psycopg.Connection) -> None:
    admin = network(city, "admin")
    admin.add("roster", NEW["roster"])
    for kind, name, words in [
        ("area", (C1,), "still used by"), ("area", ("sz.yt.hs",), "areas below"), ("household", ("H1",), "still used"),
        ("organisation", ("center-1",), "still used"), ("shift", ("center-1", "night"), "still used by roster"),
    ]:  # fmt: skip
        with pytest.raises(StillUsedError, match=words):
            admin.remove(kind, name, 1)


def test_a_removed_residents_traces_stay(city: psycopg.Connection) -> None:
    admin = network(city, "admin")
    admin.get("resident", ("R1",))
    admin.add("contact", NEW["contact"])
    number = city.execute("SELECT id FROM resident WHERE code = 'R1'").fetchone()
    assert number is not None
    admin.remove("resident", ("R1",), 1)
    rows = city.execute("SELECT action, resident_id, detail FROM audit ORDER BY id").fetchall()
    assert [(row[0], row[1]) for row in rows] == [
        ("view_resident", number[0]), ("add_contact", number[0]), ("remove_resident", None),
    ]  # fmt: skip
    assert [row[2].get("removed_resident") for row in rows] == [None, None, number[0]]


def test_each_role_does_its_own(city: psycopg.Connection) -> None:
    for login, kind, fields in [
        ("carer", "staff", NEW["staff"]), ("carer", "resident", NEW["resident"]),
        ("dispatcher", "resident", NEW["resident"]), ("daughter", "contact", NEW["contact"]),
    ]:  # fmt: skip
        with pytest.raises(NotPermittedError, match="may not"):
            network(city, login).add(kind, fields)
    for login, kind in [("carer", "contact"), ("dispatcher", "staff"), ("dispatcher", "roster")]:
        network(city, login).add(kind, NEW[kind])
    for kind in KINDS:
        with pytest.raises(NotPermittedError):
            network(city, "daughter").list(kind)


def test_nobody_reaches_beyond_their_own_area(city: psycopg.Connection) -> None:
    other = network(city, "carer-ms")
    with pytest.raises(NotPermittedError, match=r"not in carer-ms's area sz\.yt\.ms"):
        other.add("contact", NEW["contact"])
    for act in (
        lambda: other.get("resident", ("R1",)),
        lambda: other.change("contact", ("R1", "0755-1"), 1, {"has_key": True}),
        lambda: network(city, "admin-hs").remove("resident", ("R2",), 1),
    ):
        with pytest.raises(NotFoundError, match="in your area"):
            act()
    with pytest.raises(NotPermittedError):
        network(city, "admin-hs").change("household", ("H1",), 1, {"area": C2})
    with pytest.raises(NotPermittedError):
        other.list("staff", "sz.yt")
    assert [key("staff", one) for one in other.list("staff")] == [("S2",)]


def test_the_tree_below_an_area_is_what_its_path_says(city: psycopg.Connection) -> None:
    for login in ("admin", "admin-hs", "carer-ms"):
        who = account(city, login)
        assert who.area_path is not None
        for path, _ in AREAS:
            below = [p for p, _ in AREAS if p == path or p.startswith(path + ".")]
            row = city.execute("SELECT %s::ltree <@ %s::ltree", (path, who.area_path)).fetchone()
            assert row == (in_area(who, path),)
            if in_area(who, path):
                assert [one.path for one in network(city, login).list("area", path)] == sorted(below)


def test_refusals_name_the_field_in_both_languages(city: psycopg.Connection) -> None:
    admin = network(city, "admin")
    for kind, change, field, words in [
        ("organisation", {"kind": "district_center"}, "area", "stands at the level district"),
        ("organisation", {"longitude": 1.0}, "longitude", "or neither"),
        ("resident", {"birth_date": "2027-01-01"}, "birth_date", "nobody alive"),
        ("resident", {"household": "H404"}, "household", "no household"),
        ("device", {"model": "toaster"}, "model", "toaster"),
        ("device", {"resident": "R2"}, "resident", "another household"),
        ("contact", {"login": "carer"}, "login", "family account"),
        ("contact", {"call_order": 0}, "call_order", "call_order"),
        ("contact", {"phone": "x"}, "phone", "phone"),
        ("staff", {"skills": ["flying"]}, "skills", "'flying'"),
        ("staff", {"languages": ["tlh"]}, "languages", "'tlh'"),
        ("staff", {"login": "daughter"}, "login", "account of staff"),
        ("certificate", {"kind": "sheriff"}, "kind", "sheriff"),
        ("certificate", {"issued_on": "2099-02-01"}, "expires_on", "before it was issued"),
        ("roster", {"weekdays": []}, "weekdays", "weekdays"),
        ("roster", {"weekdays": [8]}, "weekdays", "weekdays"),
        ("roster", {"valid_until": "2026-10-01"}, "valid_until", "before it begins"),
        ("roster", {"shift": "early"}, "shift", "no shift"),
        ("exception", {"organisation": None}, "organisation", "names its organisation"),
        ("exception", {"ends_at": "2026-11-02T08:00:00+08:00"}, "ends_at", "before it begins"),
        ("exception", {"starts_at": "2026-11-02T08:00:00"}, "starts_at", "timezone"),
    ]:  # fmt: skip
        with pytest.raises(ProvisioningError, match=words) as refusal:
            admin.add(kind, {**NEW[kind], **change})
        assert refusal.value.field == field, (kind, change)
    with pytest.raises(NotFoundError, match="no kind"):
        admin.add("robot", {})
    with pytest.raises(NotFoundError, match="named gateway/name"):
        parse_key("device", "gw-1")
    with pytest.raises(ProvisioningError, match="code never changes"):
        admin.change("resident", ("R1",), 1, {"code": "R5"})


def test_a_resident_moves_without_the_old_homes_devices(city: psycopg.Connection) -> None:
    admin = network(city, "admin")
    admin.add("device", NEW["device"])
    with pytest.raises(ProvisioningError, match="wears gw-1/pulse"):
        admin.change("resident", ("R1",), 1, {"household": "H2"})
    admin.change("device", ("gw-1", "pulse"), 1, {"resident": None})
    assert admin.change("resident", ("R1",), 1, {"household": "H2"}).path == C2


def test_two_contacts_never_share_a_place(city: psycopg.Connection) -> None:
    carer = network(city, "carer")
    carer.add("contact", NEW["contact"])
    with pytest.raises(ExistsError, match="order of calling"):
        carer.add("contact", {**NEW["contact"], "phone": "0755-2", "login": None})
    carer.add("contact", {**NEW["contact"], "phone": "0755-2", "login": None, "call_order": 2})
    with pytest.raises(ExistsError, match="order of calling"):
        carer.change("contact", ("R1", "0755-2"), 1, {"call_order": 1})


def test_only_contacts_with_consent_are_called_in_their_order(city: psycopg.Connection) -> None:
    carer = network(city, "carer")
    resident = carer.get("resident", ("R1",)).id
    for order, phone, consent in [(3, "0755-3", NOW), (1, "0755-1", NOW), (2, "0755-2", None)]:
        carer.add(
            "contact", {**NEW["contact"], "call_order": order, "phone": phone, "consent_at": consent, "login": None}
        )
    home = city.execute("SELECT id FROM household WHERE code = 'H1'").fetchone()
    assert home is not None
    assert [one.phone for one in family_of(city, home[0], resident, NOW)] == ["0755-1", "0755-3"]
    assert not family_of(city, home[0], resident, NOW - dt.timedelta(seconds=1))
    carer.change("contact", ("R1", "0755-1"), 1, {"consent_at": None})
    assert [one.phone for one in family_of(city, home[0], resident, NOW)] == ["0755-3"]


def test_of_two_at_once_one_is_told(city: psycopg.Connection, database_url: str) -> None:
    answers: list[str] = []

    def act(number: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as conn:
            try:
                network(conn, "admin").change("household", ("H1",), 1, {"phone": f"0755-{number}"})
                answers.append("done")
            except ChangedMeanwhileError as error:
                answers.append(error.code)

    threads = [threading.Thread(target=act, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == ["changed_meanwhile"] * 3 + ["done"]


def test_every_look_at_a_resident_and_every_change_leave_a_trace(city: psycopg.Connection) -> None:
    carer = network(city, "carer")
    stored = carer.add("contact", NEW["contact"])
    carer.change("contact", key("contact", stored), 1, {"phone": "0755-1", "has_key": True})
    carer.get("contact", key("contact", stored))
    carer.get("resident", ("R1",))
    carer.list("resident")
    carer.get("staff", ("S1",))
    rows = city.execute(
        "SELECT action, r.code, detail, origin FROM audit LEFT JOIN resident r ON r.id = resident_id ORDER BY audit.id"
    ).fetchall()
    assert [row[:2] for row in rows] == [
        ("add_contact", "R1"), ("change_contact", "R1"), ("view_contact", "R1"), ("view_resident", "R1"),
        ("list_resident", None),
    ]  # fmt: skip
    assert rows[1][2] == {"key": "R1", "version": 2, "fields": ["has_key"]}
    assert rows[4][2] == {"under": "sz.yt.hs", "count": 1}
    assert {row[3] for row in rows} == {"test"}


def test_a_location_is_shared_with_consent_and_forgotten_without(city: psycopg.Connection) -> None:
    carer = account(city, "carer")
    staff = network(city, "carer").get("staff", ("S1",)).id
    with pytest.raises(NotPermittedError, match="agree"):
        locations.share(city, carer, 114.2, 22.5, 10, at=NOW)
    assert locations.sharing(city, carer) == locations.Sharing(None, None)
    with city.transaction():  # as one press of a button does it
        locations.consent(city, carer, True, at=NOW)
        locations.share(city, carer, 114.1, 22.4, 10, at=NOW)
    assert locations.sharing(city, carer) == locations.Sharing(NOW, NOW)
    assert locations.present_locations(city, [staff], NOW)[staff].longitude == 114.1
    locations.share(city, carer, 114.2, 22.5, 10, at=NOW + dt.timedelta(minutes=2))
    locations.share(city, carer, 114.9, 22.9, 10, at=NOW + dt.timedelta(minutes=1))  # late
    found = locations.present_locations(city, [staff], NOW + dt.timedelta(minutes=5))
    assert (found[staff].longitude, found[staff].at) == (114.2, NOW + dt.timedelta(minutes=2))
    assert not locations.present_locations(city, [staff], NOW + dt.timedelta(minutes=18))
    for wrong in [(200.0, 0.0, 1.0), (0.0, 0.0, -1.0), (float("nan"), 0.0, 1.0), (0.0, 0.0, float("inf"))]:
        with pytest.raises(ProvisioningError):
            locations.share(city, carer, *wrong, at=NOW)
    locations.consent(city, carer, False, at=NOW + dt.timedelta(minutes=6))
    assert city.execute("SELECT count(*) FROM staff_location").fetchone() == (0,)
    assert locations.sharing(city, carer) == locations.Sharing(None, None)
    assert locations.sharing(city, account(city, "admin")) is None
    assert locations.sharing(city, account(city, "dispatcher")) is None
    with pytest.raises(NotPermittedError):
        locations.share(city, account(city, "admin"), 114.2, 22.5, 10, at=NOW)
    with pytest.raises(NotFoundError, match="no member of staff"):
        locations.consent(city, account(city, "dispatcher"), True, at=NOW)
