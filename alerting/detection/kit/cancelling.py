"""Cancels an alert that has just begun, on a long press of the button."""

from alerting.detection.kit.context import Happened

CANCELLED = ("本人长按取消", "Taken back by a long press")
CANCEL_WITHIN_US = 20_000_000


def takes_back(cancelled: Happened, onset_us: int) -> bool:
    """Whether a long press comes soon enough to take back an alert that began at ``onset_us``, both by the device's own
    clock. A later press is only recorded."""
    return 0 <= cancelled.onset_us - onset_us <= CANCEL_WITHIN_US
