"""Measure care and services for three years of a district: 7,198 residents, two million visits, half a million meals.

Every page of the wing over HTTP, as each role that uses it, from a console that runs as in the demonstration; the
settlement of a month, the orders of a fortnight, and the turns of the rounds in the database. The long jobs are taken
back after they were measured, so that kept data (:mod:`bench.care.district`) stay as they are.
"""

import datetime as dt
import functools
import threading
import time
from collections.abc import Callable

import msgspec
import numpy as np
import psycopg

from bench.care import short_lived
from bench.care.certain import bound
from bench.care.district import care_district
from bench.care.objects import Objects
from bench.care.pages import FILES, LIMIT_MS, LINK, ROLES, Page, addresses, limit_ms, pages
from bench.care.processor import spent_ms
from bench.console_district import Desk, session_of
from bench.figures import Figure
from care_network.access.accounts import account_by_login
from care_services.core.acting import Acting
from care_services.home_services.plans.making import make_ahead
from care_services.home_services.settlement import settling
from care_services.meals import settlement as meals
from care_services.rounds.jobs import JOBS
from care_services.rounds.outside import Nobody
from care_services.time_bank import books
from vocabulary.times import SHANGHAI

SETTLE_MS, MAKE_MS, TURN_MS = 60_000.0, 15_000.0, 5_000.0


