"""Wire messages: what is encoded is decoded, and no bytes raise anything but the documented error."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import wire
from firmware_profiles.errors import DecodeError

gateways = st.from_regex(r"[a-z0-9][a-z0-9-]{1,62}", fullmatch=True)
devices = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", fullmatch=True)
codes = st.from_regex(r"[a-z][a-z0-9_]{1,39}", fullmatch=True)
naturals = st.integers(0, 2**53)
numbers = st.integers(1, 2**53)
scalars = st.one_of(st.text(max_size=30), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.booleans())


@st.composite
def series(draw: st.DrawFn) -> wire.Series:
    size = draw(st.integers(1, 50))
    offsets = np.array(draw(st.lists(st.integers(0, 2**32 - 1), min_size=size, max_size=size)), "<u4")
    values = np.array(draw(st.lists(st.floats(width=32), min_size=size, max_size=size)), "<f4")
    return wire.Series(draw(devices), draw(codes), offsets.tobytes(), values.tobytes())


frames = st.builds(
    wire.Frame,
    st.just(1),
    gateways,
    naturals,
    naturals,
    st.sampled_from(["live", "backfill"]),
    numbers,
    naturals,
    st.lists(series(), min_size=1, max_size=5),
)
events = st.builds(
    wire.Event,
    st.just(1),
    gateways,
    naturals,
    naturals,
    numbers,
    naturals,
    devices,
    codes,
    st.dictionaries(st.text(max_size=10), scalars, max_size=4),
    st.binary(max_size=200),
)
statuses = st.builds(
    wire.Status,
    version=st.just(1),
    gateway=gateways,
    state=st.sampled_from(["online", "offline"]),
    time_us=naturals,
    epoch=naturals,
    boot=naturals,
    software=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"))),
)
commands = st.builds(
    wire.Command, st.just(1), st.text(), codes, naturals, st.dictionaries(st.text(max_size=9), scalars, max_size=4)
)
replies = st.builds(wire.Reply, st.just(1), st.text(), gateways, st.booleans(), naturals, st.text())
messages = st.one_of(frames, events, statuses, commands, replies)


@given(messages)
def test_what_is_encoded_is_decoded(message: wire.Message) -> None:
    assert wire.decode(type(message), wire.encode(message)) == message  # type: ignore[type-var]


@given(st.sampled_from([wire.Frame, wire.Event, wire.Status, wire.Command, wire.Reply]), st.binary(max_size=300))
def test_no_bytes_raise_anything_else(kind: type[wire.Frame], payload: bytes) -> None:
    try:
        wire.decode(kind, payload)
    except DecodeError as error:
        assert str(error)


@given(messages, st.data())
def test_a_damaged_message_is_a_decode_error_or_another_message(message: wire.Message, data: st.DataObject) -> None:
    payload = bytearray(wire.encode(message))
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] = data.draw(st.integers(0, 255))
    try:
        wire.decode(type(message), bytes(payload[: data.draw(st.integers(0, len(payload)))]))  # type: ignore[type-var]
    except DecodeError as error:
        assert str(error)


@given(st.text(max_size=80))
def test_no_topic_raises_anything_else(name: str) -> None:
    try:
        wire.parse_topic(name)
    except DecodeError as error:
        assert str(error)


@given(gateways, st.sampled_from(wire.LEAVES))
def test_topics_are_read_back(gateway: str, leaf: wire.Leaf) -> None:
    assert wire.parse_topic(wire.topic(gateway, leaf)) == (gateway, leaf)


def test_a_frame_of_another_version_says_so() -> None:
    frame = wire.Frame(2, "gw-1", 1, 1, "live", 1, 1, [wire.Series("d", "spo2", bytes(4), bytes(4))])
    with pytest.raises(DecodeError, match="version 2"):
        wire.decode(wire.Frame, wire.encode(frame))


def test_columns_of_unequal_length_are_refused() -> None:
    frame = wire.Frame(1, "gw-1", 1, 1, "live", 1, 1, [wire.Series("d", "spo2", bytes(8), bytes(4))])
    with pytest.raises(DecodeError, match="same multiple of 4"):
        wire.decode(wire.Frame, wire.encode(frame))


def test_a_newer_gateway_may_add_fields() -> None:
    frame = wire.Frame(1, "gw-1", 1, 1, "live", 1, 1, [wire.Series("d", "spo2", bytes(4), bytes(4))])
    fields = msgspec.msgpack.decode(wire.encode(frame))
    assert wire.decode(wire.Frame, msgspec.msgpack.encode([*fields, "new"])) == frame


def test_an_oversized_message_is_refused_unread() -> None:
    with pytest.raises(DecodeError, match="longer than"):
        wire.decode(wire.Frame, bytes(5_000_000))
