"""What is refused, and why: the reasons ingest gives, for a person and for a program."""

import traceback
from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Why something is in quarantine."""

    UNDECODABLE = "undecodable"
    TOO_LARGE = "too large"
    WRONG_GATEWAY = "wrong gateway"
    UNKNOWN_GATEWAY = "unknown gateway"
    NUMBERING = "numbering"
    """The stream has too many gaps, or the gateway begins too many epochs: its bookkeeping is broken."""
    REUSED_NUMBER = "reused number"
    """The number was taken before, by something older: an outbox that was put back from a copy."""
    UNKNOWN_DEVICE = "unknown device"
    UNKNOWN_CHANNEL = "unknown channel"
    UNKNOWN_EVENT = "unknown event"
    WRONG_UNIT = "wrong unit"
    NOT_A_READING = "not a reading"
    """A SenML record that carries a text, data or a sum alone, or whose name is not <device>/<channel>."""
    IMPOSSIBLE_VALUE = "impossible value"
    TIME_AHEAD = "time ahead"
    TIME_TOO_OLD = "time too old"
    CONTRADICTION = "contradiction"
    """Another value is stored for the same series and time (SenML alone: frames are told apart by their numbers)."""
    OVER_LIMIT = "over limit"
    REFUSED_BY_DATABASE = "refused by database"
    FAULT = "fault of ingest"
    """Ingest itself fails at it."""


NUMBER_NOT_TAKEN = frozenset(
    {
        Code.UNDECODABLE,
        Code.TOO_LARGE,
        Code.WRONG_GATEWAY,
        Code.UNKNOWN_GATEWAY,
        Code.NUMBERING,
        Code.OVER_LIMIT,
        Code.REFUSED_BY_DATABASE,
        Code.FAULT,
    }
)
"""For these the number of the frame was not taken. For the others the payload in quarantine is a frame with the refused
readings: the good ones are stored and the number is taken."""


class Refusal(msgspec.Struct, frozen=True):
    """One entry for the quarantine."""

    topic: str
    gateway: str | None
    code: Code
    reason: str
    payload: bytes | None
    """None: given up for want of memory; it is counted."""
    size: int
    """Bytes of the payload as it came."""
    readings: int = 0
    """In the payload, where that is known."""
    device: str = ""
    """For the pairing list: the device that is not registered."""
    channels: tuple[str, ...] = ()


def fault(error: Exception) -> str:
    """The reason for a message that ingest fails at."""
    return (
        f"ingest fails at it ({type(error).__name__}: {error}): a fault of the program, please report it; after an"
        " update process this again"
    )


def trace(error: BaseException) -> str:
    """Where it happened, for the log: without the values at hand, which are a resident's."""
    return "".join(traceback.format_exception(error))
