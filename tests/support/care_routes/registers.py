"""Registers, identity numbers, residents who are gone, and the classes of data."""

import datetime as dt
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from care_network.identity import keys
from care_network.importing.tables import parse
from care_network.records.places import checked_files
from care_network.records.places.checked_files import CheckedFile
from care_services.registers import collecting, pulling
from care_services.registers.collecting import Reading
from tests.support.network import account
from tests.support.route_example import Example

TABLE = "姓名,身份证号,电话\n陈大,,0755-1\n李,,0755-2\n王,,0755-3\n"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _login(role: Any) -> str:
    return {"family": "daughter"}.get(str(role), str(role))


def _file(city: Any, role: Any) -> uuid.UUID:
    """A table that the role's account has chosen."""
    chosen = {"register": "other_platform", "taken_on": "2026-01-05", "complete": False}
    file = CheckedFile(name="a.csv", datum=msgspec.json.encode(chosen).decode(), data=TABLE.encode())
    return checked_files.keep_file(city.conn, account(city.conn, _login(role)), "table", file, now())


def line(city: Any, verdict: str = "new") -> tuple[int, int, int]:
    """(import, line, version) of a new import's line that waits."""
    text = TABLE + f"赵{uuid.uuid4().hex[:6]},,0755-4\n"
    ring = keys.load(Path(city.settings.identity_key_file))
    reading = Reading(register="other_platform", area="sz.yt", taken_on=now().date() - dt.timedelta(days=2))
    table = parse("a.csv", text.replace("0755-", "0755-123456").encode())
    taken = collecting.take_in(city.conn, account(city.conn, "admin"), ring, table, reading, at=now(), origin="test")
    row = city.conn.execute(
        "SELECT id, version FROM register_line WHERE import_id = %s AND settled_at IS NULL AND verdict = %s LIMIT 1",
        (taken.id, verdict),
    ).fetchone()
    return taken.id, row[0], row[1]


def _decide(city: Any, _role: Any) -> Example:
    _, one, version = line(city)
    city.conn.execute("INSERT INTO register_difference (line_id, field, kind, ours, theirs)"
                      " VALUES (%s, 'phone', 'conflict', '1', '2')", (one,))  # fmt: skip
    data = {"version": version, "choice.phone": "ours", "reason": "试"}
    return Example(f"/care/registers/lines/{one}/decide", data=data, success=303)


def _on_line(step: str, **data: Any) -> Callable[[Any, Any], Example]:
    def example(city: Any, _role: Any) -> Example:
        _, one, version = line(city)
        return Example(f"/care/registers/lines/{one}/{step}", data={"version": version, **data}, success=303)

    return example


def _source(city: Any) -> str:
    """A new source at an address where nobody answers."""
    code = uuid.uuid4().hex[:12]
    pulling.add(city.conn, account(city.conn, "admin"), code, "other_platform", "医院", "Hospital",
                "http://127.0.0.1:9/register", "sz.yt.hs", {}, at=now())  # fmt: skip
    return code


def _add(city: Any, _role: Any) -> Example:
    """The line does not tell the date of birth, and is refused."""
    _, one, version = line(city)
    return Example(f"/care/registers/lines/{one}/add", data={"version": version}, success=422)


def _batch(city: Any, _role: Any) -> Example:
    row = city.conn.execute(
        "INSERT INTO register_batch (import_id, field, choice, reason, at) VALUES (%s, 'phone', 'ours', '试', now())"
        " RETURNING id", (line(city)[0],),
    ).fetchone()  # fmt: skip
    return Example(f"/care/registers/batches/{row[0]}/undo", success=303)


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/registers": lambda *_: Example("/care/registers"),
    "POST /care/registers": lambda *_: Example("/care/registers", data={"which": "low_income"}, success=422),
    "POST /care/registers/sources/{code}/pull": lambda city, _: Example(
        f"/care/registers/sources/{_source(city)}/pull", success=422
    ),
    "GET /care/registers/sources/{code}": lambda city, _: Example(f"/care/registers/sources/{_source(city)}"),
    "POST /care/registers/sources/{code}": lambda *_: Example("/care/registers/sources/new", data={}, success=422),
    "GET /care/registers/files/{number}": lambda city, role: Example(f"/care/registers/files/{_file(city, role)}"),
    "POST /care/registers/files/{number}": lambda city, role: Example(
        f"/care/registers/files/{_file(city, role)}", data={"name": "姓名", "phone": "电话"}, success=303
    ),
    "GET /care/registers/imports/{number}": lambda city, _: Example(f"/care/registers/imports/{line(city)[0]}"),
    "POST /care/registers/imports/{number}/take-over": lambda city, _: Example(
        f"/care/registers/imports/{line(city)[0]}/take-over", data={"reason": "试"}, success=303
    ),
    "GET /care/registers/imports/{number}/conflicts": lambda city, _: Example(
        f"/care/registers/imports/{line(city)[0]}/conflicts"
    ),
    "POST /care/registers/imports/{number}/conflicts": lambda city, _: Example(
        f"/care/registers/imports/{line(city)[0]}/conflicts", data={"kind": "phone"}, success=422
    ),
    "POST /care/registers/batches/{batch}/undo": _batch,
    "GET /care/registers/lines/{line}": lambda city, _: Example(f"/care/registers/lines/{line(city)[1]}"),
    "POST /care/registers/lines/{line}/decide": _decide,
    "POST /care/registers/lines/{line}/link": _on_line("link", resident="R1", reason="试"),
    "POST /care/registers/lines/{line}/add": _add,
    "POST /care/registers/lines/{line}/aside": _on_line("aside", reason="试"),
    "GET /care/identity/{code}": lambda *_: Example("/care/identity/R1"),
    "POST /care/identity/{code}": lambda *_: Example("/care/identity/R1", data={"number": "1"}, success=422),
    "POST /care/identity/{code}/look": lambda *_: Example("/care/identity/R1/look", data={"reason": "核对证件"}),
    "POST /care/identity/{code}/left": lambda *_: Example("/care/identity/R1/left", data={"reason": "x"}, success=422),
    "GET /care/left": lambda *_: Example("/care/left"),
    "GET /care/left/devices": lambda *_: Example("/care/left/devices"),
    "GET /care/left/{code}": lambda *_: Example("/care/left/R1"),
    "GET /care/left/{code}/before": lambda *_: Example(
        "/care/left/R1/before?reason=died&left_on=2026-01-05&evidence=x"
    ),
    "GET /care/data": lambda *_: Example("/care/data"),
}
ABOUT_NOBODY = {
    "GET /care/data", "GET /care/registers/files/{number}", "GET /care/registers/sources/{code}",
}  # fmt: skip
OF_THE_DISTRICT = {"GET /care/data"}
