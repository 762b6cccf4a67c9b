"""From a raw acceleration signal to falls: impact → suspicion → what happened after it.

Works on the magnitude and on angles between gravity directions only, so that the mounting does not matter. The signal
is taken in blocks of a tenth of a second counted from its first sample, whatever the chunks it comes in: the same
signal gives the same events. Memory is a ring of a few seconds.
"""

import math

import numpy as np
from numpy.typing import NDArray

from edge_agent.fall import rules
from edge_agent.fall.events import FallEvent, FallKind

RATES_HZ = (20.0, 400.0)
BLOCKS_PER_S = 10
BEFORE_S = 4.0
"""Signal kept from before the impact."""
AFTER_S = rules.WATCH_S
MAX_GAP_S = 0.5
"""A hole longer than this begins the signal anew: nothing is inferred across it."""


class FallDetector:
    """One pendant's detector.

    ``sample_rate_hz``: 20 to 400. Feed the signal in order with :meth:`feed`; :meth:`flush` at the end of a recording
    decides what is still open. A recording counts as a fall when it holds a confirmed event, or ends with a suspected
    one that was not taken back by ``recovered``.
    """

    def __init__(self, sample_rate_hz: float) -> None:
        """Raises ValueError for a rate outside 20 to 400 Hz."""
        if not RATES_HZ[0] <= sample_rate_hz <= RATES_HZ[1]:
            raise ValueError(
                f"a sample rate from {RATES_HZ[0]:g} to {RATES_HZ[1]:g} Hz is needed, not {sample_rate_hz}"
            )
        self._rate = float(sample_rate_hz)
        self._block = max(1, round(self._rate / BLOCKS_PER_S))
        self._keep = round((BEFORE_S + AFTER_S + 1) * self._rate)
        self._rest: NDArray[np.float32]
        self._ring: NDArray[np.float32]
        self._impact: int | None  # number of the sample with the highest magnitude
        self._reset(0)

    def feed(
        self, t_us: int, acc_g: NDArray[np.floating], gyro_dps: NDArray[np.floating] | None = None
    ) -> list[FallEvent]:
        """Events found in this piece: ``acc_g`` and ``gyro_dps`` of shape [n, 3], the first sample taken at ``t_us``.

        The gyroscope may be missing (this detector does not need it). Raises ValueError for another shape or a value
        that is not finite; the piece is left out then.
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
        expected = self._start_us + round(self._seen * 1e6 / self._rate)
        events: list[FallEvent] = []
        if not self._seen or abs(t_us - expected) > MAX_GAP_S * 1e6:
            events += self.flush()
            self._reset(t_us)
        self._rest = np.concatenate((self._rest, acc))
        self._seen += len(acc)
        while len(self._rest) >= self._block:
            block, self._rest = self._rest[: self._block], self._rest[self._block :]
            events += self._advance(block)
        return events

    def flush(self) -> list[FallEvent]:
        """Decide what is still open with the signal there is; afterwards the detector begins anew."""
        events = []
        if self._impact is not None and self._reported:
            verdict = rules.judge(self._window(), self._rate, self._impact - self._first, final=True)
            if verdict.kind is not None:
                events.append(self._event(verdict.kind, verdict))
        self._reset(0)
        return events

    def _reset(self, t_us: int) -> None:
        self._start_us = t_us
        self._seen = 0
        self._rest = np.empty((0, 3), np.float32)
        self._ring = np.empty((0, 3), np.float32)
        self._first = 0  # number of the ring's first sample
        self._impact = None
        self._peak = 0.0
        self._reported = False
        self._quiet_until = 0

    def _advance(self, block: NDArray[np.float32]) -> list[FallEvent]:
        begin = self._first + len(self._ring)
        self._ring = np.concatenate((self._ring, block))
        if len(self._ring) > self._keep:
            drop = len(self._ring) - self._keep
            self._ring = self._ring[drop:]
            self._first += drop
        end = begin + len(block)
        magnitude = np.sqrt(np.einsum("ij,ij->i", block, block))
        peak_at = int(magnitude.argmax())
        peak = float(magnitude[peak_at])
        if self._impact is None:
            if peak >= rules.TRIGGER_G and begin >= self._quiet_until:
                self._impact, self._peak = begin + peak_at, peak
            return []
        if not self._reported:
            # the strongest peak of a tumble is the impact, as long as nothing was said yet
            if peak > self._peak and begin + peak_at - self._impact < self._rate:
                self._impact, self._peak = begin + peak_at, peak
            if end - self._impact < rules.SUSPECT_AFTER_S * self._rate:
                return []
            suspicion = rules.suspect(self._window(), self._rate, self._impact - self._first)
            if suspicion.kind is None:
                self._impact = None
                return []
            self._reported = True
            return [self._event("suspected", suspicion)]
        seconds = (end - self._impact) / self._rate
        verdict = rules.judge(self._window(), self._rate, self._impact - self._first, final=seconds >= rules.WATCH_S)
        if verdict.kind is None:
            return []
        event = self._event(verdict.kind, verdict)
        self._impact, self._reported = None, False
        self._quiet_until = end
        return [event]

    def _window(self) -> NDArray[np.float32]:
        return self._ring

    def _event(self, kind: FallKind, verdict: rules.Verdict) -> FallEvent:
        assert self._impact is not None  # noqa: S101 - only called while one is open
        at = self._impact - self._first
        begin = max(0, at - round(2 * self._rate))
        end = min(len(self._ring), at + round(4 * self._rate))
        return FallEvent(
            kind=kind,
            time_us=self._time(self._impact),
            confidence=verdict.confidence,
            features={name: round(value, 3) for name, value in verdict.features.items() if math.isfinite(value)},
            window_start_us=self._time(self._first + begin),
            window_rate_hz=self._rate,
            window_acc_g=self._ring[begin:end].copy(),
        )

    def _time(self, sample: int) -> int:
        return self._start_us + round(sample * 1e6 / self._rate)
