"""The quarantine in a real database: bounded, unified under one command, and safe beside a running ingest."""

import datetime as dt
import time

import msgspec
import numpy as np
import psycopg
import pytest
from typer.testing import CliRunner, Result

from firmware_profiles import senml, wire
from ingest.batches.batch import Batch, Limits
from ingest.batches.batcher import Batcher
from ingest.batches.database_directory import STREAMS_A_DAY, DatabaseDirectory
from ingest.batches.senml_rows import Delivery, SenmlBatcher
from ingest.quarantine import quarantine
from ingest.quarantine.quarantine import Quarantine, Room
from ingest.quarantine.refusals import Code, Refusal
from ingest.reprocess import reprocess
from ingest.storing import unnumbered, writer
from shouwang.cli.main import app
from tests.support.district import add_homes

pytestmark = [pytest.mark.integration, pytest.mark.every_grade]
GATEWAY = "gw-q-1"
NOW = time.time_ns() // 1_000_000_000 * 1_000_000
LIMITS = Limits(NOW - 86_400_000_000, NOW + 300_000_000)
TOPIC = wire.topic(GATEWAY, "readings")


@pytest.fixture
def home(database_url: str) -> str:
    add_homes(database_url, [GATEWAY])
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path) VALUES"
            " ('admin', 'x', '管', 'Admin', 'admin', 'd'), ('carer', 'x', '护', 'Carer', 'carer', 'd')"
        )
    return database_url


def frame(seq: int, device: str = "radar", values: tuple[float, ...] = (60, 61), gateway: str = GATEWAY) -> bytes:
    base = NOW - 3_600_000_000 + seq * 10_000_000
    times = base + np.arange(len(values), dtype=np.int64) * 1_000_000
    series = wire.make_series(device, "heart_rate", base, times, np.array(values, np.float32))
    return wire.encode(wire.Frame(1, gateway, 7, 8, "live", seq, base, [series]))


def ingest(url: str, *payloads: bytes, room: Room | None = None, topic: str = TOPIC) -> Batch:
    with psycopg.connect(url, autocommit=True) as conn:
        directory = DatabaseDirectory(conn)
        batch = Batcher(directory, directory.mark).build([(topic, payload) for payload in payloads], LIMITS)
        writer.store(conn, batch, writer.encode_rows(batch), Quarantine(room))
        return batch


def one(url: str, query: str) -> tuple[object, ...]:
    with psycopg.connect(url) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return tuple(row)


def readings(url: str) -> tuple[object, ...]:
    return one(url, "SELECT count(*), count(DISTINCT (series_id, time)) FROM reading")


def command(url: str, *arguments: str) -> Result:
    login = [] if "--as" in arguments else ["--as", "admin"]
    return CliRunner().invoke(
        app, ["quarantine", *arguments, *login], env={"SHOUWANG_DATABASE_URL": url, "COLUMNS": "250", "TERM": "dumb"}
    )


def refusal(number: int, size: int = 100, gateway: str = GATEWAY, code: Code = Code.UNDECODABLE) -> Refusal:
    return Refusal(
        topic=wire.topic(gateway, "readings"),
        gateway=gateway,
        code=code,
        reason="broken",
        payload=number.to_bytes(8, "big") + bytes(size - 8),
        size=size,
        readings=2,
    )


def put(url: str, refusals: list[Refusal], room: Room) -> None:
    with psycopg.connect(url) as conn, conn.cursor() as cursor:
        Quarantine(room).store(cursor, refusals)


def test_a_storm_is_folded_and_counted(home: str) -> None:
    room = Room(entries=5)
    put(home, [refusal(n) for n in range(1000)], room)
    put(home, [refusal(n) for n in range(1000)], room)
    put(home, [refusal(1, gateway="gw-other"), refusal(1, code=Code.UNKNOWN_EVENT)], room)
    kept = one(home, f"SELECT count(*), sum(times), sum(folded) FROM quarantine WHERE gateway = '{GATEWAY}'")
    assert kept == (6, 11, 1990)
    assert one(home, "SELECT count(*), sum(times + folded) FROM quarantine") == (7, 2002), "everything is counted"
    assert one(home, "SELECT bool_and(length(payload) = size) FROM quarantine") == (True,)
    assert one(home, "SELECT sum(folded_readings) FROM quarantine") == (2 * 1990,)


