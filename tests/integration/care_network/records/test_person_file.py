"""The file of a person says what is known now, how old it is, and "not known" where nobody has said."""

import datetime as dt
from collections.abc import Iterator

import psycopg
import pytest

from care_network.records import provisioning
from care_network.records.records import NewDevice
from care_network.records.residents import PersonFile, file_of, once
from tests.support.network import NOW, build_city, network, open_alert

pytestmark = pytest.mark.integration
DEVICES = (
    ("oximeter", "nonin-3230", "worn", "R1"), ("bp-cuff", "and-ua-651ble", "living_room", "R1"),
    ("pir", "aqara-rtcgq11lm", "kitchen", None), ("pendant", "mbientlab-metamotions", "worn", "R1"),
)  # fmt: skip


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        for name, model, room, wearer in DEVICES:
            provisioning.add_device(conn, NewDevice("gw-1", name, model, room, wearer))
        yield conn


def measured(conn: psycopg.Connection, device: str, channel: str, value: float, minutes_ago: float) -> None:
    conn.execute(
        "INSERT INTO series (device_id, channel) SELECT id, %s FROM device WHERE name = %s ON CONFLICT DO NOTHING",
        (channel, device),
    )
    conn.execute(
        "INSERT INTO reading SELECT %s, s.id, %s FROM series s JOIN device d ON d.id = s.device_id"
        " WHERE d.name = %s AND s.channel = %s",
        (NOW - dt.timedelta(minutes=minutes_ago), value, device, channel),
    )


def told(conn: psycopg.Connection, code: str = "R1") -> PersonFile:
    file = file_of(conn, code, NOW)
    assert file is not None
    return file


def test_what_nobody_has_said_is_not_known(city: psycopg.Connection) -> None:
    file = told(city)
    assert (file.lives_alone, file.floor, file.has_lift, file.key_safe, file.ability_grade) == (None,) * 5
    assert {sign.state for sign in file.now.values()} == {"unknown"}
    assert file.now["gateway"].word == "never seen"
    assert file.now["motion"].at is None
    assert file_of(city, "nobody", NOW) is None


def test_a_value_is_good_or_bad_while_it_is_fresh_and_unknown_afterwards(city: psycopg.Connection) -> None:
    measured(city, "oximeter", "heart_rate", 70, 1)
    measured(city, "oximeter", "spo2", 86, 1)
    measured(city, "pir", "motion", 1, 4)
    measured(city, "pir", "motion", 0, 2)
    measured(city, "pendant", "battery", 12, 5)
    city.execute("UPDATE gateway SET state = 'online', state_at = %s WHERE name = 'gw-1'", (NOW,))
    now = told(city).now
    assert [now[kind].state for kind in ("heart_rate", "spo2", "motion", "battery")] == ["good", "bad", "good", "bad"]
    assert (now["motion"].room, now["motion"].at) == ("kitchen", NOW - dt.timedelta(minutes=4))
    # connected is not heard: nothing has come over this line
    assert (now["gateway"].state, now["gateway"].word) == ("unknown", "quiet")
    later = file_of(city, "R1", NOW + dt.timedelta(hours=1))
    assert later is not None
    assert {later.now[kind].state for kind in ("heart_rate", "spo2", "motion")} == {"unknown"}


def test_a_gateway_that_was_heard_is_good_and_one_that_is_offline_is_bad(city: psycopg.Connection) -> None:
    city.execute("UPDATE gateway SET state = 'online', state_at = %s WHERE name = 'gw-1'", (NOW,))
    city.execute(
        "INSERT INTO ingest_stream (gateway_id, epoch, stream, high, updated_at)"
        " SELECT id, 1, 'live', 1, %s FROM gateway WHERE name = 'gw-1'",
        (NOW - dt.timedelta(seconds=5),),
    )
    assert told(city).now["gateway"].state == "good"
    city.execute("UPDATE gateway SET state = 'offline' WHERE name = 'gw-1'")
    assert told(city).now["gateway"].state == "bad"


def test_both_halves_of_a_pressure_are_of_one_measurement(city: psycopg.Connection) -> None:
    measured(city, "bp-cuff", "systolic_bp", 128, 60)
    measured(city, "bp-cuff", "diastolic_bp", 76, 60)
    measured(city, "bp-cuff", "systolic_bp", 150, 10)  # its other half never came
    pressure = told(city).now["pressure"]
    assert (pressure.value, pressure.low, pressure.at) == (128, 76, NOW - dt.timedelta(minutes=60))


def test_home_contacts_and_what_was_before(city: psycopg.Connection) -> None:
    admin = network(city, "admin")
    admin.change("household", ("H1",), 1, {"floor": 5, "has_lift": False, "way_in": "东门", "key_safe": True})
    admin.change("resident", ("R1",), 1, {"lives_alone": True, "preferred_language": "yue", "languages": ["cmn"]})
    for order, (phone, consent, key) in enumerate([("139", NOW, True), ("138", None, False)], 1):
        fields = {
            "resident": "R1", "phone": phone, "name_zh": "陈女士", "name_en": "Ms Chen", "relation_zh": "女儿",
            "relation_en": "daughter", "call_order": order, "consent_at": consent, "has_key": key,
        }  # fmt: skip
        admin.add("contact", fields)
    this, before = open_alert(city, "R1", "H1"), open_alert(city, "R1", "H1", state="resolved")
    file = file_of(city, "R1", NOW, without_alert=this)
    assert file is not None
    assert (file.lives_alone, file.floor, file.has_lift, file.way_in, file.key_safe) == (True, 5, False, "东门", True)
    assert file.languages == (("粤语", "Cantonese"), ("普通话", "Mandarin"))
    assert [(one.phone, one.consent) for one in file.contacts] == [("139", True), ("138", False)]
    assert [one.phone for one in file.with_key] == ["139"]
    assert [one.id for one in file.before] == [before]


def test_a_compound_is_named_once() -> None:
    assert once("海晴苑", "沙盐路11号海晴苑2栋502") == "沙盐路11号海晴苑2栋502"
    assert once("海晴苑", "2栋502") == "海晴苑2栋502"
