"""Read the state of the kernel's clock: ``ntp_adjtime`` of Linux, read only (RFC 5905, adjtimex(2)).

chrony, systemd-timesyncd and ntpd all steer the clock by this call, so that one reading serves whichever is installed.
"""

import ctypes
import datetime as dt
import sys

import msgspec

EARLIEST = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
"""Any earlier time is wrong: this program is younger. A Raspberry Pi without network begins at the time when it was
switched off, or in 1970."""
STA_UNSYNC = 0x0040
STA_NANO = 0x2000


class ClockState(msgspec.Struct, frozen=True):
    """``offset_ms``: the correction still to be made (chrony keeps this to itself and leaves 0 here); ``error_ms``: the
    largest error the clock may have, which grows while no server is heard."""

    synchronised: bool
    offset_ms: float
    error_ms: float


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),  # longer than the kernel's on every architecture
    )


def read_clock() -> ClockState | None:
    """The state of the clock; None where the system is not Linux or its libc has no such call."""
    if sys.platform != "linux":
        return None
    adjust = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    timex = _Timex()
    if adjust is None or adjust(ctypes.byref(timex)) < 0:
        return None
    unit = 1e-6 if timex.status & STA_NANO else 1e-3
    return ClockState(not timex.status & STA_UNSYNC, timex.offset * unit, timex.maxerror * 1e-3)