@pytest.mark.parametrize("room", [Room(group_bytes=10_000), Room(total_bytes=10_000)])
def test_bytes_are_bounded_too_and_the_first_of_each_reason_leaves_a_trace(home: str, room: Room) -> None:
    put(home, [refusal(n, 3000) for n in range(100)], room)
    put(home, [refusal(n, 50_000, code=Code.TOO_LARGE) for n in range(100)], room)
    assert one(home, "SELECT sum(length(payload)) FROM quarantine") == (9000 + 1024,)
    assert one(home, "SELECT code, folded, length(payload), size FROM quarantine ORDER BY id DESC LIMIT 1") == (
        "too large",
        99,
        1024,
        50_000,
    )
    assert one(home, "SELECT sum(times + folded) FROM quarantine") == (200,)


def test_what_was_given_up_unread_is_counted(home: str) -> None:
    lost = Refusal(topic=TOPIC, gateway=GATEWAY, code=Code.OVER_LIMIT, reason="too fast", payload=None, size=5000)
    put(home, [lost] * 3, Room())
    assert one(home, "SELECT times + folded, size, length(payload) FROM quarantine") == (3, 5000, 0)
    with psycopg.connect(home, autocommit=True) as conn:
        (outcome,) = reprocess(conn, quarantine.entries(conn), LIMITS)
    assert not outcome.settled
    assert "discard it" in outcome.text


def test_the_same_bytes_after_settling_are_a_new_entry(home: str) -> None:
    put(home, [refusal(1)], Room())
    with psycopg.connect(home) as conn:
        assert quarantine.settle(conn, quarantine.entries(conn)[0].id, "discarded")
    put(home, [refusal(1)], Room())
    assert one(home, "SELECT count(*) FILTER (WHERE settled_at IS NULL), count(*) FROM quarantine") == (1, 2)


def test_unknown_homes_and_devices_wait_for_pairing_until_they_are_registered(home: str) -> None:
    ingest(home, frame(1, "ring"), frame(2, "ring"))
    ingest(home, frame(1, gateway="gw-new"), topic=wire.topic("gw-new", "readings"))
    ingest(home, *(frame(n, f"ghost-{n}") for n in range(3, 303)))
    without_channels = Refusal(
        topic="care/v1/00/gw-mute/status",
        gateway="gw-mute",
        code=Code.UNKNOWN_GATEWAY,
        reason="unknown",
        payload=b"x",
        size=1,
    )
    put(home, [without_channels], Room())
    put(home, [without_channels], Room())
    assert one(home, "SELECT times, channels FROM pairing WHERE gateway = 'gw-mute'") == (2, [])
    shown = command(home, "pairing").stdout
    assert "ring" in shown
    assert "heart_rate" in shown
    assert "gw-new" in shown
    assert one(home, f"SELECT count(*) FROM pairing WHERE gateway = '{GATEWAY}'") == (200,), "bounded"
    assert one(home, "SELECT times, channels FROM pairing WHERE device = 'ring'") == (2, ["heart_rate"])
    with psycopg.connect(home, autocommit=True) as conn:
        conn.execute("INSERT INTO device (gateway_id, name, model) SELECT id, 'ring', 'gateway' FROM gateway")
        assert "ring" not in [row[1] for row in quarantine.pairing(conn)]


def test_text_that_no_database_holds_and_epochs_without_end(home: str) -> None:
    device, words = "radar", {"a\0b": "x\0y", "温": float("nan"), "n": 2**64 - 1}
    event = wire.Event(1, GATEWAY, 7, 8, 1, NOW, device, "fall_suspected", words, b"\0")
    refusals = ingest(home, wire.encode(event), topic=wire.topic(GATEWAY, "events")).refusals
    assert [refusal.code for refusal in refusals] == [Code.PARTLY_UNREADABLE], (
        "of a fall's signal, and what is no number"
    )
    assert one(home, "SELECT \"values\" ->> 'a\ufffdb' FROM event") == ("x\ufffdy",)
    status = wire.Status(
        version=1,
        gateway=GATEWAY,
        state="online",
        time_us=NOW,
        epoch=7,
        boot=8,
        software="v\0",
        acknowledged={"\0": 3, "live": 2**53},
    )
    assert not ingest(home, wire.encode(status), topic=wire.topic(GATEWAY, "status")).refusals
    ingest(home, b"\0\xff", topic="care/v1/\0\udcff/x")
    assert one(home, "SELECT count(*) FROM quarantine WHERE code = 'undecodable'") == (1,)
    with psycopg.connect(home) as conn:
        conn.execute(
            "INSERT INTO ingest_stream (gateway_id, epoch, stream, high, gaps)"
            " SELECT id, n, 'live', 1, '{}' FROM gateway, generate_series(1, %s) n",
            (STREAMS_A_DAY,),
        )
    late = msgspec.structs.replace(wire.decode(wire.Frame, frame(1)), epoch=NOW)
    assert [r.code for r in ingest(home, wire.encode(late)).refusals] == [Code.NUMBERING]
    assert not ingest(home, frame(2)).refusals, "streams that are known go on"


