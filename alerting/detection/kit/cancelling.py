"""Cancel an alert that has just begun, on a second, long press of a button of its own person or of the home."""

import msgspec

from alerting.detection.kit.context import Happened, Source
from vocabulary.taking_back import CANCEL_WITHIN_US, in_time, is_own, repeated
from vocabulary.times import MINUTE_US

CANCELLED = ("老人长按按钮取消", "Taken back by a long press")
TOO_LATE = ("老人稍后长按了按钮，已过取消时限，请与老人核实", "A long press too late to take it back: ask the person")
LATE_US = 10 * MINUTE_US
"""Longest time in which a press that comes too late still tells something of the alert."""
CANCELLING = frozenset({"sos_cancelled", "sos_held"})
"""Long presses. A gateway says which of them takes something back; one that comes as it is may do so, too."""


class LongPresses(msgspec.Struct):
    """The last long press of each button, by 'gateway|device', by the device's own clock."""

    last_us: dict[str, int] = {}

    def repeated(self, press: Happened) -> bool:
        """Whether the long press is a second copy of the one before; remembers it."""
        key = press.source.key
        if repeated(press.onset_us, self.last_us.get(key)):
            return True
        self.last_us[key] = press.onset_us
        return False


def takes_back(press: Happened, source: Source, onset_us: int) -> bool:
    """Whether a long press takes back the alert that began at ``onset_us`` at ``source``, by the same home's clock: it
    comes soon enough, repeats nothing, and is the person's own or the home's. Any other is only recorded."""
    return (
        _one_home(press, source)
        and _own(press, source)
        and in_time(press.onset_us, onset_us, same_device=_same(press, source))
    )


def too_late(press: Happened, source: Source, onset_us: int) -> bool:
    """Whether the long press would have taken the alert back, had it come in time; people hear of it."""
    late_us = press.onset_us - onset_us
    return _one_home(press, source) and _own(press, source) and CANCEL_WITHIN_US < late_us <= LATE_US


def meant_for_another(press: Happened, source: Source, onset_us: int) -> bool:
    """Whether the long press comes on the heels of an alert that it may not take back: it is a call of its own."""
    return _one_home(press, source) and not _own(press, source) and 0 <= press.onset_us - onset_us <= CANCEL_WITHIN_US


def _own(press: Happened, source: Source) -> bool:
    by = press.source
    return is_own((by.name, by.person), (source.name, source.person))


def _same(press: Happened, source: Source) -> bool:
    return press.source.name == source.name


def _one_home(press: Happened, source: Source) -> bool:
    return press.source.gateway == source.gateway
