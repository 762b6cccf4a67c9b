"""Training: reproducible, by subject, and what is exported is what was trained."""

import io
from importlib.util import find_spec

import numpy as np
import pytest

from device_simulators.motion import IMU_HZ, worn_motion
from edge_agent.fall import FallDetector, model, train

NOON = 1_763_942_400 + 4 * 3600

pytestmark = [
    # looked for and not imported: it takes a second in each process that collects the tests
    pytest.mark.skipif(find_spec("sklearn") is None, reason="no scikit-learn: install the extra 'train'"),
]


def recording(seed: int, kind: str, acc: np.ndarray) -> train.Recording:
    return train.Recording(subject=f"A{seed % 6}", name=f"{kind}{seed}", is_fall=kind == "F", acc_g=acc, rate_hz=IMU_HZ)


def a_fall(seed: int) -> train.Recording:
    """Standing, half a second of falling, an impact, lying still."""
    rng = np.random.default_rng(seed)
    n = 14 * IMU_HZ
    acc = np.tile([0.0, 1.0, 0.0], (n, 1))
    at = round(rng.uniform(5, 8) * IMU_HZ)
    acc[at - 80 : at] *= np.linspace(1, 0.1, 80)[:, None]
    acc[at:] = [0, 0.1, 1]
    acc[at : at + 24] += rng.uniform(3, 5) * np.hanning(24)[:, None] * [0.3, 0.5, 1]
    acc += rng.normal(0, 0.01, acc.shape)
    return recording(seed, "F", acc)


def an_hour_in_short(seed: int) -> train.Recording:
    """Walking, with a thud of the foot now and then."""
    rng = np.random.default_rng(1000 + seed)
    acc = worn_motion(seed, (NOON + 600 * seed) * IMU_HZ, 20 * IMU_HZ)[0].astype(float)
    for at in rng.integers(IMU_HZ, 18 * IMU_HZ, 6):
        acc[at : at + 16] *= 1 + rng.uniform(0.6, 2) * np.hanning(16)[:, None]
    return recording(seed, "D", acc)


@pytest.fixture(scope="module")
def impacts() -> train.Impacts:
    recordings = [a_fall(seed) for seed in range(18)] + [an_hour_in_short(seed) for seed in range(24)]
    return train.impacts_of(recordings, seed=1, variants=("waist",) * 3)


@pytest.fixture(scope="module")
def arrays(impacts: train.Impacts) -> train.Arrays:
    return train.fit(impacts, seed=1)


def loaded(arrays: train.Arrays) -> model.Model:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return model.load(file.getvalue())


def test_the_same_seed_gives_the_same_model(impacts: train.Impacts, arrays: train.Arrays) -> None:
    again = train.fit(impacts, seed=1)
    assert arrays.keys() == again.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)


def test_a_trained_model_tells_falls_it_has_not_seen_from_walking(arrays: train.Arrays) -> None:
    trained = loaded(arrays)

    def kinds(recording: train.Recording) -> list[str]:
        detector = FallDetector(recording.rate_hz, trained)
        return [event.kind for event in detector.feed(0, recording.acc_g) + detector.flush()]

    assert [kinds(a_fall(seed))[-1:] for seed in range(50, 60)] == [["confirmed"]] * 10
    assert ["confirmed" in kinds(an_hour_in_short(seed)) for seed in range(50, 60)] == [False] * 10


def test_no_subject_is_in_two_folds_and_groups_are_spread() -> None:
    fold = train.fold_of([f"SA{n:02}" for n in range(1, 18)] + [f"SE{n:02}" for n in range(1, 11)])
    elderly = [fold[name] for name in fold if name.startswith("SE")]
    assert sorted(set(fold.values())) == list(range(train.FOLDS))
    assert all(elderly.count(number) == 2 for number in range(train.FOLDS))


def test_too_few_subjects_are_refused(impacts: train.Impacts) -> None:
    with pytest.raises(ValueError, match="2 subjects"):
        train.fit(impacts.of(["A0", "A1"]), seed=1)


@pytest.mark.parametrize("cut", [0, 3, 1000, 20_000])
def test_a_damaged_model_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="not a fall model"):
        model.load(model.bundled_file("trunk").read_bytes()[:cut])
