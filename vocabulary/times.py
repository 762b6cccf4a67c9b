"""Time zone and time units. Times are UTC in storage and on the wire; people read and write Asia/Shanghai."""

import datetime as dt
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
HOUR_S = 3600
DAY_S = 86_400

LOCAL_US = 8 * HOUR_US
"""Asia/Shanghai minus UTC. There has been no daylight saving since 1992, so arrays of times need no zone."""


def local(time: dt.datetime) -> str:
    """'2026-11-01 08:00:00' in Shanghai."""
    return time.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def local_day(time: dt.datetime) -> dt.date:
    """The day in Shanghai: from midnight until eight in the morning it is another one than in UTC."""
    return time.astimezone(SHANGHAI).date()


def local_time(text: str) -> dt.datetime:
    """Parse a time of ISO 8601; one without a zone is in Shanghai. Raises ValueError, with an example."""
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: write 2026-11-01, 2026-11-01T08:00 or 2026-11-01T00:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=SHANGHAI)
