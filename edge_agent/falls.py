"""Everything in a home that can tell a fall: detectors on the pendants' signals, radars' states, and their fusion."""

from collections.abc import Iterator

import numpy as np
import structlog
from numpy.typing import NDArray

from edge_agent.fall import FallDetector
from edge_agent.fall.events import FallKind
from edge_agent.fall.fusion import FallFusion, FallNews

log = structlog.get_logger(__name__)

RADAR_CONFIDENCE = 0.8
"""What a radar's own verdict is worth: makers and studies report precisions of about 0.8 to 0.95."""
STATES: dict[str, FallKind] = {
    "fall_suspected": "suspected",
    "fall_confirmed": "confirmed",
    "fall_recovered": "recovered",
}


class FallWatch:
    """One detector per pendant and sample rate; one story per fall."""

    def __init__(self) -> None:
        self._detectors: dict[tuple[str, float], FallDetector] = {}
        self._fusion = FallFusion()

    def feed(
        self,
        device: str,
        t_us: int,
        sample_rate_hz: float,
        acc_g: NDArray[np.float32],
        gyro_dps: NDArray[np.float32] | None,
    ) -> Iterator[FallNews]:
        """What this piece of a pendant's signal tells, in order. A piece that is refused is logged and left out."""
        key = (device, sample_rate_hz)
        try:
            if key not in self._detectors:
                self._detectors[key] = FallDetector(sample_rate_hz)
            events = self._detectors[key].feed(t_us, acc_g, gyro_dps)
        except ValueError as error:
            log.warning("motion signal refused", device=device, reason=str(error))
            return
        for event in events:
            evidence = event.evidence_bytes()
            yield from self._fusion.report(
                device, "worn", event.kind, event.time_us, event.confidence, event.features, evidence
            )

    def state(
        self, device: str, kind: str, time_us: int, values: dict[str, str | int | float | bool]
    ) -> list[FallNews]:
        """A room sensor's own verdict: one of STATES."""
        return self._fusion.report(device, "room", STATES[kind], time_us, RADAR_CONFIDENCE, values)

    def advance(self, now_us: int) -> list[FallNews]:
        return self._fusion.advance(now_us)