def run() -> list[Figure]:
    """Times of all pages and of the long jobs."""
    with care_district() as platform, psycopg.connect(platform.postgres.url, autocommit=True) as conn:
        now = dt.datetime.now(dt.UTC)
        today = now.astimezone(SHANGHAI).date()
        last = (today.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
        asked = {
            "month": f"{last:%Y-%m}", "earlier": f"{last - dt.timedelta(days=200):%Y-%m}",
            "day": f"{today - dt.timedelta(days=1)}",
        }  # fmt: skip
        desks = {
            login: Desk(platform.address, "" if login == LINK else session_of(conn, login)) for login in ROLES
        }  # fmt: skip
        figures = [
            *_jobs(conn, now, today, last), _beside(conn, desks["dispatcher"], now, last), *_made(conn, now),
        ]  # fmt: skip
        found = list(pages(desks, Objects(conn, platform, asked), functools.partial(spent_ms, platform)))
        by_address = {one.address: [each for each in found if each.address == one.address] for one in found}
        return [*figures, *_summary(found), *(_address(each) for each in by_address.values())]


def _jobs(conn: psycopg.Connection, now: dt.datetime, today: dt.date, last: dt.date) -> list[Figure]:
    account, manager = account_by_login(conn, "lead"), account_by_login(conn, "manager-haishan")
    assert account is not None  # noqa: S101 - the demonstration has both
    assert manager is not None  # noqa: S101
    acting, later = Acting(account, now), now + dt.timedelta(days=15)
    orders = _count(conn, "SELECT count(*) FROM service_order")
    visits = _count(
        conn, "SELECT count(*) FROM service_order WHERE settlement_id IS NULL AND state IN ('checked_out', 'confirmed')"
    )
    of_all = msgspec.structs.replace(manager, area_path=account.area_path)  # minutes expire in the whole district
    canteen = conn.execute(
        "SELECT o.code FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.kind = 'canteen' AND a.path <@ %s::ltree",
        (manager.area_path,),
    ).fetchone()
    assert canteen is not None  # noqa: S101 - the demonstration has one
    note = f"{orders:,} orders of three years"
    jobs: list[tuple[str, Callable[[], object], float, str]] = [
        ("settlement of a month, all providers", lambda: settling.settle_all(conn, acting, last), SETTLE_MS,
         f"{note}; {visits:,} visits"),
        ("settlement of a canteen's month",
         lambda: meals.sums(conn, Acting(manager, now), canteen[0], f"{last:%Y-%m}"), SETTLE_MS, note),
        ("orders of a fortnight made of plans", lambda: make_ahead(conn, later), MAKE_MS,
         f"{_count(conn, 'SELECT count(*) FROM service_plan'):,} plans"),
        ("hours of the time bank that expire", lambda: books.expire(conn, of_all, now), TURN_MS, note),
        ("round: 20 days of planned against done counted anew", lambda: conn.execute(
            "SELECT service_tally_anew(ARRAY(SELECT %s::date - n FROM generate_series(1, 20) n))", (today,)
        ), TURN_MS, note),
    ]  # fmt: skip
    jobs += [
        (f"round: {job.en}", functools.partial(job.work, conn, now, Nobody()), TURN_MS, note)
        for job in JOBS if job.name not in ("reports", "service_orders")
    ]  # fmt: skip
    return [_job(conn, name, work, limit, said) for name, work, limit, said in jobs]


def _made(conn: psycopg.Connection, now: dt.datetime) -> list[Figure]:
    """What pages give out and is made by a job; it stays, for the pages that give it out."""
    short_lived.tables(conn, now)
    short_lived.links(conn, now)
    figures = []
    for name, make in (("a copy of a resident's data", short_lived.copy), ("a research export", short_lived.export)):
        began = time.perf_counter()
        make(conn, now)
        took = (time.perf_counter() - began) * 1000
        figures.append(Figure(name=f"care: {name}", value=took, unit="ms", note="by the maintenance, in its own time"))
    return figures


def _job(conn: psycopg.Connection, name: str, work: Callable[[], object], limit: float, note: str) -> Figure:
    """The time of a job; of a turn of the rounds also of the next one, which finds nothing new."""
    took = []
    with conn.transaction(force_rollback=True):
        for _ in range(2 if name.startswith("round") else 1):
            began = time.perf_counter()
            work()
            took.append((time.perf_counter() - began) * 1000)
    if len(took) > 1:
        note = f"the next turn {took[1]:.0f} ms; {note}"
    return Figure(name=f"care: {name}", value=took[0], unit="ms", reference=limit, reference_name="limit", note=note)


def _beside(conn: psycopg.Connection, desk: Desk, now: dt.datetime, last: dt.date) -> Figure:
    """The desk's first page while a month is settled and a fortnight of orders is made."""
    account, times, over = account_by_login(conn, "lead"), list[float](), threading.Event()
    assert account is not None  # noqa: S101 - the demonstration has one

    def ask() -> None:
        while not over.wait(0.05):
            times.append(desk.look("/")[0])

    asking = threading.Thread(target=ask)
    desk.look("/")
    asking.start()
    try:
        with conn.transaction(force_rollback=True):
            settling.settle_all(conn, Acting(account, now), last)
            make_ahead(conn, now + dt.timedelta(days=15))
    finally:
        over.set()
        asking.join()
    return Figure(
        name="care: the desk while a month is settled and orders are made, p95", value=float(np.percentile(times, 95)),
        unit="ms", reference=LIMIT_MS, reference_name="limit",
        note=f"n = {len(times)}, median {np.median(times):.0f} ms, slowest {max(times):.0f} ms",
    )  # fmt: skip


def _count(conn: psycopg.Connection, query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    return 0 if row is None else int(row[0])


def _p95(one: Page) -> float:
    return float(np.percentile(one.times, 95))


def _address(found: list[Page]) -> Figure:
    """A page, of the role for which it is slowest; the note has the others."""
    slowest = max(found, key=_p95)
    roles = ", ".join(f"{one.login} {_p95(one):.0f}" for one in found)
    return Figure(
        name=f"care: {slowest.address}, p95", value=_p95(slowest), unit="ms", reference=limit_ms(slowest.address),
        reference_name="limit",
        note=f"{slowest.login}: n = {len(slowest.times)}, with 95 % confidence at most {bound(slowest.times):.0f} ms,"
        f" processor {slowest.processor:.0f} ms, {slowest.size // 1024} kB; first look"
        f" {max(one.first for one in found):.0f} ms; p95 by role: {roles}",
    )  # fmt: skip


def _summary(found: list[Page]) -> list[Figure]:
    """The slowest page, the number of those above the limit, and the page with the most on it; of pages, not files."""
    found = [one for one in found if one.address not in FILES]
    slowest, largest = max(found, key=_p95), max(found, key=lambda one: one.size)
    coldest = max(found, key=lambda one: one.first)
    over = sum(_p95(one) > LIMIT_MS for one in found)
    unsure = [f"{one.address}, {one.login}" for one in found if _p95(one) <= LIMIT_MS < bound(one.times)]
    slow = sum(one.first > LIMIT_MS for one in found)
    answers = sum(len(one.times) for one in found)
    above = sum(took > LIMIT_MS for one in found for took in one.times)
    blank = sorted(set(addresses()) - FILES - {one.address for one in found})
    return [
        Figure(name="care: pages that were shown to nobody", value=len(blank), unit="pages", note=", ".join(blank)),
        Figure(name="care: pages, by role", value=len(found), unit="pages", note=", ".join(ROLES)),
        Figure(name="care: answers above the limit", value=above, unit="answers", note=f"of {answers:,}"),
        Figure(name="care: pages above the limit", value=over, unit="pages", note=f"limit {LIMIT_MS:.0f} ms, p95"),
        Figure(name="care: pages below the limit, but not with 95 % confidence", value=len(unsure), unit="pages",
               note="; ".join(unsure)),
        Figure(name="care: first looks above the limit", value=slow, unit="pages",
               note="the first answer to a role after the console's start"),
        Figure(name="care: the slowest first look", value=coldest.first, unit="ms",
               note=f"{coldest.address}, {coldest.login}"),
        Figure(name="care: the slowest page, p95", value=_p95(slowest), unit="ms", reference=LIMIT_MS,
               reference_name="limit", note=f"{slowest.address}, {slowest.login}"),
        Figure(name="care: the largest page, p95", value=_p95(largest), unit="ms", reference=LIMIT_MS,
               reference_name="limit", note=f"{largest.address}, {largest.login}: {largest.size // 1024} kB"),
    ]  # fmt: skip
