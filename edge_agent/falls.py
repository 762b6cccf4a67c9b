"""Feeds the raw IMU signal of each pendant to its fall detector and turns what it finds into events."""

from collections.abc import Iterator

import numpy as np
import structlog
from numpy.typing import NDArray

from edge_agent.fall import FallDetector, FallEvent

log = structlog.get_logger(__name__)


class FallWatch:
    """One detector per device and sample rate."""

    def __init__(self) -> None:
        self._detectors: dict[tuple[str, float], FallDetector] = {}

    def feed(
        self,
        device: str,
        t_us: int,
        sample_rate_hz: float,
        acc_g: NDArray[np.float32],
        gyro_dps: NDArray[np.float32] | None,
    ) -> Iterator[FallEvent]:
        """What the detector finds in this piece of the signal, in order. A piece it refuses is logged and left out."""
        key = (device, sample_rate_hz)
        if key not in self._detectors:
            self._detectors[key] = FallDetector(sample_rate_hz)
        try:
            yield from self._detectors[key].feed(t_us, acc_g, gyro_dps)
        except ValueError as error:
            log.warning("motion signal refused", device=device, reason=str(error))
