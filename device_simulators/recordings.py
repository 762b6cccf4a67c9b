"""Recorded IMU signals, in physical units."""

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SISFALL_HZ = 200.0
SISFALL_G = np.float32(32 / 2**13)
"""ADXL345, ±16 g, 13 bit: g per unit (SisFall, Readme)."""
SISFALL_DPS = np.float32(4000 / 2**16)
"""ITG3200, ±2000 °/s, 16 bit: °/s per unit (SisFall, Readme)."""
EXTRACT = Path(__file__).with_name("recordings") / "sisfall.npz"

Motion = tuple[NDArray[np.float32], NDArray[np.float32]]
"""(acceleration [n, 3] in g, angular rate [n, 3] in °/s), 200 Hz."""


def load_sisfall(file: Path) -> dict[str, Motion]:
    """Every trial of a SisFall ``.npz`` file. Raises ValueError where a key does not hold [samples, 6]."""
    trials: dict[str, Motion] = {}
    with np.load(file) as archive:
        for key in archive.files:
            raw = archive[key]
            if raw.ndim != 2 or raw.shape[1] != 6:
                raise ValueError(f"{file}: {key} has shape {list(raw.shape)}, not [samples, 6]")
            trials[key] = (raw[:, :3] * SISFALL_G, raw[:, 3:] * SISFALL_DPS)
    return trials


@cache
def extract() -> dict[str, Motion]:
    """The trials that come with this package."""
    return load_sisfall(EXTRACT)
