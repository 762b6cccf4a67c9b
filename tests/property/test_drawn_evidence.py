"""What a device sent is drawn, or left out: nothing in an alert's evidence keeps its page from opening."""

import base64
import datetime as dt
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerting.tuning.catalogue import catalogue
from console.shell.views import clock, duration, fall_plot, milliseconds, templates, words_of
from dispatch.alerts import evidence
from firmware_profiles.channels import CHANNELS
from firmware_profiles.errors import DecodeError
from firmware_profiles.signal import MOST_BYTES, decode_signal, encode_signal

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from([*CHANNELS])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = sorted(
    {*evidence.LABELS, *evidence.FALL, *evidence.APART, "kind", "signal", "total", "level", "parts", "left_out"}
)
KINDS = ("fall", "event", "news2", "news2_trend", "weight", "limit", "baseline", "bare")
PARTS = st.lists(st.fixed_dictionaries({"channel": st.sampled_from([*CHANNELS]) | JSON, "points": JSON}), max_size=3)
EVIDENCE = st.builds(
    lambda given, kind, more: {**given, **more, "kind": kind},
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8),
    st.sampled_from(KINDS) | JSON,
    st.fixed_dictionaries({}, optional={"parts": PARTS, "features": st.dictionaries(st.text(max_size=5), JSON)}),
)
SIGNALS = st.binary(max_size=60) | st.builds(
    lambda start, rate, samples: msgspec.msgpack.encode((start, rate, samples)),
    *(st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=4),) * 2,
    st.binary(max_size=40) | st.text(max_size=4),
)


def why(given: Any, language: Any = "en") -> str:
    """The section "Why" of an alert's page."""
    alert = SimpleNamespace(
        evidence=given, resident_code="R0001", rule="fall", rule_version=1, sensed_us=1_800_000_000_000_000,
        raised_us=1_800_000_000_100_000,
    )  # fmt: skip
    account: Any = SimpleNamespace(role="dispatcher", area_path="x")
    words = {**words_of(language, account), "may": lambda _action: True}
    return templates.env.get_template("_why.html").render(words, alert=alert)


@settings(max_examples=60)
@given(EVIDENCE | JSON, st.sampled_from(["zh", "en"]))
@example({"kind": "news2", "parts": 7, "total": None, "level": {}}, "en")
@example({"kind": "limit", "channel": [], "window": {"since_us": 10**30, "until_us": "x"}}, "zh")
@example({"kind": "limit", "held_s": "x", "room": [], "last_vital_us": 10**40, "days": {}}, "en")
@example({"kind": "weight", "days": [10**9], "parameters": {"a": "x"}}, "en")
@example({"kind": "fall", "room": False, "room_before": 7.5}, "zh")
def test_the_page_opens_whatever_the_evidence(given: Any, language: str) -> None:
    assert "Rule" in why(given, language) or language == "zh"
    known = evidence.readable(given)
    for lines in (evidence.lines(known), evidence.fall(known), evidence.parameters(known, catalogue())):
        assert all(isinstance(text, str) for line in lines for text in line)
    assert set(evidence.channels(known)) <= set(CHANNELS)


@given(SIGNALS)
@example(msgspec.msgpack.encode((0, 50.0, b"\0" * 7)))
@example(msgspec.msgpack.encode((0, 50.0, b"")))
@example(msgspec.msgpack.encode((0, float("nan"), b"\0" * 6)))
@example(msgspec.msgpack.encode((2**63, 1e300, b"\0" * 6)))
@example(b"\x93" * 5000)
@example(b"\0" * (MOST_BYTES + 1))
def test_a_signal_is_drawn_or_there_is_no_picture(raw: bytes) -> None:
    drawn = fall_plot({"signal": base64.b64encode(raw).decode()})
    try:
        signal = decode_signal(raw)
    except DecodeError:
        assert drawn == ""
    else:
        assert len(drawn.split()) == len(signal.milli_g)
    assert "<svg" not in why({"kind": "fall", "signal": "no base64 \ud800"})


def test_a_whole_signal_is_a_picture() -> None:
    milli_g = np.tile(np.array([[0, 0, 1000]], np.int16), (500, 1))
    raw = encode_signal(1_800_000_000_000_000, 50.0, milli_g)
    assert "122.5" in why({"kind": "fall", "signal": base64.b64encode(raw).decode()})
    assert np.array_equal(decode_signal(raw).milli_g, milli_g)


@given(st.integers() | st.none(), st.floats(0, 1e12) | st.none())
def test_times_are_written_or_a_dash(value: int | None, seconds: float | None) -> None:
    assert clock(value)
    assert duration(seconds)


@pytest.mark.parametrize("value", [dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC)])
def test_the_ends_of_the_calendar_are_written(value: dt.datetime) -> None:
    assert clock(value)
    assert isinstance(milliseconds(value), int)
