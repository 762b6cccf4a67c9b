"""Make variants of a recording, as other sensors on other wearers would record it: the model must not depend on them.

Each variant turns the sensor, changes its rate, range, gain, offset, noise and the tightness of its strap, and starts
and ends the recording elsewhere.
"""

import numpy as np
from numpy.typing import NDArray

from edge_agent.fall.features import RATE_HZ
from edge_agent.fall.signal import resample

RATES_HZ = (20.0, 25.0, 25.0, 50.0, 100.0, 200.0)
RANGES_G = (2.0, 2.0, 4.0, 8.0, 16.0)


def vary(acc_g: NDArray[np.floating], rate_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """One variant of a recording (``acc_g`` of shape [n, 3] in g), already at the common rate: shape [m, 3]."""
    from scipy.signal import butter, sosfilt  # takes a second to load: only training should wait for it

    acc = np.asarray(acc_g, np.float64)
    if rng.random() < 0.4:  # a sensor that filters, or a loose belt
        acc = sosfilt(butter(2, rng.uniform(5, 20), fs=rate_hz, output="sos"), acc - acc[0], axis=0) + acc[0]
    acc = another_sensor(acc, rng)
    acc = np.clip(acc, -(limit := rng.choice(RANGES_G)), limit)
    rate = rng.choice(RATES_HZ)
    step = round(rate_hz / rate)
    acc = acc[rng.integers(step) :: step]  # a plain sensor takes a sample now and then; it does not average
    tempo = rng.uniform(0.93, 1.07)  # a taller or a smaller person, or a clock that is off
    rows = resample(acc, rate_hz / step * tempo)
    return rows[rng.integers(0, 2 * RATE_HZ) :] if rng.random() < 0.5 else rows


def another_sensor(acc_g: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float64]:
    """The same motion, shape [n, 3] in g, measured in other axes with other errors of gain, offset and noise."""
    from scipy.spatial.transform import Rotation

    acc = np.asarray(acc_g, np.float64) @ Rotation.random(rng=rng).as_matrix().T
    acc = acc * rng.normal(1, 0.03, 3) + rng.normal(0, 0.05, 3)
    measured: NDArray[np.float64] = acc + rng.normal(0, rng.uniform(0, 0.03), acc.shape)
    return measured
