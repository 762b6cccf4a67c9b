"""Carry out what people ask of the intake by page: refused messages again or discarded, gaps asked for or accepted.

The console may look at the quarantine and not touch it; ingest, which stores, does what was asked, in a thread of its
own that holds nothing else up.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import psycopg
import structlog

from database.clock import DatabaseClock
from database.pool import connect_options
from database.settings import DatabaseSettings
from database.upkeep import requests as upkeep_requests
from database.upkeep.requests import Kind, Request
from ingest import gaps
from ingest.quarantine import quarantine
from ingest.quarantine.quarantine import Entry
from ingest.reprocess import reprocess
from ingest.settings import IngestSettings, accepted_times
from observability.liveness import Part

log = structlog.get_logger(__name__)

KINDS: tuple[Kind, ...] = ("reprocess", "discard", "ask_gaps", "accept_gaps")
PATIENCE_S: Mapping[Kind, float] = dict.fromkeys(KINDS, 900.0)
PAGE = 50
"""Entries in memory at a time; one may have 256 KiB."""
MOST = 5000
"""Entries of one request; the rest is asked for again."""
TOLD = 100
"""Entries whose results an answer has one by one."""
LOOK_S = 2.0
RETRY_S = 5.0


class Outcome(msgspec.Struct):
    """The result of a request about refused messages: counts, and the first entries one by one."""

    settled: int = 0
    stays: int = 0
    readings: int = 0
    events: int = 0
    lines: list[tuple[int, bool, str]] = []
    """Number of the entry, whether it is settled, and why (not)."""


def run(database: DatabaseSettings, settings: IngestSettings, stop: threading.Event, part: Part) -> None:
    """Carry requests out until ``stop``; a database that is away only delays them."""
    while not stop.is_set():
        try:
            with psycopg.connect(database.url, autocommit=True, **connect_options(database, "ingest-requests")) as conn:
                conn.execute(f"LISTEN {upkeep_requests.WAKE}".encode())
                while not stop.is_set():
                    while not stop.is_set() and carry_out(conn, settings, part.turned):
                        part.turned()
                    part.turned()
                    list(conn.notifies(timeout=LOOK_S, stop_after=1))
        except psycopg.Error as error:
            part.held_up(f"the database is away: {error}")
            log.warning("requests about the intake wait", error=str(error).strip())
            stop.wait(RETRY_S)


def carry_out(
    conn: psycopg.Connection[Any], settings: IngestSettings, turned: Callable[[], None] = lambda: None
) -> bool:
    """Carry out the oldest request that is due, and report each entry; False where there is none."""
    request = upkeep_requests.claim(conn, KINDS, PATIENCE_S)
    if request is None:
        return False
    try:
        answer = _answer(conn, request, settings, turned)
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise  # nobody knows how far it came: it ends as unknown
    except Exception as error:
        log.exception("a request about the intake cannot be carried out", request=request.id)
        upkeep_requests.settle(conn, request.id, "refused", f"{type(error).__name__}: {error}")
        return True
    upkeep_requests.settle(conn, request.id, "done", answer)
    log.info("a request about the intake is done", request=request.id, kind=request.kind)
    return True


def _answer(
    conn: psycopg.Connection[Any], request: Request, settings: IngestSettings, turned: Callable[[], None]
) -> str:
    match request.kind:
        case "reprocess":
            outcome = _again(conn, request, settings, turned)
        case "discard":
            outcome = _discard(conn, request, turned)
        case "ask_gaps":
            done = gaps.ask_again(conn, request.detail["gaps"])
            outcome = Outcome(settled=len(done), stays=len(request.detail["gaps"]) - len(done))
        case _:
            because = str(request.detail["because"])
            done = gaps.accept(conn, request.detail["gaps"], by=request.login, because=because)
            outcome = Outcome(settled=len(done), stays=len(request.detail["gaps"]) - len(done))
    return msgspec.json.encode(outcome).decode()


def _again(
    conn: psycopg.Connection[Any], request: Request, settings: IngestSettings, turned: Callable[[], None]
) -> Outcome:
    limits = accepted_times(settings, DatabaseClock().look(conn))
    outcome = Outcome()
    for result in reprocess(conn, _chosen(conn, request.detail), limits):
        outcome.readings += result.readings
        outcome.events += result.events
        turned()
        _count(outcome, result.id, result.settled, result.text)
    return outcome


def _discard(conn: psycopg.Connection[Any], request: Request, turned: Callable[[], None]) -> Outcome:
    outcome, how = Outcome(), f"discarded by {request.login}: {request.detail['because']}"
    for entry in _chosen(conn, request.detail):
        done = quarantine.settle(conn, entry.id, how)
        _count(outcome, entry.id, done, how if done else "settled by somebody else meanwhile")
        turned()
    return outcome


def _count(outcome: Outcome, number: int, settled: bool, text: str) -> None:
    if settled:
        outcome.settled += 1
    else:
        outcome.stays += 1
    if len(outcome.lines) < TOLD:
        outcome.lines.append((number, settled, text[:300]))


def _chosen(conn: psycopg.Connection[Any], detail: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield the open entries that a request names: one by number, or a group up to the newest that was there."""
    if "entry" in detail:
        yield from quarantine.entries(conn, ids=[int(detail["entry"])])
        return
    after, yielded = 0, 0
    while yielded < MOST:
        page = quarantine.entries(
            conn,
            gateway=detail["gateway"],
            code=detail["code"],
            after=after,
            limit=PAGE,
            nameless=not detail["gateway"],
        )
        for entry in page:
            if entry.id > int(detail["newest"]):
                return
            yield entry
        if len(page) < PAGE:
            return
        after, yielded = page[-1].id, yielded + len(page)
