"""What a person is shown of a refused payload, damaged or not."""

import numpy as np

from firmware_profiles import senml, wire
from firmware_profiles.decoding.payload_words import describe as both
from firmware_profiles.decoding.payload_words import hexdump

NOW = 1_800_000_000_000_000


def describe(topic: str, payload: bytes, at: int) -> list[str]:
    """The English lines; each has a Chinese one."""
    lines = both(topic, payload, at)
    assert all(zh for zh, _ in lines)
    return [en for _, en in lines]


def frame() -> bytes:
    times = NOW + np.arange(3, dtype=np.int64) * 1_000_000
    series = wire.make_series("radar", "heart_rate", NOW, times, np.array([60, 61.5, 62], np.float32))
    return wire.encode(wire.Frame(1, "gw-1", 5, 6, "live", 7, NOW, [series]))


def test_a_frame_is_summed_up_series_by_series() -> None:
    lines = describe(wire.topic("gw-1", "readings"), frame(), NOW)
    assert lines[0].startswith("frame 7 of gw-1, stream live")
    assert "radar/heart_rate: 3 readings, 2027-01-15T08:00:00+00:00 to 2027-01-15T08:00:02+00:00, 60 to 62" in lines[1]


def test_a_damaged_frame_shows_what_can_still_be_read() -> None:
    cut = describe(wire.topic("gw-1", "readings"), frame()[:-4], NOW)
    assert cut[0].startswith("damaged: not a valid frame")
    assert cut[1] == "neither MessagePack nor JSON"
    wrong = describe(wire.topic("gw-1", "readings"), b'{"hello": 1}', NOW)
    assert "as JSON without a schema: {'hello': 1}" in wrong


def test_events_statuses_and_packs() -> None:
    event = wire.encode(wire.Event(1, "gw-1", 5, 6, 3, NOW, "radar", "fall_confirmed", {"p": 0.9}, b"xyz"))
    assert "fall_confirmed of gw-1/radar" in describe(wire.topic("gw-1", "events"), event, NOW)[0]
    status = wire.encode(wire.Status(version=1, gateway="gw-1", state="offline", time_us=NOW, epoch=5, boot=6))
    assert describe(wire.topic("gw-1", "status"), status, NOW)[0].startswith("gw-1 is offline")
    pack = describe(senml.topic("gw-1"), b'[{"bn":"band/","n":"spo2","u":"/","v":0.97,"t":-1}]', NOW)
    assert pack[1] == "  band/spo2 = 0.97 / at 2027-01-15T07:59:59+00:00"
    assert describe(senml.topic("gw-1"), b"[{}]", NOW) == ["SenML pack of 0 records, resolved:"]
    assert describe("odd/topic", b"\xc1", NOW) == ["neither MessagePack nor JSON"]


def test_hexdump() -> None:
    assert hexdump(b"SenML\x00\xff and more of it", 16) == [
        "00000000  53 65 6e 4d 4c 00 ff 20  61 6e 64 20 6d 6f 72 65  |SenML.. and more|",
        "… 6 more bytes",
    ]
    assert hexdump(b"", 16) == []
