"""GATT health characteristics, field by field (GATT Specification Supplement)."""

import datetime as dt
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import gatt
from firmware_profiles.errors import DecodeError
from firmware_profiles.readings import Oddity, Reading

WHEN = bytes([0xEA, 0x07, 11, 23, 8, 30, 5])  # 2026-11-23 08:30:05
WHEN_US = int(dt.datetime(2026, 11, 23, 8, 30, 5, tzinfo=dt.timezone(dt.timedelta(hours=8))).timestamp() * 1e6)


def values(uuid: int, payload: bytes) -> dict[str, float]:
    return {reading.channel: round(reading.value, 3) for reading in gatt.decode(uuid, payload)}


@pytest.mark.parametrize(
    ("uuid", "payload", "expected"),
    [
        (0x2A37, "00 48", {"heart_rate": 72}),
        (0x2A37, "01 2C 01", {"heart_rate": 300}),
        (0x2A37, "06 48", {"heart_rate": 72}),  # skin contact detected
        (0x2A37, "04 48", {}),  # contact supported, not detected: the number means nothing
        (0x2A37, "18 48 10 00 00 04", {"heart_rate": 72, "rr_interval": 1000}),
        (0x2A5E, "00 62 00 48 00", {"spo2": 98, "heart_rate": 72}),
        (0x2A5E, "00 D1 F3 48 00", {"spo2": 97.7, "heart_rate": 72}),  # 977e-1
        (0x2A5E, "00 FF 07 48 00", {"heart_rate": 72}),  # SpO2 NaN: not available now
        (0x2A5E, "0E 62 00 48 00 00 00 00 00 00 2D F0", {"spo2": 98, "heart_rate": 72, "perfusion_index": 4.5}),
        (0x2A5F, "00 62 00 48 00", {"spo2": 98, "heart_rate": 72}),
        (0x2A5F, "03 62 00 48 00 61 00 47 00 60 00 46 00", {"spo2": 98, "heart_rate": 72}),
        (0x2A35, "00 78 00 50 00 5D 00", {"systolic_bp": 120, "diastolic_bp": 80, "mean_bp": 93}),
        (0x2A35, "04 78 00 50 00 FF 07 48 00", {"systolic_bp": 120, "diastolic_bp": 80, "heart_rate": 72}),
        (0x2A35, "01 A0 F0 6B F0 FF 07", {"systolic_bp": 120.01, "diastolic_bp": 80.257}),  # 16.0 and 10.7 kPa
        (0x2A1C, "00 6D 01 00 FF", {"body_temperature": 36.5}),
        (0x2A1C, "01 DA 03 00 FF", {"body_temperature": 37.0}),  # 98.6 °F
        (0x2A9D, "00 70 35", {"weight": 68.4}),
        (0x2A9D, "01 98 3A", {"weight": 68.039}),  # 150.00 lb
        (0x2A18, "06 01 00" + WHEN.hex() + "37 D0 11", {"glucose": 55.0}),  # 55e-3 mol/L
    ],
)
def test_values(uuid: int, payload: str, expected: dict[str, float]) -> None:
    assert values(uuid, bytes.fromhex(payload)) == pytest.approx(expected, abs=0.01)
    assert expected.keys() <= gatt.GIVES[uuid]


def test_glucose_in_kg_per_litre() -> None:
    # 99e-5 kg/L = 0.99 g/L = 99 mg/dL = 5.5 mmol/L
    payload = bytes([0x02, 1, 0]) + WHEN + bytes([0x63, 0xB0, 0x11])
    assert values(0x2A18, payload)["glucose"] == pytest.approx(5.495, abs=0.001)


def test_glucose_time_offset_moves_the_time() -> None:
    payload = bytes([0x07, 1, 0]) + WHEN + (-90).to_bytes(2, "little", signed=True) + bytes([0x37, 0xD0, 0x11])
    (reading,) = gatt.decode(0x2A18, payload)
    assert reading.time_us == WHEN_US - 90 * 60_000_000


@pytest.mark.parametrize("uuid", sorted(gatt.GIVES))
def test_an_empty_value_is_truncated(uuid: int) -> None:
    with pytest.raises(DecodeError, match="truncated"):
        gatt.decode(uuid, b"")


