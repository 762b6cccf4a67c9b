"""Provisioning, the registry and the demonstration district on a real database."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

import psycopg
import pytest

from care_network.access.accounts import Account, account_by_login
from care_network.access.permissions import audit
from care_network.access.visible import may_see, visible_households, visible_residents
from care_network.demo.district import load_demo
from care_network.errors import ProvisioningError
from care_network.records import provisioning
from care_network.records.records import (
    NewAccount,
    NewArea,
    NewDevice,
    NewFamilyMember,
    NewGateway,
    NewHousehold,
    NewLimit,
    NewResident,
)
from care_network.records.registry import decode_registry, encode_registry, load_registry
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig

pytestmark = pytest.mark.integration

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MODEL = sorted(MODELS)[0]
WORN = next(name for name, model in sorted(MODELS.items()) if model.wearable)
FIXED = next(name for name, model in sorted(MODELS.items()) if model.transport == "esphome")


@dataclasses.dataclass(frozen=True)
class Home:
    gateway: str
    devices: Sequence[DeviceConfig]


def homes(count: int) -> list[Home]:
    devices = (DeviceConfig("pendant", WORN), DeviceConfig("radar", FIXED, room="bedroom"))
    return [Home(f"gw-yt-{number:04d}", devices) for number in range(1, count + 1)]


def account(conn: psycopg.Connection, login: str) -> Account:
    found = account_by_login(conn, login)
    assert found is not None
    return found


def test_the_demonstration_loads_once_and_grows(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        first = load_demo(conn, homes(8), now=NOW)
        assert (first.residents, first.gateways) == (9, 8)
        assert {login.role for login in first.logins} == {
            "admin", "dispatcher", "lead", "manager", "station", "carer", "auditor", "family", "provider",
        }  # fmt: skip
        conn.execute("UPDATE resident SET name_zh = '改名' WHERE code = 'R0001'")
        before = load_registry(conn)
        assert load_demo(conn, homes(8), now=NOW) == first
        assert load_registry(conn) == before
        assert len(load_demo(conn, homes(20), now=NOW).logins) == len(first.logins)
        registry = load_registry(conn)
    assert len(registry.gateways) == 20
    assert len(registry.residents) == 22
    assert registry.residents[min(registry.residents)].name_zh == "改名"


def test_the_demonstration_stays_out_of_a_database_in_real_use(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        provisioning.add_area(conn, NewArea("shenzhen", "city", "深圳市", "Shenzhen"))
        provisioning.add_account(
            conn,
            NewAccount(
                login="li.wei",
                password="a long password",
                name_zh="李伟",
                name_en="Li Wei",
                role="admin",
                area="shenzhen",
            ),
        )
        with pytest.raises(ProvisioningError, match="real use"):
            load_demo(conn, homes(1), now=NOW)


def test_the_registry_knows_whom_a_device_measures(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        load_demo(conn, homes(7), now=NOW)
    with psycopg.connect(database_url) as conn:
        registry = load_registry(conn)
        conn.execute("SELECT 1")
        assert load_registry(conn) == registry  # inside a transaction, too
    assert decode_registry(encode_registry(registry)) == registry
    alone = registry.resident_of("gw-yt-0001", "radar")
    assert alone is not None
    assert alone.code == "R0001"
    worn = registry.resident_of("gw-yt-0007", "pendant")
    assert worn is not None
    assert worn.code == "R0007"
    assert registry.resident_of("gw-yt-0007", "radar") is None  # a couple's room
    assert registry.resident_of("gw-yt-0001", "unheard-of") is None
    assert registry.device("gw-yt-0001", "gateway") is not None
    assert registry.resident_of("gw-yt-0001", "gateway") is None
    household = registry.households[registry.gateways["gw-yt-0007"].household_id]
    couple = [resident for resident in registry.residents.values() if resident.household_id == household.id]
    assert {resident.code for resident in couple} == {"R0007", "R0007-2"}
    labels = household.area_path.split(".")
    levels = [registry.areas[".".join(labels[:depth])].level for depth in range(1, len(labels) + 1)]
    assert levels == ["city", "district", "street", "community", "compound"]
    assert all(NOW.year - resident.birth_date.year >= 65 for resident in couple)
    athlete = registry.resident_of("gw-yt-0004", "pendant")
    assert athlete is not None
    own = {(s.place.resident_id, s.name): s.value for s in registry.tuning}
    assert own[athlete.id, "limit.heart_rate.low"] == 42


def test_each_role_sees_its_own(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        load_demo(conn, homes(9), now=NOW)
        everyone = set(load_registry(conn).residents)
        codes = {row[1]: row[0] for row in conn.execute("SELECT id, code FROM resident")}
        assert visible_residents(conn, account(conn, "dispatcher")) == everyone
        assert visible_residents(conn, account(conn, "admin")) == everyone
        shatoujiao = visible_residents(conn, account(conn, "carer"))
        assert shatoujiao == {codes["R0001"], codes["R0002"], codes["R0003"]}
        assert not shatoujiao & visible_residents(conn, account(conn, "carer-haishan"))
        family = account(conn, "family-0001")
        assert visible_residents(conn, family) == {codes["R0001"]}
        assert may_see(conn, family, codes["R0001"])
        assert not may_see(conn, family, codes["R0002"])
        assert not may_see(conn, family, 10**30)
        assert len(visible_households(conn, family)) == 1
        assert len(visible_households(conn, account(conn, "dispatcher"))) == 9


def test_withdrawn_consent_and_closed_accounts_end_at_once(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        load_demo(conn, homes(3), now=NOW)
        family, carer = account(conn, "family-0001"), account(conn, "carer")
        assert visible_residents(conn, family)
        conn.execute("DELETE FROM family_member")
        assert not visible_residents(conn, family)
        assert not visible_households(conn, family)
        later = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        provisioning.add_family_member(conn, NewFamilyMember("family-0001", "R0001", "女儿", "daughter", later))
        assert not visible_residents(conn, family)
        conn.execute("UPDATE account SET active = false WHERE login = 'carer'")
        assert not visible_residents(conn, carer)


def test_every_look_leaves_a_trace(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        load_demo(conn, homes(1), now=NOW)
        family = account(conn, "family-0001")
        resident = min(visible_residents(conn, family))
        audit(conn, family, "view_vitals", at=NOW, resident_id=resident, origin="127.0.0.1")
        audit(conn, family, "view_vitals", at=NOW, resident_id=424242)
        audit(conn, family, "view_vitals", at=NOW, resident_id=10**30)
        audit(conn, None, "login", at=NOW, detail={"login": "nobody"})
        rows = conn.execute("SELECT resident_id, detail FROM audit ORDER BY id").fetchall()
    assert rows[0] == (resident, {})
    assert rows[1] == (None, {"unknown_resident": "424242"})
    assert rows[2][1]["unknown_resident"].startswith("1000")
    assert rows[3] == (None, {"login": "nobody"})


@pytest.fixture
def household(database_url: str) -> str:
    with psycopg.connect(database_url) as conn:
        path = "sz"
        for level in ("city", "district", "street", "community", "compound"):
            provisioning.add_area(conn, NewArea(path, level, "地", "Place"))  # type: ignore[arg-type]
            path += ".a"
        provisioning.add_household(
            conn, NewHousehold(code="H1", area="sz.a.a.a.a", address_zh="路1号", address_en="1 Road")
        )
        provisioning.add_household(
            conn, NewHousehold(code="H2", area="sz.a.a.a.a", address_zh="路2号", address_en="2 Road")
        )
        for code, home in (("R1", "H1"), ("R2", "H2")):
            provisioning.add_resident(
                conn,
                NewResident(
                    code=code, household=home, name_zh="陈", name_en="Chen", sex="male", birth_date=dt.date(1940, 1, 1)
                ),
                NOW.date(),
            )
        provisioning.add_gateway(conn, NewGateway("gw-1", "H1"))
    return database_url


def test_a_refusal_says_what_to_do(household: str) -> None:
    born = dt.date(1940, 1, 1)
    with psycopg.connect(household) as conn:
        refusals = [
            ("above it first: sz.b", lambda: provisioning.add_area(conn, NewArea("sz.b.c", "street", "街", "St"))),
            ("directly below", lambda: provisioning.add_area(conn, NewArea("sz.c", "street", "街", "St"))),
            ("top of its path", lambda: provisioning.add_area(conn, NewArea("x", "street", "街", "St"))),
            ("exists already", lambda: provisioning.add_area(conn, NewArea("sz", "city", "市", "C"))),
            (
                "lies in a compound",
                lambda: provisioning.add_household(
                    conn, NewHousehold(code="H3", area="sz.a", address_zh="a", address_en="a")
                ),
            ),
            (
                "no area",
                lambda: provisioning.add_household(
                    conn, NewHousehold(code="H3", area="nowhere", address_zh="a", address_en="a")
                ),
            ),
            (
                "household",
                lambda: provisioning.add_household(
                    conn,
                    NewHousehold(code="H3", area="sz.a.a.a.a", address_zh="a", address_en="a", phone="", longitude=1.0),
                ),
            ),
            (
                "nobody alive",
                lambda: provisioning.add_resident(
                    conn,
                    NewResident(
                        code="R3",
                        household="H1",
                        name_zh="陈",
                        name_en="Chen",
                        sex="male",
                        birth_date=dt.date(2030, 1, 1),
                    ),
                    NOW.date(),
                ),
            ),
            (
                "no household",
                lambda: provisioning.add_resident(
                    conn,
                    NewResident(code="R3", household="H9", name_zh="陈", name_en="C", sex="male", birth_date=born),
                    NOW.date(),
                ),
            ),
            ("no model", lambda: provisioning.add_device(conn, NewDevice("gw-1", "d", "invented"))),
            (
                "falls are not detected at the wrist",
                lambda: provisioning.add_device(conn, NewDevice("gw-1", "d", "shouwang-pendant", "wrist")),
            ),
            ("no gateway", lambda: provisioning.add_device(conn, NewDevice("gw-9", "d", MODEL))),
            ("no resident", lambda: provisioning.add_device(conn, NewDevice("gw-1", "d", MODEL, "", "R9"))),
            ("another household", lambda: provisioning.add_device(conn, NewDevice("gw-1", "d", MODEL, "", "R2"))),
            ("no channel", lambda: provisioning.set_limit(conn, NewLimit("R1", "mood", "dr", 1.0), NOW)),
            ("not below", lambda: provisioning.set_limit(conn, NewLimit("R1", "heart_rate", "dr", 90.0, 50.0), NOW)),
            (
                "a number",
                lambda: provisioning.set_limit(conn, NewLimit("R1", "heart_rate", "dr", float("nan")), NOW),
            ),
            (
                "staff need an area",
                lambda: provisioning.add_account(
                    conn, NewAccount(login="a1", password="long enough!", name_zh="a", name_en="a", role="carer")
                ),
            ),
            (
                "no area 'zz'",
                lambda: provisioning.add_account(
                    conn,
                    NewAccount(login="a1", password="long enough!", name_zh="a", name_en="a", role="carer", area="zz"),
                ),
            ),
            (
                "family account",
                lambda: provisioning.add_family_member(conn, NewFamilyMember("a1", "R1", "女儿", "daughter", NOW)),
            ),
        ]
        for words, attempt in refusals:
            with pytest.raises(ProvisioningError, match=words):
                attempt()
        # The connection is as good as before.
        assert provisioning.add_device(conn, NewDevice("gw-1", "d", MODEL, "", "R1"))


def test_limits_replace_and_go_back(household: str) -> None:
    with psycopg.connect(household) as conn:
        provisioning.set_limit(conn, NewLimit("R1", "heart_rate", "dr", 45.0, 120.0), NOW)
        provisioning.set_limit(conn, NewLimit("R1", "heart_rate", "dr", None, 130.0), NOW)
        assert [(s.name, s.value) for s in load_registry(conn).tuning] == [("limit.heart_rate.high", 130.0)]
        provisioning.set_limit(conn, NewLimit("R1", "heart_rate", "dr"), NOW)
        assert not load_registry(conn).tuning
