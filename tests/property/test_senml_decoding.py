"""Whatever comes to the SenML door: a pack or a DecodeError, a reading or a MeasurementError, and resolving twice is
resolving once."""

import json

from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import senml
from firmware_profiles.channels import CHANNELS
from firmware_profiles.errors import DecodeError

NOW = 1_800_000_000_000_000


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
LABELS = st.sampled_from(
    ["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut", "x", "x_"]
)
NUMBERS = st.floats(-1e9, 1e9)
RECORDS = st.fixed_dictionaries(
    {"n": st.sampled_from(["a", "radar/heart_rate", "urn:dev:x:spo2", *(f"d/{code}" for code in CHANNELS)])},
    optional={
        "bn": st.sampled_from(["", "x:", "y/"]),
        "bt": NUMBERS,
        "t": NUMBERS,
        "bv": NUMBERS,
        "v": NUMBERS,
        "s": NUMBERS,
        "u": st.sampled_from(["Cel", "/", "%", "beat/min", "K", "mm[Hg]"]),
        "bu": st.sampled_from(["", "Pa"]),
    },
)


@given(st.one_of(st.binary(max_size=200), st.lists(st.one_of(SCALARS, st.dictionaries(LABELS, SCALARS))).map(dumped)))
def test_nothing_but_a_decode_error(payload: bytes) -> None:
    try:
        pack = senml.decode(payload, NOW)
    except DecodeError as error:
        assert str(error)
        return
    for record in pack.records:
        try:
            senml.measure(record)
        except senml.MeasurementError as error:
            assert error.kind in ("name", "channel", "unit", "value")


@given(st.lists(RECORDS, min_size=1, max_size=20))
def test_resolved_records_resolve_to_themselves(records: list[dict[str, object]]) -> None:
    try:
        pack = senml.decode(senml.encode(records), NOW)
    except DecodeError:
        return
    times = [record.time_us for record in pack.records]
    assert times == sorted(times)
    absolute = [record for record in pack.records if record.time_us >= senml.ABSOLUTE_FROM_S * 1e6]
    if absolute:
        again = senml.decode(senml.encode(senml.resolved_fields(record) for record in absolute), NOW + 5_000_000)
        assert again.records == absolute
        assert not again.relative
