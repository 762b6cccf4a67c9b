"""``shouwang simulate history --demo``: the past of the demonstration's homes."""

import datetime as dt
import time
from typing import Any

import msgspec
import psycopg
from rich.console import Console

from shouwang.past.writing import write_past

GATEWAYS = "gw-yt-"
"""How the names of the demonstration's gateways begin; the home's number follows."""


class _Home(msgspec.Struct, frozen=True):
    number: int
    gateway: str


def write_demo_past(conn: psycopg.Connection[Any], days: int, seed: int, out: Console) -> None:
    """Write the past of every home of the demonstration that was never heard, and say what was written.

    ``conn``: in autocommit. Raises PastError where the database cannot take it.
    """
    names = conn.execute("SELECT name FROM gateway WHERE name ~ %s ORDER BY name", (f"^{GATEWAYS}[0-9]+$",)).fetchall()
    homes = [_Home(int(name.removeprefix(GATEWAYS)), name) for (name,) in names]
    began = time.monotonic()
    written = write_past(conn, homes, days, dt.datetime.now(dt.UTC), seed)
    if not written.homes:
        out.print(f"{len(homes)} homes of the demonstration; each that there is has a past already.")
        return
    out.print(
        f"{written.homes} homes, {days} days: {written.rows['alert']} alerts, {written.rows['work_order']} visits,"
        f" {written.rows['work_order_rating']} ratings, in {time.monotonic() - began:.1f} s. Live data begin at"
        f" {written.until:%Y-%m-%d %H:%M} UTC."
    )
