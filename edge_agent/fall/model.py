"""Decide which impacts are falls: boosted trees, evaluated with numpy.

Friedman, Annals of Statistics 2001, 29(5):1189 (gradient boosting); Platt 1999 (calibration by a logistic function).
The file is made by ``python -m edge_agent.fall.train``; it holds plain numbers only.
"""

import io
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("model.npz")
FIELDS = ("feature", "threshold", "left", "right", "value")


class Trees:
    """A sum of decision trees in arrays of shape [trees, nodes]; a leaf points to itself."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._feature = arrays["feature"].astype(np.intp)
        self._threshold = arrays["threshold"].astype(np.float64)
        self._next = np.stack((arrays["right"], arrays["left"])).astype(np.intp)
        self._value = arrays["value"].astype(np.float64)
        self._depth = int(arrays["depth"])
        self._base, self._slope, self._shift = (float(arrays[name]) for name in ("base", "slope", "shift"))
        self._tree = np.arange(len(self._feature))

    def probability(self, features: NDArray[np.float64]) -> float:
        """Calibrated probability (0–1) for one row of features, shape [features]."""
        node = np.zeros(len(self._tree), np.intp)
        for _ in range(self._depth):
            goes_left = features[self._feature[self._tree, node]] <= self._threshold[self._tree, node]
            node = self._next[goes_left.astype(np.intp), self._tree, node]
        score = self._base + float(self._value[self._tree, node].sum())
        return float(1 / (1 + np.exp(-(self._slope * score + self._shift))))


class Model:
    """The two stages, each with the probability from which on it reports."""

    def __init__(self, early: Trees, late: Trees, thresholds: dict[str, float]) -> None:
        self.early, self.late = early, late
        self.suspect, self.confirm = thresholds["suspect"], thresholds["confirm"]


def load(file: bytes) -> Model:
    """Read the model from the bytes of an npz file. Raises ValueError where it is none."""
    try:
        with np.load(io.BytesIO(file), allow_pickle=False) as archive:
            early, late = (
                Trees({name.split("/")[1]: archive[name] for name in archive.files if name.startswith(f"{stage}/")})
                for stage in ("early", "late")
            )
            return Model(early, late, {name: float(archive[name]) for name in ("suspect", "confirm")})
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError) as error:
        raise ValueError(f"not a fall model: {error}") from error


@cache
def bundled_model() -> Model:
    """Load the model that comes with the package."""
    return load(FILE.read_bytes())
