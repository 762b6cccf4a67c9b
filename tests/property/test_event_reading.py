"""An emergency goes on with what can be read of it: whatever is wrong with its texts, values, signal or number."""

import re
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_profiles import wire
from firmware_profiles.errors import DecodeError, WrongGatewayError
from firmware_profiles.event_reading import LONGEST_VALUE, MOST_VALUES, read_event
from firmware_profiles.signal import MOST_BYTES, encode_signal
from vocabulary.text import clean_text

GATEWAY = "gw-1"
HEAD: dict[str, Any] = {
    "version": 1, "gateway": GATEWAY, "epoch": 5, "boot": 6, "seq": 7, "time_us": 1_800_000_000_000_000,
    "device": "sos-button", "kind": "sos_pressed", "values": {}, "evidence": b"",
}  # fmt: skip
DIRTY = st.text(st.characters(codec="utf-8"), max_size=40)
ODD = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | DIRTY | st.binary(max_size=40)
    | st.lists(st.integers(0, 9), max_size=3) | st.dictionaries(DIRTY, st.integers(0, 9), max_size=3)
)  # fmt: skip


def payload(**changed: Any) -> bytes:
    return msgspec.msgpack.encode({**HEAD, **changed})


def raw_text(name: str, data: bytes, **changed: Any) -> bytes:
    """A message in which one field is a MessagePack text of these very bytes."""
    fields = {**HEAD, **changed}
    del fields[name]
    whole = bytearray(msgspec.msgpack.encode(fields))
    whole[0] += 1
    return bytes(whole) + msgspec.msgpack.encode(name) + b"\xd9" + bytes([len(data)]) + data


def is_clean(event: wire.Event) -> None:
    assert wire.decode(wire.Event, wire.encode(event)) == event
    assert len(event.values) <= MOST_VALUES
    for name, value in event.values.items():
        assert clean_text(name) == name
        assert not isinstance(value, str) or clean_text(value, LONGEST_VALUE) == value
    msgspec.json.encode(event.values).decode()


@settings(max_examples=100)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("version", "gateway", "epoch", "boot", "seq", "time_us"), ODD)),
    st.fixed_dictionaries({}, optional={"values": st.dictionaries(DIRTY, ODD, max_size=4) | ODD, "evidence": ODD}),
)
@example({"seq": 0}, {"values": {"note": "a\0b"}})
@example({"version": 9}, {})
def test_whatever_is_odd_the_emergency_is_read(head: dict[str, Any], rest: dict[str, Any]) -> None:
    try:
        read = read_event(payload(**head, **rest), GATEWAY)
    except WrongGatewayError:
        named = head["gateway"]
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,62}", named.decode() if isinstance(named, bytes) else named)
        return
    assert (read.event.gateway, read.event.device, read.event.kind) == (GATEWAY, "sos-button", "sos_pressed")
    if read.numbered:
        is_clean(read.event)
    else:
        assert (read.event.epoch, read.event.boot, read.event.seq) == (0, 0, 0)
        assert read.lost


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda data: payload()[:-1] + data))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        read_event(data, GATEWAY)
    except DecodeError as error:
        assert str(error)


@pytest.mark.parametrize("device", ["sos-button\0", "\x1bsos-button", "sos-button\ud7ff", "sos\u202e-button"])
def test_a_device_with_bad_characters_in_its_name_is_the_device(device: str) -> None:
    read = read_event(payload(device=device), GATEWAY)
    assert (read.event.device, read.numbered) == ("sos-button", True)
    assert "device" in read.lost[0]


@pytest.mark.parametrize("surrogate", [b"sos-button\xed\xa0\x80", b"sos-button\xff", b"\xc0\x80sos-button"])
def test_text_that_is_no_utf_8_costs_the_characters_alone(surrogate: bytes) -> None:
    assert read_event(raw_text("device", surrogate), GATEWAY).event.device == "sos-button"
    assert read_event(raw_text("kind", surrogate[-3:] + b"sos_pressed"), GATEWAY).event.kind.endswith("sos_pressed")


def test_what_is_too_long_is_cut_or_left_out() -> None:
    long = payload(values={"note": "守" * 200_000, "ok": 1}, evidence=b"x" * 300_000)
    assert len(long) > wire.MAX_PAYLOAD
    read = read_event(long, GATEWAY)
    assert read.event.values == {"note": clean_text("守" * 600, LONGEST_VALUE), "ok": 1}
    assert read.event.evidence == b""
    assert any(str(MOST_BYTES) in text for text in read.lost)
    many = read_event(payload(values={f"v{n}": n for n in range(1000)}), GATEWAY)
    assert len(many.event.values) == MOST_VALUES


@pytest.mark.parametrize("signal", [b"\0" * 7, b"x", b"\xc1", msgspec.msgpack.encode((0, 50.0, b"\0" * 7))])
def test_a_fall_without_a_readable_signal_is_a_fall(signal: bytes) -> None:
    read = read_event(payload(kind="fall_confirmed", evidence=signal), GATEWAY)
    assert (read.event.kind, read.event.evidence, len(read.lost)) == ("fall_confirmed", b"", 1)


def test_a_good_event_is_as_it_was() -> None:
    signal = encode_signal(1, 50.0, np.zeros((3, 3), np.int16))
    event = wire.Event(
        **{**HEAD, "kind": "fall_suspected", "values": {"confidence": 0.9, "note": "跌倒"}, "evidence": signal}
    )
    read = read_event(wire.encode(event), GATEWAY)
    assert (read.event, read.lost, read.numbered) == (event, (), True)
