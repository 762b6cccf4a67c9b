"""The simulated pendant and the faults of a device: deterministic, plausible, and what the detector makes of them."""

import asyncio

import msgspec
import numpy as np
import pytest

from device_simulators.driver import SimulatedDriver
from device_simulators.faults import Faults, Piece, endless, replay
from device_simulators.motion import IMU_HZ, doing, worn_motion
from device_simulators.recordings import SISFALL_HZ, extract
from edge_agent.fall import FallDetector
from tests.support.ears import Ears, driving, until

NOON = 1_763_942_400 * IMU_HZ + 4 * 3600 * IMU_HZ
FALL = extract()["SA01_F01_R01"]


def test_motion_is_the_same_however_it_is_cut() -> None:
    acc, gyro = worn_motion(3, NOON, 4000)
    for at in range(0, 4000, 777):
        piece_acc, piece_gyro = worn_motion(3, NOON + at, min(777, 4000 - at))
        np.testing.assert_array_equal(piece_acc, acc[at : at + 777])
        np.testing.assert_array_equal(piece_gyro, gyro[at : at + 777])


def test_motion_is_plausible() -> None:
    """Gravity is 1 g; steps swing it; somebody in bed lies."""
    samples = 3600 * IMU_HZ
    magnitudes, lying = [], []
    for hour in range(24):
        acc, gyro = worn_motion(5, NOON + hour * samples, 20 * IMU_HZ)
        magnitudes.append(np.linalg.norm(acc, axis=1))
        assert np.abs(gyro).max() < 250
        if doing(5, (NOON + hour * samples) // IMU_HZ // 10) == "lying":
            lying.append(acc[15 * IMU_HZ :].mean(axis=0))
    everything = np.concatenate(magnitudes)
    assert 0.97 < np.median(everything) < 1.03
    assert 1.2 < everything.max() < 1.8
    assert lying
    assert all(abs(down[1]) < 0.3 for down in lying)


def test_an_ordinary_hour_gives_no_fall() -> None:
    detector = FallDetector(IMU_HZ)
    found = []
    for at in range(0, 3600 * IMU_HZ, 60 * IMU_HZ):
        acc, gyro = worn_motion(3, NOON + at, 60 * IMU_HZ)
        found += detector.feed(round((NOON + at) * 1e6 / IMU_HZ), acc, gyro)
    assert found == []


def play(faults: Faults, seed: int = 1) -> list[str]:
    pieces = list(replay(FALL, faults, seed))
    detector = FallDetector(pieces[0].rate_hz)
    events = [event for piece in pieces for event in detector.feed(piece.t_us, piece.acc_g, piece.gyro_dps)]
    return [event.kind for event in events + detector.flush()]


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(turned=True),
        Faults(every=4, turned=True),
        Faults(every=10),
        Faults(saturation_g=2.5),
        Faults(noise_g=0.05, offset_g=0.1),
        Faults(jitter_ms=15),
        Faults(drop_out=0.02),
    ],
    ids=lambda faults: " ".join(f"{k}={v}" for k, v in msgspec.structs.asdict(faults).items()),
)
def test_a_fall_is_found_in_spite_of_the_device(faults: Faults) -> None:
    assert play(faults)[:1] == ["suspected"]
    assert play(faults)[-1] == "confirmed"


def test_a_battery_that_dies_after_the_impact_leaves_a_suspicion() -> None:
    assert play(Faults(battery_dies_at_s=8.3)) == ["suspected"]


def test_replay_is_deterministic_and_a_sound_device_changes_nothing() -> None:
    def columns(pieces: list[Piece]) -> tuple[np.ndarray, np.ndarray]:
        return np.concatenate([p.acc_g for p in pieces]), np.array([p.t_us for p in pieces])

    bad = Faults(drop_out=0.2, jitter_ms=20, noise_g=0.1, turned=True)
    one, other = columns(list(replay(FALL, bad, 4))), columns(list(replay(FALL, bad, 4)))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert len(one[0]) < len(FALL[0])
    whole, times = columns(list(replay(FALL, Faults(), 4)))
    np.testing.assert_array_equal(whole, FALL[0])
    np.testing.assert_array_equal(np.diff(times), 100_000)


def test_recordings_can_go_on_without_a_break() -> None:
    pieces = endless([FALL, extract()["SE01_D08_R03"]], Faults(), 1)
    times = np.array([next(pieces).t_us for _ in range(400)])
    assert (np.diff(times) > 0).all()
    assert times[-1] > len(FALL[0]) / SISFALL_HZ * 1e6


def test_the_simulated_driver_plays_a_bad_device_faster_than_life() -> None:
    ears = Ears()
    scenario = {
        "kind": "fall",
        "at_s": 0,
        "recordings": ["SA01_F01_R01"],
        "speed": 50,
        "faults": {"every": 2, "turned": True, "drop_out": 0.03},
    }
    driver = SimulatedDriver({"seed": 2, "scenarios": [scenario]}, [])

    async def scene() -> None:
        async with driving(driver, ears):
            await until(lambda: sum(len(acc) for _, acc in ears.pieces) > 1300, lambda: len(ears.pieces))

    asyncio.run(scene())
    detector, kinds = FallDetector(100.0), []
    for t_us, acc in ears.pieces:
        kinds += [event.kind for event in detector.feed(t_us, acc)]
    assert [*kinds, *(event.kind for event in detector.flush())] == ["suspected", "confirmed"]


def test_a_fault_that_does_not_exist_is_told() -> None:
    with pytest.raises(ValueError, match="rust"):
        SimulatedDriver({"scenarios": [{"kind": "wear", "at_s": 0, "faults": {"rust": 1}}]}, [])
