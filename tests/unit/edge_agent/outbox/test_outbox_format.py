"""The outbox reads the files of gateways in the field: schema, state and CRC are written out here, not imported."""

import sqlite3
import zlib
from pathlib import Path

import msgspec

from edge_agent.outbox.file import OutboxFile
from edge_agent.outbox.outbox import Outbox, read_totals
from edge_agent.timekeeping.clock import Clock
from firmware_profiles import wire

SCHEMA = """
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL);
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    boot INTEGER NOT NULL,
    made_us INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    epoch INTEGER NOT NULL,   -- 0, '' and 0 until the message is numbered
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    crc INTEGER NOT NULL
);
CREATE INDEX message_event ON message (id) WHERE lane = 'events';
CREATE INDEX message_waiting ON message (made_us, id) WHERE lane = 'frames' AND seq = 0;
CREATE INDEX message_numbered ON message (epoch, stream, seq) WHERE lane = 'frames' AND seq > 0;
PRAGMA user_version = 2;
"""
EPOCH, BOOT, MADE = 1_790_000_000_000_000, 1_790_000_000_000_001, 1_790_000_000_500_000
STATE = {
    "epoch": EPOCH,
    "clean": True,
    "last_us": MADE,
    "last_boot": BOOT,
    "seqs": {"events": 7, "live": 41},
    "shifts": {},
    "frames": 50,
    "readings": 500,
    "events": 8,
    "lost_frames": 1,
    "lost_readings": 10,
    "lost_events": 0,
    "pending": 2,
}


def write_file(path: Path) -> None:
    event = msgspec.msgpack.encode(["sos", "sos_pressed", {"action": "single"}, b""])
    frame = msgspec.msgpack.encode([["radar", "heart_rate", bytes(4), b"\x00\x00\x90\x42"]])
    rows = [
        (58, "events", BOOT, MADE, 0, EPOCH, "events", 7, event),
        (59, "frames", BOOT, MADE, 1, 0, "", 0, frame),
    ]
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(SCHEMA)
    state = msgspec.msgpack.encode(STATE)
    db.execute("INSERT INTO state VALUES (1, ?)", (state + zlib.crc32(state).to_bytes(4, "little"),))
    for id_, lane, boot, made_us, readings, epoch, stream, seq, body in rows:
        head = f"{id_} {lane} {boot} {made_us} {readings} {epoch} {stream} {seq} "
        crc = zlib.crc32(body, zlib.crc32(head.encode()))
        db.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (id_, lane, boot, made_us, readings, epoch, stream, seq, body, crc),
        )
    db.commit()
    db.close()


def test_the_file_of_a_gateway_in_the_field_goes_on_with_its_epoch_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "buffer.db"
    write_file(path)
    assert (read_totals(path).frames, read_totals(path).pending) == (50, 2)
    outbox = Outbox(path, "gw-1", Clock(lambda: MADE + 1, lambda: 1, lambda: True), 10_000_000)
    assert outbox.epoch == EPOCH
    assert (outbox.totals().readings, outbox.totals().lost_readings) == (500, 10)
    (event,) = (wire.decode(wire.Event, m.payload) for m in outbox.next("events", MADE, 9))
    assert (event.epoch, event.seq, event.kind, event.values) == (EPOCH, 7, "sos_pressed", {"action": "single"})
    (frame,) = (wire.decode(wire.Frame, m.payload) for m in outbox.next("frames", MADE, 9))
    assert (frame.epoch, frame.stream, frame.seq) == (EPOCH, "live", 42)
    assert frame.series[0].floats().tolist() == [72.0]
    outbox.close()
    assert not list(tmp_path.glob("*.damaged"))


def test_a_file_can_be_read_from_its_first_moment_on(tmp_path: Path) -> None:
    file = OutboxFile(tmp_path / "buffer.db", 10_000_000)
    assert read_totals(tmp_path / "buffer.db").events == 0
    file.close()
