"""GATT health characteristics, field by field (GATT Specification Supplement)."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import gatt
from firmware_profiles.errors import DecodeError

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
    ("uuid", "payload", "words"),
    [
        (0x2A5E, "00 62 00 48", "pulse rate needs 2 bytes"),
        (0x2A5E, "00 FF 07 FF 07", "no value"),
        (0x2A5E, "00 00 08 48 00", "NRes"),
        (0x2A5E, "00 FE 07 48 00", r"\+infinity"),
        (0x2A5E, "00 01 08 48 00", "reserved"),
        (0x2A35, "00 FF 07 50 00 5D 00", "systolic"),
        (0x2A1C, "00 FF FF 7F 00", "NaN"),
        (0x2A1C, "00 02 00 80 00", "-infinity"),
        (0x2A37, "10 48 00", "RR intervals"),
        (0x2A35, "02 78 00 50 00 5D 00 EA 07 0D 17 08 1E 05", "no date"),
        (0x2A9D, "00 FF FF", "not successful"),
    ],
)
def test_what_can_not_be_is_a_clear_error(uuid: int, payload: str, words: str) -> None:
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
        for reading in gatt.decode(uuid, payload):
            assert reading.value == reading.value
            assert reading.channel in gatt.GIVES[uuid]
    except DecodeError as error:
        assert str(error)
