"""Times for people: Asia/Shanghai on screens and command lines, UTC everywhere else."""

import datetime as dt
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def local(time: dt.datetime) -> str:
    """'2026-11-01 08:00:00' in Shanghai."""
    return time.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def local_time(text: str) -> dt.datetime:
    """A time of ISO 8601, in Shanghai where it names no zone. Raises ValueError, with an example, where it is none."""
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: write 2026-11-01, 2026-11-01T08:00 or 2026-11-01T00:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=SHANGHAI)
