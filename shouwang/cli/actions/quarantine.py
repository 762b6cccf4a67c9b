"""List, show, process again and discard entries of the quarantine; list devices that wait for pairing."""

import datetime as dt
import getpass
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from database.clock import DatabaseClock
from firmware_profiles.decoding.payload_words import describe, hexdump
from ingest.quarantine import quarantine
from ingest.quarantine.quarantine import Entry
from ingest.quarantine.refusals import Code
from ingest.reprocess import reprocess
from ingest.settings import IngestSettings, accepted_times
from shouwang.cli.session import Session
from vocabulary.times import local, local_time

PAGE = 50
"""Entries in memory at a time; one may have 256 KiB."""
_AGO = re.compile(r"(\d{1,6})([mhd])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Choice(msgspec.Struct, frozen=True):
    """A filter of entries; a field that is None filters nothing."""

    ids: tuple[int, ...] | None = None
    gateway: str | None = None
    reason: Code | None = None
    since: dt.datetime | None = None


def choice(ids: list[int] | None, gateway: str | None, reason: Code | None, since: str | None) -> Choice:
    """Build a choice from the options of a command. Raises ValueError where ``since`` is no time."""
    start: dt.datetime | None = None
    if since is not None:
        ago = _AGO.match(since)
        start = dt.datetime.now(dt.UTC) - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else local_time(since)
    return Choice(tuple(ids) if ids else None, gateway, reason, start)


def list_entries(conn: psycopg.Connection[Any], chosen: Choice, settled: bool, limit: int) -> None:
    """Print a table of up to ``limit`` entries."""
    table = Table("entry", "last", "gateway", "reason", "times", "folded", "readings", "bytes", "what to do")
    found = _entries(conn, chosen, settled=settled, limit=limit + 1)
    for entry in found[:limit]:
        text = entry.reason if entry.settled_at is None else f"(settled: {entry.settled_how}) {entry.reason}"
        table.add_row(
            str(entry.id),
            local(entry.last_at),
            escape(entry.gateway or "—"),
            entry.code,
            str(entry.times),
            str(entry.folded or ""),
            str(entry.readings or ""),
            str(entry.size),
            escape(text),
        )
    console = Console()
    console.print(table if found else "Nothing like that is in quarantine.")
    if len(found) > limit:
        console.print(f"… and more than these {limit}: --limit shows them, --gateway, --reason and --since choose")


def show_entry(session: Session, number: int, most: int) -> None:
    """Print one entry, ``most`` of its bytes as a hex dump; the look is audited. Raises LookupError where there is
    none."""
    entries = _entries(session.conn, Choice(ids=(number,)), settled=True)
    if not entries:
        raise LookupError(f"no entry {number}; shouwang quarantine list shows them")
    (entry,) = entries
    session.audit("view_quarantine", detail={"entry": entry.id})
    out = _plain()
    out.print(f"entry {entry.id}: {entry.code}\n{entry.reason}")
    out.print(f"topic {entry.topic}, gateway {entry.gateway or 'unknown'}")
    out.print(f"first {local(entry.first_at)}, last {local(entry.last_at)}, {entry.times} times, {entry.folded} folded")
    if entry.settled_at is not None:
        out.print(f"settled {local(entry.settled_at)}: {entry.settled_how}; its bytes are no longer kept")
        return
    out.print(f"{len(entry.payload)} of {entry.size} bytes are kept")
    arrived_us = round(entry.first_at.timestamp() * 1e6)
    told = [en for _, en in describe(entry.topic, entry.payload, arrived_us)]
    for line in [*told, *hexdump(entry.payload, most)]:
        out.print(line)


def process_again(session: Session, chosen: Choice) -> None:
    """Process the chosen open entries again and print what became of each; an audit line for each that is settled."""
    limits = accepted_times(IngestSettings(), DatabaseClock().look(session.conn))
    out = _plain()
    settled = stays = readings = 0
    for outcome in reprocess(session.conn, _pages(session.conn, chosen), limits):
        out.print(f"{outcome.id}: {outcome.text}")
        readings += outcome.readings
        if outcome.settled:
            settled += 1
            detail = {"entry": outcome.id, "result": outcome.text, "by": getpass.getuser()}
            session.audit("reprocess_quarantine", detail=detail)
        else:
            stays += 1
    out.print(f"{settled} settled ({readings} readings stored), {stays} stay")


def discard(session: Session, chosen: Choice, because: str, agreed: Callable[[int], bool]) -> int:
    """Discard the chosen open entries if ``agreed(how many)``, each with an audit line in the same transaction.

    Returns how many were discarded. Raises ValueError where nothing chooses, LookupError where nothing is chosen.
    """
    if chosen == Choice():
        raise ValueError("name the entries, or choose with --gateway, --reason or --since")
    conn, done = session.conn, 0
    found = [entry.id for entry in _pages(conn, chosen)]
    if not found:
        raise LookupError("no open entry is like that")
    if not agreed(len(found)):
        return 0
    for number in found:
        with conn.transaction():
            if quarantine.settle(conn, number, f"discarded by {session.account.login}: {because}"):
                detail = {"entry": number, "because": because, "by": getpass.getuser()}
                session.audit("discard_quarantine", detail=detail)
                done += 1
    return done


def show_pairing(conn: psycopg.Connection[Any]) -> None:
    """Print the gateways and devices that sent something and are not registered."""
    table = Table("gateway", "device", "channels", "first", "last", "times")
    rows = quarantine.pairing(conn)
    for gateway, device, channels, first, last, times in rows:
        name = escape(device) if device else "(the gateway itself)"
        table.add_row(escape(gateway), name, escape(", ".join(channels)), local(first), local(last), str(times))
    Console().print(table if rows else "Everything that was heard is registered.")


def _entries(
    conn: psycopg.Connection[Any], chosen: Choice, *, settled: bool = False, after: int = 0, limit: int | None = None
) -> list[Entry]:
    return quarantine.entries(
        conn,
        ids=chosen.ids,
        gateway=chosen.gateway,
        code=chosen.reason,
        since=chosen.since,
        settled=settled,
        after=after,
        limit=limit,
    )


def _pages(conn: psycopg.Connection[Any], chosen: Choice) -> Iterator[Entry]:
    """Yield the chosen open entries, with a page in memory at a time; entries that arrive meanwhile are left out."""
    last, after = quarantine.newest_id(conn), 0
    while page := _entries(conn, chosen, after=after, limit=PAGE):
        for entry in page:
            if entry.id > last:
                return
            yield entry
        after = page[-1].id


def _plain() -> Console:
    return Console(highlight=False, markup=False, soft_wrap=True)
