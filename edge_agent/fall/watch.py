"""Watch a home for falls: detectors on the pendants' signals, radars' states, and their fusion."""

from collections.abc import Collection, Iterator

import numpy as np
import structlog
from numpy.typing import NDArray

from edge_agent.fall import FallDetector, FallEvent
from edge_agent.fall.events import FallKind
from edge_agent.fall.features import RATE_HZ, WATCH
from edge_agent.fall.fusion import FallFusion, FallNews
from edge_agent.fall.placement import Placement

log = structlog.get_logger(__name__)

SILENT_US = 2_000_000
"""A signal that has stopped for this long is judged as it is: the pendant may lie broken beside its owner."""
WHOLE_S = WATCH / RATE_HZ
RADAR_CONFIDENCE = 0.8
"""Confidence in a radar's own verdict: makers and studies report precisions of about 0.8 to 0.95."""
STATES: dict[str, FallKind] = {
    "fall_suspected": "suspected",
    "fall_confirmed": "confirmed",
    "fall_recovered": "recovered",
}


class FallWatch:
    """The falls of one home: one detector for each pendant and sample rate, one fusion for all.

    ``in_pocket``: names of the devices that are worn in a trouser pocket.
    """

    def __init__(self, in_pocket: Collection[str] = ()) -> None:
        self._in_pocket = frozenset(in_pocket)
        self._detectors: dict[tuple[str, float], FallDetector] = {}
        self._heard_us: dict[tuple[str, float], int] = {}  # the end of the last piece, while it is being followed
        self._fusion = FallFusion()

    def feed(
        self,
        device: str,
        t_us: int,
        sample_rate_hz: float,
        acc_g: NDArray[np.float32],
        gyro_dps: NDArray[np.float32] | None,
    ) -> Iterator[FallNews]:
        """The events in this piece of a pendant's signal, in order. A piece that is refused is logged and left out."""
        key = (device, sample_rate_hz)
        try:
            if key not in self._detectors:
                placement: Placement = "pocket" if device in self._in_pocket else "waist"
                self._detectors[key] = FallDetector(sample_rate_hz, placement=placement)
            events = self._detectors[key].feed(t_us, acc_g, gyro_dps)
        except ValueError as error:
            log.warning("motion signal refused", device=device, reason=str(error))
            return
        self._heard_us[key] = t_us + round(len(acc_g) * 1e6 / sample_rate_hz)
        yield from self._report(device, events)

    def state(
        self, device: str, kind: str, time_us: int, values: dict[str, str | int | float | bool]
    ) -> list[FallNews]:
        """Take in a room sensor's own verdict, one of STATES; the events that follow."""
        return self._fusion.report(device, "room", STATES[kind], time_us, RADAR_CONFIDENCE, values)

    def advance(self, now_us: int) -> list[FallNews]:
        """The events that follow because time has passed: signals that stopped, radars' falls that last."""
        news: list[FallNews] = []
        for key, heard_us in list(self._heard_us.items()):
            if now_us - heard_us >= SILENT_US:
                del self._heard_us[key]
                news += self._report(key[0], self._detectors[key].flush())
        return news + self._fusion.advance(now_us)

    def _report(self, device: str, events: list[FallEvent]) -> Iterator[FallNews]:
        for event in events:
            if event.kind == "recovered" and event.features["after_s"] < WHOLE_S:
                # the signal broke off: nobody has seen that the wearer is well, so the suspicion stays for a person
                log.info("a suspicion stays open: its signal broke off", device=device, fall_us=event.time_us)
                continue
            yield from self._fusion.report(
                device, "worn", event.kind, event.time_us, event.confidence, event.features, event.evidence_bytes()
            )
