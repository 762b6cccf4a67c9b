"""Detect falls in a raw acceleration signal: impact → suspicion → confirmed or recovered.

The signal is brought to a common rate in steps counted from its first sample, whatever the chunks it comes in: the same
signal gives the same events. Memory is a window of some seconds.
"""

import math

import numpy as np
from numpy.typing import NDArray

from edge_agent.fall import model as models
from edge_agent.fall.events import FallEvent, FallKind
from edge_agent.fall.features import BEFORE, EARLY, EARLY_AFTER, LATE, LEAST_AFTER, RATE_HZ, WATCH, Window, early, late
from edge_agent.fall.placement import Placement
from edge_agent.fall.signal import ImpactFinder, Resampler

RATES_HZ = (15.0, 1000.0)
MAX_GAP_S = 0.5
"""A hole longer than this begins the signal anew: nothing is concluded across it."""
DRIFT_S = 0.02
"""The time of the samples is set anew when the sensor's clock has drifted by more than this."""
EVIDENCE_S = (2.0, 4.0)
"""Signal before and after the impact in an event."""
REPORTED = ("peak_g", "free_fall_s", "impact_m_s", "tilt_deg", "tilt_end_deg", "still_s", "active_later_g", "after_s")
"""Features that an event carries: those that a person can judge."""


