"""Decide which impacts are falls: boosted trees, evaluated with numpy.

Friedman, Annals of Statistics 2001, 29(5):1189 (gradient boosting); Platt 1999 (calibration by a logistic function).
The files are made by ``shouwang train falls``; they hold plain numbers only.
"""

import io
import zipfile
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.fall.placement import Placement

Part = Literal["trunk", "thigh"]
"""Part of the body that a model is for: the thigh lies down with every chair, the trunk does not."""
PARTS: tuple[Part, ...] = ("trunk", "thigh")
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


def part_of(placement: Placement) -> Part:
    """The part of the body that a sensor at ``placement`` moves with."""
    return "thigh" if placement == "pocket" else "trunk"


def bundled_file(part: Part) -> Path:
    """Path of the model for ``part`` that comes with the package."""
    return Path(__file__).with_name(f"{part}.npz")


@cache
def bundled_model(part: Part) -> Model:
    """Load the model for ``part`` that comes with the package."""
    return load(bundled_file(part).read_bytes())
