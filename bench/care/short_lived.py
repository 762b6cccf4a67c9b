"""Make what holds for minutes or days only, anew at each run: a file that was read, an archive, an export, a link."""

import datetime as dt
from typing import Any

import msgspec
import psycopg

from bench.care.fill_services import SHANGHAI
from care_network.access.accounts import account_by_login
from care_network.records.places import checked_files
from care_network.records.places.checked_files import CheckedFile
from care_services.privacy import archive, research
from console.pages.registers.registers import MOST_ROWS, Chosen

_WHOLE = "INSERT INTO person_copy (resident_id, code, asked_by, identity, asked_at) SELECT id, code, 'self', 'seen', %s"


def tables(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    """A register of as many lines as a page takes, chosen by accounts that keep registers, and not yet taken in."""
    lines = [("王某", f"44030819400101{n:04d}", "女", f"138{n:08d}", "某路") for n in range(MOST_ROWS)]
    heads = ("姓名", "公民身份号码", "性别", "联系电话", "现住址")
    data = "\n".join(",".join(line) for line in (heads, *lines)).encode()
    chosen = msgspec.json.encode(Chosen("population", now.astimezone(SHANGHAI).date(), False)).decode()
    for login in ("admin", "lead", "manager-haishan"):
        account = account_by_login(conn, login)
        if account is not None:
            checked_files.keep_file(conn, account, "table", CheckedFile(name="a.csv", datum=chosen, data=data), now)


def links(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    """A volunteer's own link that holds, of the one who has helped most."""
    conn.execute(
        "UPDATE time_volunteer SET link_until = %s WHERE id = (SELECT volunteer_id FROM time_request"
        " WHERE volunteer_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1)",
        (now + dt.timedelta(days=1),),
    )


def copy(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    """The archive of a resident's data, as the maintenance makes it."""
    row = conn.execute(f"{_WHOLE} FROM resident ORDER BY id LIMIT 1 RETURNING id", (now,)).fetchone()
    assert row is not None  # noqa: S101 - the district has residents
    archive.make(conn, row[0])


def export(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    """A research export of everybody who agrees, of the first project that runs."""
    row = conn.execute(
        "INSERT INTO research_export (project_id, asked_at) SELECT id, %s FROM research_project"
        " WHERE state = 'approved' AND expires_on > %s ORDER BY id LIMIT 1 RETURNING id",
        (now, now.date()),
    ).fetchone()
    assert row is not None  # noqa: S101 - the demonstration has one
    research.make(conn, row[0], now.astimezone(SHANGHAI).date())
