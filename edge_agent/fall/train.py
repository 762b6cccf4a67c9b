"""Train a fall model: recordings in, arrays for its npz out. Needs scikit-learn (extra ``train``).

Nothing here knows a data set: the caller brings :class:`Recording` objects and a seed. The same recordings and seed
give the same model. Its probabilities are calibrated by an inner cross-validation by subject, not by the fit.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_agent.fall.augment import vary
from edge_agent.fall.features import BEFORE, EARLY, EARLY_AFTER, LATE, LEAST_AFTER, RATE_HZ, WATCH, Window, early, late
from edge_agent.fall.model import FIELDS, Part, Trees, part_of
from edge_agent.fall.placement import PLACEMENTS, Course, Placement, carry
from edge_agent.fall.signal import ImpactFinder, resample

VARIANTS: tuple[Placement, ...] = ("waist",) * 4 + ("chest",) * 1 + ("pocket",) * 4
"""Where the sensor is in the augmented copies of each recording; one without a gyroscope stays where it is."""
EXCERPT_S = 30.0
"""Longest part of a recording in an augmented copy: more of a walk tells no more."""
EARLIEST = 30
"""Rows after an impact from which its fate is judged: 1.5 s."""
HARDEST, OTHERS = 4, 4
"""Impacts taken from one recording of daily living: the highest, and some of the rest at random."""
FOLDS = 5
SUSPECT, CONFIRM = 0.05, 0.5
"""Probabilities from which on a fall is suspected (one impact in twenty like this is one) and confirmed (likelier than
not). Round numbers on a calibrated scale: the same for every part of the body, fitted to no recording."""
ROUNDS = 2
"""The impact of a fall is not marked in the recordings: first it is the highest one, then the one the model picks."""
TREES = {
    "max_iter": 150,
    "learning_rate": 0.08,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 30,
    "l2_regularization": 2.0,
    "max_features": 0.5,
    "early_stopping": False,
}

Arrays = dict[str, NDArray[Any]]


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled recording at the waist: a fall somewhere in it, or daily living only."""

    subject: str
    name: str
    is_fall: bool
    acc_g: NDArray[np.floating]
    """Shape [n, 3]."""
    rate_hz: float
    gyro_dps: NDArray[np.floating] | None = None
    """Likewise, °/s; without it the recording is not carried to another placement."""
    course: Course = "upright"


class Impacts(msgspec.Struct, frozen=True, kw_only=True):
    """Impacts found in recordings, one a row; ``late`` holds two moments of its watch ([n, 2, features], NaN: none)."""

    subject: NDArray[np.str_]
    copy: NDArray[np.int64]  # number of the recording's copy it comes from; counts up over all
    placement: NDArray[np.str_]
    is_fall: NDArray[np.bool_]
    row: NDArray[np.int64]
    height: NDArray[np.float64]
    early: NDArray[np.float64]
    late: NDArray[np.float64]

    @staticmethod
    def join(parts: Sequence["Impacts"]) -> "Impacts":
        """All of them in one; copies keep apart."""
        offsets = np.cumsum([0, *(int(part.copy.max(initial=-1)) + 1 for part in parts[:-1])])
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Impacts.__struct_fields__}
        columns["copy"] = np.concatenate([part.copy + offset for part, offset in zip(parts, offsets, strict=True)])
        return Impacts(**columns)

    def of(self, subjects: Iterable[str]) -> "Impacts":
        """Those of some subjects."""
        return self._only(np.isin(self.subject, list(subjects)))

    def at(self, part: Part) -> "Impacts":
        """Those that a sensor at this part of the body has measured."""
        return self._only(np.isin(self.placement, [worn for worn in PLACEMENTS if part_of(worn) == part]))

    def _only(self, chosen: NDArray[np.bool_]) -> "Impacts":
        return Impacts(**{name: getattr(self, name)[chosen] for name in Impacts.__struct_fields__})


