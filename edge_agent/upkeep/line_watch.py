"""Check the clock and the disk between two frames, and report their faults to the district."""

from collections.abc import Iterator, Mapping

import structlog

from edge_agent.outbox.outbox import Outbox
from edge_agent.timekeeping.clock import Clock
from firmware_profiles import wire

log = structlog.get_logger(__name__)

LOSSES_EVERY_US = 600_000_000
"""A loss is reported at once; while it goes on, again after this time."""
LOOKS_A_DELETION = 10
"""Looks after which acknowledged messages leave the file, where no other message takes them along: each commit wears
the card. After a power cut some are sent once more, with their number."""


class LineWatch:
    """The watch of one gateway; call :meth:`look` about once a second."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox, self._clock = outbox, clock
        self._fault, self._looks = "", 0
        totals = outbox.totals()
        self._lost = (totals.lost_readings, totals.lost_events)
        self._reported_us = -LOSSES_EVERY_US

    def look(self) -> Iterator[tuple[str, Mapping[str, wire.Scalar]]]:
        """(event kind, values) of the changes since the last look."""
        self._looks += 1
        self._outbox.flush(acknowledged=self._looks % LOOKS_A_DELETION == 0)
        yield from self._look_at_clock()
        yield from self._look_at_disk()
        yield from self._look_at_losses()

    def _look_at_clock(self) -> Iterator[tuple[str, Mapping[str, wire.Scalar]]]:
        step = self._clock.check()
        if step is not None:
            self._outbox.restamp(step)
            log.warning("the clock was set", by_s=step.by_us / 1e6, boots_moved=len(step.boots))
            yield "clock_stepped", {"by_ms": step.by_us // 1000, "synchronised": self._clock.synced}

    def _look_at_disk(self) -> Iterator[tuple[str, Mapping[str, wire.Scalar]]]:
        fault, self._fault = self._fault, self._outbox.unwritable
        if self._fault and not fault:
            yield "buffer_unwritable", {"reason": self._fault[:200]}
        elif fault and not self._fault:
            yield "buffer_writable", {}

    def _look_at_losses(self) -> Iterator[tuple[str, Mapping[str, wire.Scalar]]]:
        totals, now = self._outbox.totals(), self._clock.now_us()
        lost = (totals.lost_readings, totals.lost_events)
        if lost == self._lost or abs(now - self._reported_us) < LOSSES_EVERY_US:
            return
        readings, events = lost[0] - self._lost[0], lost[1] - self._lost[1]
        self._lost, self._reported_us = lost, now
        log.error("the outbox is full: the oldest readings are lost", readings=readings, events=events)
        yield "readings_lost", {"readings": readings, "events": events, "readings_in_all": lost[0]}