def test_the_life_of_an_entry_on_the_command_line(home: str) -> None:
    ingest(home, frame(1), frame(2, "ring"), frame(3, values=(60, 999)), b"\x00damaged\xff")
    listed = command(home, "list")
    assert listed.exit_code == 0
    assert all(code in listed.stdout for code in ("unknown device", "impossible value", "undecodable"))
    assert "999" not in command(home, "list", "--reason", "unknown device", "--since", "1h").stdout
    assert "Nothing like that" in command(home, "list", "--gateway", "gw-none").stdout
    assert "Nothing like that" in command(home, "list", "--since", "2099-01-01").stdout
    damaged = str(one(home, "SELECT id FROM quarantine WHERE code = 'undecodable'")[0])
    shown = command(home, "show", damaged).stdout
    assert "00 64 61 6d 61 67 65 64  ff" in shown
    assert "damaged: not a valid frame" in shown
    part = str(one(home, "SELECT id FROM quarantine WHERE code = 'unknown device'")[0])
    assert "ring/heart_rate: 2 readings" in command(home, "show", part).stdout

    with psycopg.connect(home) as conn:
        conn.execute("INSERT INTO device (gateway_id, name, model) SELECT id, 'ring', 'gateway' FROM gateway")
    again = command(home, "reprocess", "--as", "admin")
    assert f"{part}: stored 2 readings" in again.stdout
    assert "1 settled (2 readings stored), 2 stay" in again.stdout
    assert "0 settled (0 readings stored), 2 stay" in command(home, "reprocess").stdout
    assert readings(home) == (5, 5)
    assert "stored 2 readings" in command(home, "list", "--all").stdout

    refused = command(home, "discard", damaged, "--as", "carer", "--because", "noise", "--yes")
    assert refused.exit_code == 1
    assert "'carer' is carer, who may not settle quarantine" in refused.output
    asked = command(home, "discard", damaged, "--as", "admin", "--because", "noise")
    assert asked.exit_code == 1
    assert "repeat with --yes" in asked.output
    assert command(home, "discard", "--as", "admin", "--because", "noise", "--yes").exit_code == 1, "choose something"
    assert "1 discarded" in command(home, "discard", damaged, "--as", "admin", "--because", "noise", "--yes").stdout
    assert one(home, f"SELECT length(payload), settled_how FROM quarantine WHERE id = {damaged}") == (
        0,
        "discarded by admin: noise",
    )
    assert "settled" in command(home, "show", damaged).stdout
    audited = "SELECT count(*), count(account_id), min(detail->>'because') FROM audit WHERE action = '{}'"
    assert one(home, audited.format("discard_quarantine")) == (1, 1, "noise")
    assert one(home, audited.format("reprocess_quarantine")) == (1, 1, None)
    assert command(home, "show", "99999").exit_code == 1
    assert command(home, "list", "--since", "yesterday").exit_code == 1


def test_what_still_can_not_be_stored_becomes_an_entry_of_its_own(home: str) -> None:
    base = NOW - 1_000_000
    series = [
        wire.make_series(device, "heart_rate", base, np.array([base]), np.array([60], np.float32))
        for device in ("radar", "ghost")
    ]
    both = wire.encode(wire.Frame(1, "gw-new", 7, 8, "live", 1, base, series))
    ingest(home, both, topic=wire.topic("gw-new", "readings"))
    with psycopg.connect(home, autocommit=True) as conn:
        conn.execute("INSERT INTO gateway (name, household_id) SELECT 'gw-new', id FROM household")
        conn.execute(
            "INSERT INTO device (gateway_id, name, model)"
            " SELECT id, 'radar', 'gateway' FROM gateway WHERE name = 'gw-new'"
        )
        (outcome,) = reprocess(conn, quarantine.entries(conn), LIMITS)
        assert outcome.settled
        assert outcome.readings == 1
        assert "the rest is refused again" in outcome.text
        (left,) = quarantine.entries(conn)
        assert (left.code, left.gateway) == ("unknown device", "gw-new")