def impacts_of(recordings: Iterable[Recording], seed: int, variants: Sequence[Placement] = VARIANTS) -> Impacts:
    """The impacts of some recordings, and of an augmented copy of each for every one of ``variants``."""
    found: list[tuple[Any, ...]] = []
    copy = -1
    for recording in recordings:
        rng = np.random.default_rng([seed, zlib.crc32(f"{recording.subject}/{recording.name}".encode())])
        for placement in (None, *variants):
            copy += 1
            worn = placement if placement and recording.gyro_dps is not None else "waist"
            rows = (
                vary(_carried(recording, placement, rng), recording.rate_hz, rng)
                if placement
                else resample(recording.acc_g, recording.rate_hz)
            )
            heights = np.linalg.norm(rows, axis=1)
            for at in _choose(find_impacts(heights), heights, recording.is_fall, rng):
                last = min(WATCH, len(rows) - 1 - at)
                moments = [last, int(rng.integers(EARLIEST, last)) if last > EARLIEST else 0]
                features = early(window(rows, at, EARLY_AFTER))
                fates = [late(window(rows, at, m), features) if m >= LEAST_AFTER else _NONE for m in moments]
                found.append(
                    (recording.subject, copy, worn, recording.is_fall, at, heights[at], features, fates),
                )
    columns = [np.array(column) for column in zip(*found, strict=True)]
    return Impacts(**dict(zip(Impacts.__struct_fields__, columns, strict=True)))


def _carried(recording: Recording, placement: Placement, rng: np.random.Generator) -> NDArray[np.floating]:
    rate, size = recording.rate_hz, round(EXCERPT_S * recording.rate_hz)
    begin = int(rng.integers(max(1, len(recording.acc_g) - size)))
    piece = slice(begin, begin + size)
    if recording.gyro_dps is None:
        return recording.acc_g[piece]
    return carry(
        recording.acc_g[piece],
        recording.gyro_dps[piece],
        rate,
        placement,
        recording.course,
        recording.is_fall,
        rng,
    )


def find_impacts(heights: NDArray[np.float64]) -> list[int]:
    """Rows of the impacts in the magnitudes of a whole recording at the common rate."""
    finder = ImpactFinder()
    return [row - EARLY_AFTER for row, height in enumerate(heights.tolist()) if finder.push(height)]


def window(rows: NDArray[np.float64], impact: int, after: int) -> Window:
    """The window around an impact; where the recording begins later, its first row stands for the time before."""
    begin = max(0, impact - BEFORE)
    piece = rows[begin : impact + 1 + after]
    missing = BEFORE - (impact - begin)
    return np.concatenate((np.repeat(rows[:1], missing, axis=0), piece)) if missing else piece


def fit(impacts: Impacts, seed: int) -> Arrays:
    """The arrays of a model file. Raises ImportError without scikit-learn, ValueError with too few subjects."""
    subjects = sorted(set(impacts.subject.tolist()))
    if len(subjects) < FOLDS:
        raise ValueError(f"{len(subjects)} subjects; cross-validation by subject needs {FOLDS} or more")
    fold = fold_of(subjects)
    folds = np.array([fold[name] for name in impacts.subject.tolist()])
    target = _target(impacts, impacts.height)
    for last in [False] * (ROUNDS - 1) + [True]:
        first = _Stage(EARLY, impacts.early, target, np.arange(len(target)), folds, seed)
        which, moment = np.nonzero(~np.isnan(impacts.late[:, :, 0]))
        # a stumble before a fall ends in that fall: it is an example of neither
        fates = np.where(impacts.is_fall & (target == 0), -1, target)[which]
        second = _Stage(LATE, impacts.late[which, moment], fates, which, folds, seed)
        if not last:
            fate = np.zeros(len(target))
            np.maximum.at(fate, which, second.held_out_score - second.held_out_score.min())
            target = _target(impacts, first.held_out_score + fate)
    return {
        **{f"early/{name}": array for name, array in first.arrays().items()},
        **{f"late/{name}": array for name, array in second.arrays().items()},
        "suspect": np.array(SUSPECT),
        "confirm": np.array(CONFIRM),
    }


def fold_of(subjects: Sequence[str], folds: int = FOLDS) -> dict[str, int]:
    """A fold for each subject; groups (the letters of the name) are spread evenly."""
    groups: dict[str, int] = {}
    result = {}
    for name in sorted(subjects):
        group = name.rstrip("0123456789")
        result[name] = groups.get(group, 0) % folds
        groups[group] = groups.get(group, 0) + 1
    return result


