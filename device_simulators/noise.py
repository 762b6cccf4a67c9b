"""Noise that is a function of time: the same seed and moment always give the same value."""

import numpy as np
from numpy.typing import NDArray


def uniform(seed: int, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """White noise in [0, 1) at integer steps, shape [n] (splitmix64: Steele, Lea, Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        z = steps.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed * 0x632BE59BD9B4E019 % 2**64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return np.asarray((z >> np.uint64(11)).astype(np.float64) / 2**53)


def normal(seed: int, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """White noise, mean 0, standard deviation 1 (Box and Muller 1958)."""
    radius = np.sqrt(-2 * np.log(1 - uniform(seed, steps)))
    return np.asarray(radius * np.cos(2 * np.pi * uniform(seed + 1, steps)))


def smooth(seed: int, seconds: NDArray[np.float64], period_s: float) -> NDArray[np.float64]:
    """Slow noise with values mostly in [-1, 1]: five waves of periods around ``period_s``."""
    wave = np.arange(5, dtype=np.int64)
    periods = period_s * (0.5 + 1.5 * uniform(seed, wave))
    phases = 2 * np.pi * uniform(seed + 7, wave)
    return np.asarray(np.sin(2 * np.pi * seconds[:, None] / periods + phases).mean(axis=1) * 1.6)
