"""Channels whose changes are events: 0/1 sensors, and amounts that are in order or not."""

from vocabulary.times import MINUTE_US

CHANGES: dict[tuple[str, int], str] = {
    ("motion", 1): "motion_began",
    ("motion", 0): "motion_ended",
    ("presence", 1): "presence_began",
    ("presence", 0): "presence_ended",
    ("in_bed", 1): "bed_enter",
    ("in_bed", 0): "bed_exit",
    ("door_open", 1): "door_opened",
    ("door_open", 0): "door_closed",
    ("battery", 1): "battery_fine",
    ("battery", 0): "battery_low",
    ("clock_offset", 1): "clock_off",
    ("clock_offset", 0): "clock_right",
}
"""The event of each change of a channel, to 1 or to 0; detectors of behaviour see events only."""
SWITCHES = frozenset(channel for channel, _ in CHANGES)
LEVELS = {"battery": 10.0, "clock_offset": 2000.0}
"""Amounts from which a channel counts as 1, above or below 0: charge in percent, error of a clock in ms."""
BINARY = SWITCHES - LEVELS.keys()
MOTION_AGAIN_US = MINUTE_US
"""Repeated motion counts once in this time."""
UNHURRIED = frozenset(kind for (channel, _), kind in CHANGES.items() if channel not in LEVELS)
"""Events that wait for their step, so that behaviour is seen in the order of time."""