@pytest.mark.parametrize(
    ("uuid", "payload", "words", "kept"),
    [
        (0x2A5E, "00 00 08 48 00", "NRes", {"heart_rate": 72}),
        (0x2A5E, "00 FE 07 48 00", r"\+infinity", {"heart_rate": 72}),  # more than 100 % is no word of a meter
        (0x2A5E, "00 01 08 48 00", "reserved", {"heart_rate": 72}),
        (0x2A35, "04 FF 07 50 00 5D 00 48 00", "systolic", {"heart_rate": 72}),
        (0x2A35, "00 FF 07 FF 07 FF 07", "did not succeed", {}),  # blood-pressure-monitor-fl#80: "Err"
        (0x2A35, "02 78 00 50 00 5D 00 EA 07 0D 17 08 1E 05", "no date", {"systolic_bp": 120, "diastolic_bp": 80}),
        (0x2A1C, "00 FF FF 7F 00", "NaN", {}),
        (0x2A1C, "00 00 00 12 7F", "too large", {}),  # ble-test-peripheral-android#89
        (0x2A37, "10 48 00", "RR intervals", {"heart_rate": 72}),
        (0x2A9D, "00 FF FF", "not successful", {}),
        (0x2A9C, "00 04 FF FF FF FF", "not successful", {}),
        (0x2A18, "0A 05 00" + WHEN.hex() + "37 C0 11 02 00", "failed measurement", {}),  # malfunction
    ],
)
def test_a_field_that_can_not_be_is_told_and_costs_itself_alone(
    uuid: int, payload: str, words: str, kept: dict[str, float]
) -> None:
    odd = [item.reason for item in gatt.hear(uuid, bytes.fromhex(payload)) if isinstance(item, Oddity)]
    assert len(odd) == 1
    assert re.search(words, odd[0])
    found = values(uuid, bytes.fromhex(payload))
    assert {channel: found[channel] for channel in kept} == pytest.approx(kept)
    assert bool(found) == bool(kept)


def test_an_oximeter_without_a_value_at_the_moment_says_nothing() -> None:
    assert gatt.hear(0x2A5E, bytes.fromhex("00 FF 07 FF 07")) == []


@pytest.mark.parametrize(
    ("uuid", "payload", "channel", "value", "beyond"),
    [
        (0x2A18, "06 01 00" + WHEN.hex() + "FE 07 11", "glucose", 33.3, "above"),
        (0x2A18, "06 01 00" + WHEN.hex() + "02 08 11", "glucose", 0.6, "below"),
        (0x2A18, "0A 01 00" + WHEN.hex() + "58 B0 11 20 00", "glucose", 33.3, "above"),  # status: result too high
        (0x2A18, "08 01 00" + WHEN.hex() + "40 00", "glucose", 0.6, "below"),  # status alone: result too low
        (0x2A35, "00 FE 07 82 00 FF 07", "systolic_bp", 280, "above"),
        (
            0x2A35,
            "14 78 00 50 00 FF 07 FF 07 08 00",
            "heart_rate",
            250,
            "above",
        ),  # pulse range: exceeds the upper limit
        (0x2A35, "14 78 00 50 00 FF 07 FF 07 10 00", "heart_rate", 30, "below"),
        (0x2A1C, "00 FE FF 7F 00", "body_temperature", 43, "above"),
        (0x2A1C, "01 02 00 80 00", "body_temperature", 32, "below"),  # in °F: LO is LO
        (0x2A5F, "00 02 08 48 00", "spo2", 70, "below"),
    ],
)
def test_hi_and_lo_are_readings_at_the_meters_bound(
    uuid: int, payload: str, channel: str, value: float, beyond: str
) -> None:
    (found,) = [reading for reading in gatt.decode(uuid, bytes.fromhex(payload)) if reading.beyond]
    assert (found.channel, found.value, found.beyond) == (channel, value, beyond)


@pytest.mark.parametrize("bit", [10, 11, 12, 13, 15])
def test_a_measurement_that_the_oximeter_takes_back_is_none(bit: int) -> None:
    status = (1 << bit).to_bytes(2, "little")
    assert gatt.hear(0x2A5F, bytes.fromhex("04 46 00 28 00") + status) == []
    assert gatt.hear(0x2A5E, bytes.fromhex("02 46 00 28 00") + status) == []


@pytest.mark.parametrize("bit", [1, 3, 7, 11, 12, 13, 14, 15])
def test_a_sensor_off_the_finger_or_broken_measures_nothing(bit: int) -> None:
    status = (1 << bit).to_bytes(3, "little")
    for uuid, flags in ((0x2A5F, "08"), (0x2A5E, "04")):
        found = gatt.hear(uuid, bytes.fromhex(flags + "46 00 28 00") + status)
        assert [type(item) for item in found] == [Oddity] * (bit in (1, 14)), "only what is broken is worth a word"


@pytest.mark.parametrize(
    ("uuid", "payload"),
    [
        (0x2A5F, "04 46 00 28 00 00 40"),  # questionable measurement
        (0x2A5F, "08 46 00 28 00 20 00 00"),  # low perfusion: may be an artefact, may be shock
        (0x2A5E, "04 46 00 28 00 40 00 00"),  # erratic signal
        (0x2A35, "10 78 00 50 00 5D 00 02 00"),  # the cuff is loose
    ],
)
def test_a_doubtful_measurement_is_told_with_its_quality(uuid: int, payload: str) -> None:
    quality, *others = gatt.decode(uuid, bytes.fromhex(payload))
    assert (quality.channel, quality.value) == ("signal_quality", gatt.DOUBTFUL)
    assert others


