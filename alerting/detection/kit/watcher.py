"""Opens an episode of a series when a condition has held long enough, and ends it after a while of normal values.

Only series whose condition holds, or held lately, are walked; all others cost one comparison in an array.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alerting.detection.kit.columns import STEP_US, Bins, whole_series
from alerting.detection.kit.context import COLUMNS
from alerting.detection.kit.episodes import Episode
from vocabulary.times import MINUTE_US

Episodes = dict[tuple[int, int], Episode]
"""By (row, column)."""


class Turn(NamedTuple):
    """An episode began or ended at bin ``at``; ``held_us``: how long the condition has held."""

    kind: Literal["open", "end"]
    at: int
    onset_us: int
    held_us: int
    readings: int


class Watcher:
    """Walks bins with ``episodes``, which belong to the detector's state.

    An episode opens after ``hold_us`` and this number of ``readings`` (both of a shape that broadcasts to [people,
    channels]), in which one normal reading in five resets nothing, and ends after twice as long (at least five minutes)
    of normal values.
    """

    def __init__(self, episodes: Episodes, people: int, hold_us: ArrayLike, readings: ArrayLike) -> None:
        self._episodes = episodes
        self._hold_us = np.broadcast_to(hold_us, (people, COLUMNS))
        self._readings = np.broadcast_to(readings, (people, COLUMNS))
        self._watched = np.zeros((people, COLUMNS), np.bool_)
        for key in episodes:
            self._watched[key] = True

    def walk(self, bins: Bins, outside: NDArray[np.bool_], after: NDArray[np.int64] | None = None) -> Iterator[Turn]:
        """Episodes that begin or end with these bins. ``outside``: where the condition holds, shape [n], by bin.
        ``after``: the step in which it was last known not to hold in another way; a hold that began before is none."""
        concerned = outside | self._watched.take(bins.series) if self._episodes else outside
        for i in whole_series(bins, concerned).tolist():
            key = row, column = int(bins.row[i]), int(bins.column[i])
            begin_us, hold_us = int(bins.step[i]) * STEP_US, int(self._hold_us[key])
            episode = self._episodes.get(key)
            if not outside[i]:
                if episode is not None:
                    onset_us = episode.onset_us
                    over = episode.release(begin_us + STEP_US, max(5 * MINUTE_US, 2 * hold_us), int(bins.count[i]))
                    if over or not (onset_us or episode.since_us):
                        del self._episodes[key]
                        self._watched[row, column] = False
                    if over:
                        yield Turn("end", i, onset_us, 0, 0)
                continue
            if episode is None:
                episode = self._episodes[key] = Episode()
                self._watched[row, column] = True
            if after is not None and not episode.onset_us and episode.since_us <= int(after[i]) * STEP_US:
                episode.since_us = 0
            episode.hold(begin_us, int(bins.count[i]))
            held_us = begin_us - episode.since_us
            if not episode.onset_us and held_us >= hold_us and episode.count >= self._readings[key]:
                episode.onset_us = episode.since_us
                yield Turn("open", i, episode.onset_us, held_us, episode.count)