_NONE = np.full(len(LATE), np.nan)


def _choose(found: list[int], heights: NDArray[np.float64], is_fall: bool, rng: np.random.Generator) -> list[int]:
    if is_fall:
        return found
    order = sorted(found, key=lambda row: -heights[row])
    others: list[int] = rng.permutation(np.array(order[HARDEST:], np.int64))[:OTHERS].tolist()
    return order[:HARDEST] + others


def _target(impacts: Impacts, score: NDArray[np.float64]) -> NDArray[np.int64]:
    """1: the impact of a fall; 0: none; -1: not known (near a fall, before or after it)."""
    target = np.where(impacts.is_fall, -1, 0)
    order = np.lexsort((score, impacts.copy))
    best = order[np.append(np.diff(impacts.copy[order]) > 0, True)]  # the highest score of each copy
    best_row = np.zeros(int(impacts.copy.max()) + 1, np.int64)
    best_row[impacts.copy[best]] = impacts.row[best]
    target[impacts.is_fall & (impacts.row < best_row[impacts.copy] - 3 * RATE_HZ)] = 0
    target[best[impacts.is_fall[best]]] = 1
    return target


class _Stage:
    """One stage: trees trained on everything, and for each impact the score of trees trained without its fold."""

    def __init__(
        self,
        directions: dict[str, int],
        features: NDArray[np.float64],
        target: NDArray[np.int64],
        impact: NDArray[np.int64],
        folds: NDArray[np.int64],
        seed: int,
    ) -> None:
        from sklearn.linear_model import LogisticRegression

        known = target >= 0
        settings = {**TREES, "monotonic_cst": list(directions.values()), "random_state": seed}
        self._trees = _boost(settings, features[known], target[known])
        self.held_out_score = np.zeros(len(features))
        for fold in range(FOLDS):
            out = folds[impact] == fold
            trees = _boost(settings, features[~out & known], target[~out & known])
            self.held_out_score[out] = trees.decision_function(features[out])
        calibration = LogisticRegression(C=1e6).fit(self.held_out_score[known, None], target[known])
        self._slope, self._shift = float(calibration.coef_[0, 0]), float(calibration.intercept_[0])
        self._check = features[:: max(1, len(features) // 50)]

    def arrays(self) -> Arrays:
        """The trees for :class:`edge_agent.fall.model.Trees`, proven to say the same."""
        trees = [predictors[0].nodes for predictors in self._trees._predictors]
        size = max(len(nodes) for nodes in trees)
        arrays: Arrays = {name: np.zeros((len(trees), size)) for name in FIELDS}
        for number, nodes in enumerate(trees):
            leaf, own = nodes["is_leaf"].astype(bool), np.arange(len(nodes))
            columns = {
                "feature": np.where(leaf, 0, nodes["feature_idx"]),
                "threshold": np.where(leaf, 0, nodes["num_threshold"]),
                "left": np.where(leaf, own, nodes["left"]),
                "right": np.where(leaf, own, nodes["right"]),
                "value": np.where(leaf, nodes["value"], 0),
            }
            for name, column in columns.items():
                arrays[name][number, : len(nodes)] = column
        for name in ("feature", "left", "right"):
            arrays[name] = arrays[name].astype(np.uint8)
        arrays["value"] = arrays["value"].astype(np.float32)
        arrays |= {
            "depth": np.array(max(int(nodes["depth"].max()) for nodes in trees)),
            "base": np.array(float(self._trees._baseline_prediction[0, 0])),
            "slope": np.array(self._slope),
            "shift": np.array(self._shift),
        }
        ours = np.array([Trees(arrays).probability(row) for row in self._check])
        theirs = 1 / (1 + np.exp(-(self._slope * self._trees.decision_function(self._check) + self._shift)))
        if not np.allclose(ours, theirs, atol=1e-4):
            raise RuntimeError(
                "the exported trees differ from those trained: scikit-learn has changed its inner arrays"
            )
        return arrays


def _boost(settings: dict[str, Any], features: NDArray[np.float64], target: NDArray[np.int64]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    # threads that wait for each other on a busy machine take a hundred times as long for so few rows
    with threadpool_limits(1, "openmp"):
        return HistGradientBoostingClassifier(**settings).fit(features, target)
