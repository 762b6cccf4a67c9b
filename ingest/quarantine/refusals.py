"""Refusals and their reasons, for a person and for a program."""

import traceback
from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Reason of a refusal, for a program."""

    UNDECODABLE = "undecodable"
    PARTLY_UNREADABLE = "partly unreadable"
    """The event is stored without the part that could not be read; its bytes are kept here."""
    TOO_LARGE = "too large"
    WRONG_GATEWAY = "wrong gateway"
    UNKNOWN_GATEWAY = "unknown gateway"
    NUMBERING = "numbering"
    """The stream has too many gaps, or the gateway begins too many epochs: its bookkeeping is broken."""
    REUSED_NUMBER = "reused number"
    """The number was taken before, by an older message: the outbox was put back from a copy."""
    UNKNOWN_DEVICE = "unknown device"
    UNKNOWN_PATIENT = "unknown patient"
    """The exchange: a patient that is not there, or has not agreed to the system that sends."""
    UNKNOWN_CHANNEL = "unknown channel"
    UNKNOWN_EVENT = "unknown event"
    WRONG_UNIT = "wrong unit"
    NOT_A_READING = "not a reading"
    """A SenML record that carries a text, data or a sum alone, or whose name is not <device>/<channel>."""
    IMPOSSIBLE_VALUE = "impossible value"
    TIME_AHEAD = "time ahead"
    TIME_TOO_OLD = "time too old"
    CONTRADICTION = "contradiction"
    """Another value is stored for the same series and time (SenML alone: frames have numbers)."""
    OVER_LIMIT = "over limit"
    REFUSED_BY_DATABASE = "refused by database"
    FAULT = "fault of ingest"
    """Ingest itself fails at the message."""


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
"""Reasons for which the frame's number was not taken. For the others the good readings are stored, the number is taken,
and the payload in quarantine is a frame of the refused readings."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One entry for the quarantine."""

    topic: str
    gateway: str | None
    code: Code
    reason: str
    payload: bytes | None
    """None: dropped for want of memory; the refusal is counted alone."""
    size: int
    """Bytes of the payload as it arrived."""
    readings: int = 0
    """Number of readings in the payload; 0 where it could not be decoded."""
    device: str = ""
    """For the pairing list: the device that is not registered."""
    channels: tuple[str, ...] = ()


def fault(error: Exception) -> str:
    """Word the reason for a message that ingest fails at."""
    return (
        f"ingest fails at it ({type(error).__name__}: {error}): a fault of the program, please report it; after an"
        " update process this again"
    )


def trace(error: BaseException) -> str:
    """Format the traceback for the log, without local values: they are a resident's."""
    return "".join(traceback.format_exception(error))