def test_a_frame_stored_by_reprocess_is_a_repetition_for_the_ingest_that_runs(home: str) -> None:
    """Its marks in memory are older than those in the database: it must notice, not store the frame twice."""
    with psycopg.connect(home, autocommit=True) as conn:
        directory = DatabaseDirectory(conn)
        running = Batcher(directory, directory.mark)

        def store(*payloads: bytes) -> None:
            batch = running.build([(TOPIC, payload) for payload in payloads], LIMITS)
            writer.store(conn, batch, writer.encode_rows(batch), Quarantine())

        store(frame(1), frame(3))
        put(
            home,
            [
                Refusal(
                    topic=TOPIC,
                    gateway=GATEWAY,
                    code=Code.OVER_LIMIT,
                    reason="too fast",
                    payload=frame(2),
                    size=len(frame(2)),
                )
            ],
            Room(),
        )
        (outcome,) = reprocess(conn, quarantine.entries(conn), LIMITS)
        assert outcome.readings == 2
        with pytest.raises(writer.MarksMovedError):
            store(frame(2))
        running.forget([(one(home, "SELECT id FROM gateway")[0], 7, "live")])  # type: ignore[list-item]
        store(frame(2), frame(4))
    assert readings(home) == (8, 8)


def test_an_outbox_put_back_from_a_copy_loses_nothing(home: str) -> None:
    def event(seq: int, hours: int) -> bytes:
        time_us = NOW - 10_000_000_000 + hours * 3_600_000_000
        return wire.encode(wire.Event(1, GATEWAY, 7, 8, seq, time_us, "radar", "bed_exit"))

    def old(seq: int) -> bytes:
        made = wire.decode(wire.Frame, frame(seq))
        return wire.encode(msgspec.structs.replace(made, base_us=made.base_us - 3 * 3_600_000_000))

    events = wire.topic(GATEWAY, "events")
    ingest(home, *(old(seq) for seq in range(1, 6)))
    ingest(home, event(1, 0), topic=events)
    # hours later it counts from 4 on for the second time; ingest was started anew meanwhile
    ingest(home, *(frame(seq) for seq in (4, 5, 6)))
    ingest(home, event(1, 0), event(1, 2), event(2, 2), topic=events)
    ingest(home, frame(6), *(old(seq) for seq in range(1, 6)))
    assert readings(home) == (12, 12)
    assert one(home, "SELECT count(*) FROM event") == (2,)
    assert one(home, "SELECT array_agg(code || times ORDER BY id) FROM quarantine") == (["reused number1"] * 3,)
    with psycopg.connect(home, autocommit=True) as conn:
        outcomes = list(reprocess(conn, quarantine.entries(conn), LIMITS))
    assert [outcome.settled for outcome in outcomes] == [True, True, False]
    assert readings(home) == (16, 16)


def test_a_frame_that_comes_again_after_its_entry_was_settled_is_not_stored_twice(home: str) -> None:
    old = msgspec.structs.replace(wire.decode(wire.Frame, frame(4)), base_us=NOW - 5 * 3_600_000_000)
    ingest(home, wire.encode(old))
    for settled in ("stored 2 readings", "stored before"):
        ingest(home, frame(4))
        with psycopg.connect(home, autocommit=True) as conn:
            (outcome,) = reprocess(conn, quarantine.entries(conn, code=Code.REUSED_NUMBER), LIMITS)
        assert (outcome.settled, outcome.text) == (True, settled)
    put(
        home,
        [
            Refusal(
                topic=TOPIC,
                gateway=GATEWAY,
                code=Code.OVER_LIMIT,
                reason="too fast",
                payload=frame(4),
                size=len(frame(4)),
            )
        ],
        Room(),
    )
    with psycopg.connect(home, autocommit=True) as conn:
        assert [outcome.text for outcome in reprocess(conn, quarantine.entries(conn), LIMITS)] == ["stored before"]
    assert readings(home) == (4, 4)


def test_what_lies_in_quarantine_for_two_reasons_is_stored_once(home: str) -> None:
    payload = frame(1)
    ingest(home, frame(1, values=(999,)))
    put(
        home,
        [
            Refusal(topic=TOPIC, gateway=GATEWAY, code=code, reason="refused", payload=payload, size=len(payload))
            for code in list(Code)
        ],
        Room(),
    )
    with psycopg.connect(home, autocommit=True) as conn:
        outcomes = list(reprocess(conn, quarantine.entries(conn), LIMITS))
    assert [outcome.settled for outcome in outcomes] == [False] + [True] * len(Code), "999 stays"
    assert sum(outcome.readings for outcome in outcomes) == 2
    assert readings(home) == (2, 2)


def test_what_the_database_refused_has_not_taken_its_number(home: str) -> None:
    payload = frame(1)
    put(
        home,
        [
            Refusal(
                topic=TOPIC,
                gateway=GATEWAY,
                code=Code.REFUSED_BY_DATABASE,
                reason="no",
                payload=payload,
                size=len(payload),
            )
        ],
        Room(),
    )
    with psycopg.connect(home, autocommit=True) as conn:
        (outcome,) = reprocess(conn, quarantine.entries(conn), LIMITS)
    assert outcome.readings == 2
    assert ingest(home, frame(1)).repeated == 1, "its gateway was asked for the gap"
    assert readings(home) == (2, 2)


