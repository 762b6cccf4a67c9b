"""Motion samples of a pendant: encoded, decoded, and given their times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.errors import DecodeError
from firmware_profiles.imu import STEP_DPS, STEP_G, SampleClock, Samples, decode, encode


@given(st.integers(0, 70_000), st.integers(1, 20), st.booleans(), st.integers(0, 2**32 - 1))
def test_samples_come_back_to_half_a_step(number: int, count: int, with_gyro: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    acc = rng.uniform(-15.9, 15.9, (count, 3)).astype(np.float32)
    gyro = rng.uniform(-1999, 1999, (count, 3)).astype(np.float32) if with_gyro else None
    payload = encode(Samples(number, acc, gyro))
    assert len(payload) <= 244
    back = decode(payload)
    assert back.number == number % 65_536
    np.testing.assert_allclose(back.acc_g, acc, atol=STEP_G * 0.51)
    if gyro is None:
        assert back.gyro_dps is None
    else:
        assert back.gyro_dps is not None
        np.testing.assert_allclose(back.gyro_dps, gyro, atol=STEP_DPS * 0.51)


@given(st.binary(max_size=260))
def test_any_bytes_are_samples_or_an_error(payload: bytes) -> None:
    try:
        samples = decode(payload)
    except DecodeError as error:
        assert "motion samples" in str(error)
    else:
        assert encode(samples) == payload[:2] + bytes((payload[2] & 1,)) + payload[3:]


@given(st.integers(0, 2**32 - 1), st.floats(-40e-6, 40e-6))
def test_times_are_even_although_the_radio_is_not(seed: int, drift: float) -> None:
    rng = np.random.default_rng(seed)
    clock, start = SampleClock(100.0), 1_763_942_400_000_000
    times, true = [], []
    for k in range(400):
        if rng.random() < 0.1:
            continue  # lost on the way
        taken = start + k * 20 * 10_000 * (1 + drift)
        arrived = taken + 200_000 + rng.exponential(8_000)
        times.append(clock.time_of(65_400 + k * 20, 20, round(arrived)))
        true.append(taken)
    off = np.array(times) - np.array(true)
    assert np.abs(off).max() < 80_000
    assert np.abs(np.diff(off)).max() < 12_000, "far more even than the arrivals"


def test_a_restarted_pendant_begins_anew() -> None:
    clock = SampleClock(100.0)
    clock.time_of(500, 20, 10_000_000)
    assert clock.time_of(0, 20, 700_000_000) == pytest.approx(700_000_000 - 200_000)
