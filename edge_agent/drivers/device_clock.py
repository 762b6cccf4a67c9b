"""Judge the time stamps of a device whose own clock may be wrong. Pure; the gateway's clock is passed in.

Measuring devices stamp what they send by a clock that people set, and that falls back when its battery is changed: to
1970, to 2021-01-01 at each switching on, to UTC (public reports derdilla/blood-pressure-monitor-fl#410, #439, #450,
oliexdev/openScale#1500). A measurement must not be lost or ignored for that: where its date cannot be believed, it is
judged by its arrival, and the clock is reported.

A stored measurement of last night looks the same as a live one of a clock that is some hours behind. They are told
apart by the clock itself, where it can be read at the connection; by the order, because a device sends what it has
stored before it has something newer; and by eight hours, the difference of a clock in UTC.
"""

from collections import OrderedDict

import msgspec

from edge_agent.timekeeping.clock import EARLIEST_US
from vocabulary.times import DAY_US, LOCAL_US, MINUTE_US

TOLERANCE_US = MINUTE_US
"""A clock that is read and less far away than this is right: people set it to the minute."""
WORTH_A_WORD_US = 5 * MINUTE_US
"""A clock further away than this is worth a report; one less far away is corrected without a word."""
PAST_US = 90 * DAY_US
"""An older stamp could not be stored by the district (``SHOUWANG_INGEST_PAST_DAYS``)."""
LIVE_US = 3 * MINUTE_US
"""From the measurement to its arrival, at most, if it comes at once."""
SESSION_US = 2 * MINUTE_US
"""After a pause of this length the device speaks anew: what it sends now was measured after what came before."""
REMEMBERED = 500


class Judged(msgspec.Struct, frozen=True):
    """When a measurement was made (µs since 1970), and how far the device's clock is ahead (0: nothing to report).

    ``live``: it was stamped a moment ago, by a clock that is right.
    """

    time_us: int
    ahead_us: int = 0
    live: bool = False


class DeviceClock:
    """The clock of one device."""

    def __init__(self) -> None:
        self._read_ahead_us: int | None = None
        self._heard_us = self._newest_us = self._earlier_us = 0
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def read(self, clock_us: int | None, now_us: int) -> None:
        """Take in what the device's clock shows at ``now_us``; None: it is not known."""
        self._read_ahead_us = None if clock_us is None else clock_us - now_us

    @property
    def is_right(self) -> bool:
        """Whether the clock was read, and shows the time."""
        return self._read_ahead_us is not None and abs(self._read_ahead_us) <= TOLERANCE_US

    @property
    def ahead_us(self) -> int:
        """How far the clock that was read is ahead, where that is worth a report; else 0."""
        ahead_us = self._read_ahead_us or 0
        return ahead_us if abs(ahead_us) > WORTH_A_WORD_US else 0

    def judge(self, stamp_us: int, now_us: int, payload: bytes) -> Judged:
        """Judge the stamp of a measurement that has just come with these bytes."""
        if now_us < EARLIEST_US:  # the gateway does not know the time either
            return Judged(stamp_us if 0 < stamp_us <= now_us else now_us)
        if now_us - self._heard_us > SESSION_US:
            self._earlier_us = max(self._earlier_us, self._newest_us)
        self._heard_us = now_us
        judged = self._judge(stamp_us, now_us, payload in self._seen)
        self._newest_us = max(self._newest_us, judged.time_us)
        self._seen[payload] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return judged

    def _judge(self, stamp_us: int, now_us: int, again: bool) -> Judged:
        age_us = now_us - stamp_us
        ahead_us = self._read_ahead_us
        if ahead_us is not None and abs(ahead_us) > TOLERANCE_US and not -TOLERANCE_US <= age_us <= LIVE_US:
            right_us = stamp_us - ahead_us
            believable = now_us - PAST_US <= right_us <= now_us + TOLERANCE_US
            return Judged(min(right_us, now_us) if believable else now_us, self.ahead_us)
        if age_us < -WORTH_A_WORD_US or age_us > PAST_US:
            return Judged(now_us, -age_us)
        if age_us < 0:
            return Judged(now_us, live=-age_us <= TOLERANCE_US)
        if self.is_right or age_us <= LIVE_US:
            return Judged(stamp_us, live=age_us <= LIVE_US)
        in_utc = abs(age_us - LOCAL_US) <= LIVE_US
        out_of_order = stamp_us < self._earlier_us - MINUTE_US and not again
        return Judged(now_us, -age_us) if in_utc or out_of_order else Judged(stamp_us)