def test_a_stored_measurement_has_its_own_time_or_none() -> None:
    stored = "46 00 28 00"
    assert gatt.decode(0x2A5E, bytes.fromhex("02" + stored + "00 02")) == []  # no time: when was it?
    dated = gatt.decode(0x2A5E, bytes.fromhex("03" + stored) + WHEN + bytes.fromhex("00 02"))
    assert {reading.time_us for reading in dated} == {WHEN_US}
    assert gatt.decode(0x2A5F, bytes.fromhex("04" + stored + "00 02")) == []


def test_a_glucose_meter_that_has_lost_the_time_has_none() -> None:
    (reading,) = gatt.decode(0x2A18, bytes.fromhex("0E 01 00") + WHEN + bytes.fromhex("37 C0 11 00 08"))
    assert (round(reading.value, 3), reading.time_us) == (5.5, None)


@pytest.mark.parametrize("fluid", ["1A", "41"])  # by its type, by the place of the sample
def test_control_solution_is_nobodys_glucose(fluid: str) -> None:
    assert gatt.hear(0x2A18, bytes.fromhex("06 01 00") + WHEN + bytes.fromhex("37 C0" + fluid)) == []


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("98 03 C5 00 A0 1B 7C 01 3C 2F 74 20 52 12", {}),  # Beurer BF105, openScale#635: without its weight
        ("00 04 C5 00 70 35", {"weight": 68.4}),
        ("01 04 C5 00 98 3A", {"weight": 68.039}),  # lb
        ("FE 0F C5 00" + WHEN.hex() + "01" + "00 00" * 7 + "70 35 A2 06", {"weight": 68.4}),
        ("00 04 FF FF 70 35", {"weight": 68.4}),  # no bare feet: the weight is good
    ],
)
def test_body_composition_gives_the_weight(payload: str, expected: dict[str, float]) -> None:
    assert values(0x2A9C, bytes.fromhex(payload)) == pytest.approx(expected, abs=0.01)


@given(st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_no_date_makes_a_pressure_undecodable(year: int, month: int, day: int, hour: int, second: int) -> None:
    stamp = year.to_bytes(2, "little") + bytes((month, day, hour, 0, second))
    high, low, _ = gatt.decode(0x2A35, bytes.fromhex("02 78 00 50 00 5D 00") + stamp)
    assert (high.value, low.value) == (120, 80)
    assert high.time_us is None or abs(high.time_us) < 2**62


@pytest.mark.parametrize("uuid", [gatt.CURRENT_TIME, gatt.DATE_TIME])
def test_a_clock_is_set_to_what_is_then_read(uuid: int) -> None:
    payload = gatt.encode_clock(uuid, WHEN_US)
    assert payload[:7] == WHEN
    assert len(payload) == {gatt.CURRENT_TIME: 10, gatt.DATE_TIME: 7}[uuid]
    assert gatt.decode_clock(payload) == WHEN_US
    assert gatt.decode_clock(bytes(10)) is None


@pytest.mark.parametrize(("uuid", "payload", "words"), [(0x2A5E, "00 62 00 48", "pulse rate needs 2 bytes")])
def test_a_missing_byte_is_a_clear_error(uuid: int, payload: str, words: str) -> None:
    with pytest.raises(DecodeError, match=words):
        gatt.decode(uuid, bytes.fromhex(payload))


def test_time_stamps_are_shanghai_time_and_may_be_unknown() -> None:
    (reading,) = gatt.decode(0x2A1C, bytes.fromhex("02 6D 01 00 FF") + WHEN)
    assert reading.time_us == WHEN_US
    (reading,) = gatt.decode(0x2A1C, bytes.fromhex("02 6D 01 00 FF") + bytes(7))
    assert reading.time_us is None


def test_an_oximeter_whose_clock_was_never_set_has_no_time() -> None:
    readings = gatt.decode(0x2A5E, bytes.fromhex("11 62 00 48 00") + WHEN)
    assert {reading.time_us for reading in readings} == {None}


def test_an_unknown_characteristic_names_the_known_ones() -> None:
    with pytest.raises(DecodeError, match="0x2A37"):
        gatt.decode(0x1234, b"\x00")


@given(st.one_of(st.sampled_from(sorted(gatt.GIVES)), st.integers(0, 0xFFFF)), st.binary(max_size=40))
def test_no_bytes_raise_anything_else(uuid: int, payload: bytes) -> None:
    try:
        for item in gatt.hear(uuid, payload):
            assert isinstance(item, Reading | Oddity)
            if isinstance(item, Reading):
                assert math.isfinite(np.float32(item.value))
                assert item.channel in gatt.GIVES[uuid]
    except DecodeError as error:
        assert str(error)