def test_an_old_state_in_quarantine_does_not_overwrite_a_newer_one(home: str) -> None:
    def status(state: str) -> bytes:
        return wire.encode(wire.Status(version=1, gateway=GATEWAY, state=state, time_us=NOW, epoch=7, boot=8))  # type: ignore[arg-type]

    topic = wire.topic(GATEWAY, "status")
    payload = status("offline")
    put(
        home,
        [
            Refusal(
                topic=topic,
                gateway=GATEWAY,
                code=Code.UNKNOWN_GATEWAY,
                reason="unknown",
                payload=payload,
                size=len(payload),
            )
        ],
        Room(),
    )
    with psycopg.connect(home, autocommit=True) as conn:
        entry = quarantine.entries(conn)[0]
        ingest(home, status("online"), topic=topic)
        (outcome,) = reprocess(conn, [entry], LIMITS)
    assert (outcome.settled, outcome.text) == (True, "a newer state is stored")
    assert one(home, "SELECT state FROM gateway") == ("online",)


def test_a_commit_whose_answer_was_lost_is_not_repeated(home: str) -> None:
    batch = ingest(home, frame(1))
    with psycopg.connect(home, autocommit=True) as conn, pytest.raises(writer.MarksMovedError):
        writer.store(conn, batch, writer.encode_rows(batch), Quarantine())
    assert readings(home) == (2, 2)


def deliver(url: str, *packs: bytes, again: bool = False, arrived_us: int = NOW) -> tuple[int, list[Refusal]]:
    with psycopg.connect(url, autocommit=True) as conn:
        deliveries = [Delivery(senml.topic(GATEWAY), pack, arrived_us, again) for pack in packs]
        rows = SenmlBatcher(DatabaseDirectory(conn)).build(deliveries, LIMITS.earliest_us, LIMITS.latest_us)
        with conn.transaction(), conn.cursor() as cursor:
            stored, contradictions = unnumbered.store(cursor, rows)
            return stored, rows.refusals + contradictions


def test_senml_is_stored_once_and_a_contradiction_is_not_lost(home: str) -> None:
    at = NOW / 1e6
    pack = senml.encode({"n": "radar/heart_rate", "u": "beat/min", "t": at + n, "v": 60.1 + n} for n in range(-5, 0))
    assert deliver(home, pack, pack) == (5, [])
    assert deliver(home, pack) == (0, [])
    overlap = senml.encode({"n": "radar/heart_rate", "u": "beat/min", "t": at + n, "v": 60.1 + n} for n in range(-3, 2))
    assert deliver(home, overlap) == (2, [])
    other = senml.encode([{"n": "radar/heart_rate", "u": "beat/min", "t": at - 1, "v": 99}])
    stored, (refusal,) = deliver(home, other)
    assert stored == 0
    assert refusal.code is Code.CONTRADICTION
    assert readings(home) == (7, 7)


def test_relative_senml_is_told_from_its_repetition_by_the_brokers_word(home: str) -> None:
    pack = b'[{"n":"radar/heart_rate","u":"beat/min","v":60}]'
    assert deliver(home, pack)[0] == 1
    assert deliver(home, pack, again=True, arrived_us=NOW + 9_000_000)[0] == 0
    assert deliver(home, pack, arrived_us=NOW + 9_000_000)[0] == 1
    assert deliver(home, pack, again=True, arrived_us=NOW + 12_000_000)[0] == 0
    assert readings(home) == (2, 2)


def test_senml_in_quarantine_is_processed_again_with_the_time_it_had(home: str) -> None:
    pack = b'[{"n":"ring/heart_rate","u":"beat/min","v":60},{"n":"ring/heart_rate","u":"Cel","v":36}]'
    _, refusals = deliver(home, pack)
    put(home, refusals, Room())
    with psycopg.connect(home, autocommit=True) as conn:
        conn.execute("INSERT INTO device (gateway_id, name, model) SELECT id, 'ring', 'gateway' FROM gateway")
        outcomes = list(reprocess(conn, quarantine.entries(conn), LIMITS))
    assert sorted((o.settled, o.readings) for o in outcomes) == [(False, 0), (True, 1)]
    assert one(home, "SELECT time FROM reading") == (dt.datetime.fromtimestamp(NOW / 1e6, dt.UTC),)
