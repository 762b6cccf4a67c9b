"""All sections of an area's figures, in their order."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from care_network.access.accounts import Account
from figures.core import months
from figures.core.sections import Headline, Section
from figures.reading import alarms, devices, falsehoods, outlook, places, scope, staff, times
from figures.reading.scope import Window
from vocabulary.severity import Severity


def sections(conn: Connection[Any], w: Window, severity: Severity = "emergency") -> list[Section]:
    """Read all sections of a window; the charts of the times are those of one severity."""
    with scope.planned_anew(conn):
        return [
            places.coverage(conn, w),
            places.people(conn, w),
            alarms.alerts(conn, w),
            falsehoods.false_alarms(conn, w),
            times.times(conn, w, severity),
            devices.availability(conn, w),
            devices.blind(conn, w),
            staff.load(conn, w),
            outlook.outlook(conn, w),
        ]


def other_window(conn: Connection[Any], account: Account, w: Window, other: str) -> Window | None:
    """The window to compare with: 'year' (the same months a year before), an area's path, or none for ''.

    Raises NotFoundError for an area that is none of the account's.
    """
    if not other:
        return None
    area, first, last = w.area.path, w.first, w.last
    if other == "year":
        first, last = months.after(first, -12), months.after(last, -12)
    else:
        area = other
    return scope.window(conn, account, w.language, w.now, area=area, first=months.code(first), last=months.code(last))


def compared(here: list[Section], there: list[Section]) -> list[tuple[str, list[tuple[Headline, Headline | None]]]]:
    """(section's title, pairs of headlines) of two windows; pure."""
    others: Mapping[tuple[str, str], Headline] = {
        (section.code, one.label): one for section in there for one in section.headlines
    }
    return [
        (section.title, [(one, others.get((section.code, one.label))) for one in section.headlines])
        for section in here
        if section.headlines
    ]


def stamp(moment: dt.datetime | None) -> str:
    """A moment as Shanghai's clock shows it."""
    from vocabulary.times import SHANGHAI

    return "—" if moment is None else f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