class FallDetector:
    """Detects the falls of one pendant's wearer.

    ``sample_rate_hz``: 15 to 1000 (it is made for 20 to 200). ``placement``: where it is worn; it chooses the model.
    Feed the signal in order with :meth:`feed`; :meth:`flush` at the end of a recording decides an open suspicion. A
    recording counts as a fall when it holds a confirmed event, or ends with a suspected one that was not taken back by
    ``recovered``.
    """

    def __init__(
        self, sample_rate_hz: float, model: models.Model | None = None, placement: Placement = "waist"
    ) -> None:
        """Raises ValueError for a rate outside 15 to 1000 Hz."""
        if not RATES_HZ[0] <= sample_rate_hz <= RATES_HZ[1]:
            raise ValueError(
                f"a sample rate from {RATES_HZ[0]:g} to {RATES_HZ[1]:g} Hz is needed, not {sample_rate_hz}"
            )
        self._rate = float(sample_rate_hz)
        self._model = model or models.bundled_model(models.part_of(placement))
        self._keep_raw = math.ceil((WATCH / RATE_HZ + EVIDENCE_S[0] + 1) * self._rate)
        self._raw: NDArray[np.float32]
        self._rows: NDArray[np.float64]
        self._reset(0)

    def feed(
        self, t_us: int, acc_g: NDArray[np.floating], gyro_dps: NDArray[np.floating] | None = None
    ) -> list[FallEvent]:
        """Events found in this piece: ``acc_g`` and ``gyro_dps`` of shape [n, 3], the first sample taken at ``t_us``.

        The gyroscope may be missing: falls are detected from the acceleration alone. Raises ValueError for another
        shape or a value that is not finite; the piece is left out then.
        """
        acc = np.asarray(acc_g, np.float32)
        if acc.ndim != 2 or acc.shape[1] != 3:
            raise ValueError(f"acc_g must have shape [n, 3], not {list(acc.shape)}")
        if gyro_dps is not None and np.shape(gyro_dps) != acc.shape:
            raise ValueError(f"gyro_dps must have the shape of acc_g {list(acc.shape)}, not {list(np.shape(gyro_dps))}")
        if not np.isfinite(acc).all():
            raise ValueError("acc_g holds a value that is not finite")
        if not len(acc):
            return []
        events: list[FallEvent] = []
        off_us = t_us - self._sample_time(self._samples)
        if not self._samples or abs(off_us) > MAX_GAP_S * 1e6:
            events += self.flush()
            self._reset(t_us)
        elif abs(off_us) > DRIFT_S * 1e6:
            self._origin_us += off_us
        self._samples += len(acc)
        self._raw = np.concatenate((self._raw, acc))
        self._resampler.push(acc)
        while (rows := self._resampler.pull()) is not None:
            self._rows = np.concatenate((self._rows[-(BEFORE + WATCH + 1) :], rows))
            for height in np.sqrt(np.einsum("ij,ij->i", rows, rows)).tolist():
                self._row += 1
                events += self._step(height)
        self._raw = self._raw[-self._keep_raw - (self._samples - self._resampler.samples_used) :]
        return events

    def flush(self) -> list[FallEvent]:
        """Decide an open suspicion with the signal there is; afterwards the detector begins anew.

        A suspicion that is younger than 1.2 s stays one: it is too early to take it back.
        """
        events = []
        if self._open is not None and self._row - self._open >= LEAST_AFTER:
            events.append(self._judge(self._open))
        self._reset(0)
        return events

    def _reset(self, t_us: int) -> None:
        self._origin_us = t_us
        self._samples = 0
        self._raw = np.empty((0, 3), np.float32)
        self._resampler = Resampler(self._rate)
        self._rows = np.empty((0, 3))
        self._row = -1  # number of the last row
        self._finder = ImpactFinder()
        self._open: int | None = None  # the impact under suspicion
        self._began = 0  # the impact at which the suspicion began: names the fall
        self._suspicion = 0.0

    def _step(self, height: float) -> list[FallEvent]:
        """The events that the row numbered ``_row`` brings."""
        events: list[FallEvent] = []
        if self._finder.push(height):
            event = self._suspect(self._row - EARLY_AFTER)
            if event is not None:
                events.append(event)
        if self._open is not None and self._row - self._open >= WATCH:
            events.append(self._judge(self._open))
        return events

    def _suspect(self, impact: int) -> FallEvent | None:
        features = early(self._window(impact))
        probability = self._model.early.probability(features)
        if probability < self._model.suspect:
            return None
        if self._open is None:
            self._open, self._began, self._suspicion = impact, impact, probability
            return self._event("suspected", probability, dict(zip(EARLY, features.tolist(), strict=True)))
        if (
            probability >= self._suspicion and impact - self._began <= WATCH
        ):  # stumbled, then fell: one fall, now watched from here
            self._open, self._suspicion = impact, probability
        return None

    def _judge(self, impact: int) -> FallEvent:
        features = late(self._window(impact))
        probability = self._model.late.probability(features)
        kind: FallKind = "confirmed" if probability >= self._model.confirm else "recovered"
        event = self._event(kind, probability, dict(zip(LATE, features.tolist(), strict=True)))
        self._open = None
        return event

    def _window(self, impact: int) -> Window:
        """From BEFORE rows before the impact to now; where the signal is shorter its first row stands for it."""
        first = self._resampler.rows - len(self._rows)
        begin = max(first, impact - BEFORE)
        piece = self._rows[begin - first : self._row + 1 - first]
        missing = BEFORE - (impact - begin)
        return np.concatenate((np.repeat(piece[:1], missing, axis=0), piece)) if missing else piece

    def _event(self, kind: FallKind, probability: float, features: dict[str, float]) -> FallEvent:
        impact = round((self._began + 0.5) * self._rate / RATE_HZ)
        now = self._resampler.samples_used
        begin = max(0, impact - round(EVIDENCE_S[0] * self._rate), now - self._keep_raw)
        end = min(now, impact + round(EVIDENCE_S[1] * self._rate))
        first = self._samples - len(self._raw)
        return FallEvent(
            kind=kind,
            time_us=self._sample_time(impact),
            confidence=round(probability, 4),
            features={name: round(features[name], 3) for name in REPORTED if name in features},
            window_start_us=self._sample_time(begin),
            window_rate_hz=self._rate,
            window_acc_g=self._raw[begin - first : max(begin, end) - first].copy(),
        )

    def _sample_time(self, sample: int) -> int:
        return self._origin_us + round(sample * 1e6 / self._rate)
