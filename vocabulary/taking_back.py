"""Decides which press takes back a call for help, in the gateway and in the district alike. Pure; times in µs.

A call belongs to somebody, or to the home as a whole. It is taken back by its own device, by another device of the same
person, or by a device of the home; never by a device of somebody else, who may be calling for help.
"""

CANCEL_WITHIN_US = 20_000_000
"""Longest time between the press that opened a call (or the impact of a fall) and the one that takes it back."""
REPETITION_US = 1_500_000
"""A message of the same device this soon after another is the same press told twice (zigbee2mqtt#32015: 80 ms later): a
long press lasts about a second, so no second one can have ended by then."""
EPISODE_US = 120_000_000
"""Presses of one device within this time of each other are one call."""


def in_time(press_us: int, opened_us: int, *, same_device: bool) -> bool:
    """Whether a long press can be the answer to what began at ``opened_us``: not too late, and no repetition of it."""
    return (REPETITION_US if same_device else 0) <= press_us - opened_us <= CANCEL_WITHIN_US


def repeated(press_us: int, before_us: int | None) -> bool:
    """Whether a message is a second copy of the one before it, of the same device."""
    return before_us is not None and 0 <= press_us - before_us < REPETITION_US


def is_own(by: tuple[str, object], of: tuple[str, object]) -> bool:
    """Whether a device may take back what another has called. Both as (device, owner); None: the home's."""
    return by[0] == of[0] or by[1] is None or by[1] == of[1]
