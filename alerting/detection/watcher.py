"""Walks the series whose condition holds, or lately held: opens an episode when it has held long enough, ends it when
things have been normal for a while. All other series cost one comparison in an array."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alerting.detection.columns import STEP_US, Bins, whole_series
from alerting.detection.context import MEASURED
from alerting.detection.episodes import Episode

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
    """``episodes`` belongs to the detector's state; the rest is derived from it."""

    def __init__(self, episodes: Episodes, people: int) -> None:
        self._episodes = episodes
        self._watched = np.zeros((people, len(MEASURED)), np.bool_)
        for key in episodes:
            self._watched[key] = True

    def walk(
        self, bins: Bins, outside: NDArray[np.bool_], hold_us: NDArray[np.int64], readings: NDArray[np.int64]
    ) -> Iterator[Turn]:
        """``outside``: where the condition holds; an episode opens after ``hold_us`` and so many readings (shapes [n],
        by bin), and ends after twice as long (at least five minutes) without."""
        for i in whole_series(bins, outside | self._watched[bins.row, bins.column]).tolist():
            key = row, column = int(bins.row[i]), int(bins.column[i])
            begin_us = int(bins.step[i]) * STEP_US
            episode = self._episodes.get(key)
            if not outside[i]:
                if episode is not None:
                    onset_us = episode.onset_us
                    over = episode.release(begin_us + STEP_US, max(300_000_000, 2 * int(hold_us[i])))
                    if over or not onset_us:
                        del self._episodes[key]
                        self._watched[row, column] = False
                    if over:
                        yield Turn("end", i, onset_us, 0, 0)
                continue
            if episode is None:
                episode = self._episodes[key] = Episode()
                self._watched[row, column] = True
            episode.hold(begin_us, int(bins.count[i]))
            held_us = begin_us - episode.since_us
            if not episode.onset_us and held_us >= hold_us[i] and episode.count >= readings[i]:
                episode.onset_us = episode.since_us
                yield Turn("open", i, episode.onset_us, held_us, episode.count)
