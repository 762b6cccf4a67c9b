"""Packages for other levels, their receivers and their log."""

import datetime as dt
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from care_services.reporting import making, receivers, schedules
from care_services.reporting.receivers import ReceiverFields
from database.rights.checkpoints import load_key
from tests.support.network import account
from tests.support.route_example import Example


def package(city: Any) -> int:
    """A new package that waits, for a receiver of its own."""
    admin, at, code = account(city.conn, "admin"), dt.datetime.now(dt.UTC), uuid.uuid4().hex[:12]
    fields = ReceiverFields(code=code, name_zh="市级平台", name_en="City")
    receivers.save(city.conn, admin, fields, 0, at=at, origin="test")
    key = load_key(Path(city.settings.report_key_file))
    day = dt.date(2026, 1, 5)
    return making.make(city.conn, admin, None, key, code, "places", "sz.yt", day, day, at=at).id


def receiver(city: Any) -> str:
    """The code of a new receiver."""
    row = city.conn.execute(
        "SELECT r.code FROM report_receiver r JOIN report_package k ON k.receiver_id = r.id WHERE k.id = %s",
        (package(city),),
    ).fetchone()
    return str(row[0])


def _end(city: Any, _role: Any) -> Example:
    return Example(f"/care/reports/packages/{package(city)}/withdraw", data={"reason": "试"}, success=303)


def _switch(city: Any, _role: Any) -> Example:
    at = dt.datetime.now(dt.UTC)
    number = schedules.add(city.conn, account(city.conn, "admin"), receiver(city), "places", "month", 6, at=at)
    return Example(f"/care/reports/schedules/{number}/switch", data={"version": 1}, success=303)


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/reports": lambda *_: Example("/care/reports"),
    "POST /care/reports/packages": lambda *_: Example("/care/reports/packages", data={"starts_on": "x"}, success=422),
    "POST /care/reports/schedules": lambda *_: Example("/care/reports/schedules", data={"hour": "x"}, success=422),
    "POST /care/reports/schedules/{number}/switch": _switch,
    "GET /care/reports/receivers/{code}": lambda *_: Example("/care/reports/receivers/new"),
    "POST /care/reports/receivers/{code}": lambda *_: Example("/care/reports/receivers/new", data={}, success=422),
    "POST /care/reports/receivers/{code}/resume": lambda city, _: Example(
        f"/care/reports/receivers/{receiver(city)}/resume", data={}, success=303
    ),
    "GET /care/reports/packages/{number}": lambda city, _: Example(f"/care/reports/packages/{package(city)}"),
    "GET /care/reports/packages/{number}/file": lambda city, _: Example(f"/care/reports/packages/{package(city)}/file"),
    "POST /care/reports/packages/{number}/counter": lambda city, _: Example(
        f"/care/reports/packages/{package(city)}/counter", data={}, success=422
    ),
    "POST /care/reports/packages/{number}/{act}": _end,
}
ABOUT_NOBODY = {
    "GET /care/reports/receivers/{code}", "GET /care/reports/packages/{number}",
    "GET /care/reports/packages/{number}/file",
}  # fmt: skip
OF_THE_DISTRICT = {
    "GET /care/reports/receivers/{code}", "POST /care/reports/receivers/{code}",
    "POST /care/reports/receivers/{code}/resume",
}  # fmt: skip
