"""What is refused, and why: the reasons ingest gives, for a person and for a program."""

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Why something is in quarantine."""

    UNDECODABLE = "undecodable"
    TOO_LARGE = "too large"
    WRONG_GATEWAY = "wrong gateway"
    UNKNOWN_GATEWAY = "unknown gateway"
    UNKNOWN_DEVICE = "unknown device"
    UNKNOWN_CHANNEL = "unknown channel"
    UNKNOWN_EVENT = "unknown event"
    IMPOSSIBLE_VALUE = "impossible value"
    IMPOSSIBLE_TIME = "impossible time"
    REFUSED_BY_DATABASE = "refused by database"


NUMBER_NOT_TAKEN = frozenset({Code.UNDECODABLE, Code.TOO_LARGE, Code.WRONG_GATEWAY, Code.UNKNOWN_GATEWAY})
"""For these the number of the frame was not taken. For the others the payload in quarantine is a frame with the refused
readings alone (or all, where the database refused it): the good ones are stored and the number is taken."""


class Refusal(msgspec.Struct, frozen=True):
    """One entry for the quarantine."""

    topic: str
    gateway: str | None
    code: Code
    reason: str
    payload: bytes
