"""The desk: the live queue of open alerts, grouped into events, and beside it the alert that is open."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import psycopg
import structlog
from fastapi import Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.records.lookup import street_names
from console.access.alerts import act
from console.pages.desk import rows
from console.pages.desk.detail import detail_of, is_mine
from console.pages.desk.rows import Clocks, Filter
from console.shell.errors import message_of
from console.shell.i18n import Language, pick
from console.shell.memory import Watching
from console.shell.scope import scope_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from console.shell.watching import CurrentWatching, needs_while_watching
from dispatch.alerts.states import LifecycleError
from dispatch.core.notice import AlertNotice
from dispatch.desk import flood, grouping, handover
from dispatch.escalation import duty_warnings
from vocabulary.path_links import LIMIT_S
from vocabulary.severity import RANK

log = structlog.get_logger(__name__)
router = page_router()

FEW = 8
"""So many emergencies of a group are shown line by line, unless somebody closes it."""
PAIR = 2
"""So many alerts alike are a group in a flood."""


def wanted_filter(who: str = "all", street: str = "", kind: str = "") -> Filter:
    """The filter in the address; an unknown word means everything."""
    return Filter(who=who if who in ("mine", "waiting") else "all", street=street[:200], kind=kind[:100])


Wanted = Annotated[Filter, Depends(wanted_filter)]


@router.get("/", dependencies=[needs_while_watching(Action.VIEW_ALERTS)])
def board_page(request: Request, console: Shared, watching: CurrentWatching, wanted: Wanted, a: str = "") -> Response:
    """Show the queue, and beside it the alert ``a`` (id)."""
    if watching.account.role == "family":
        return RedirectResponse("/family", 303)
    context = _queue(request, console, watching, wanted)
    return page(request, "queue.html", watching.account, **context, **_beside(request, console, watching, a))


@router.get("/queue", dependencies=[needs_while_watching(Action.VIEW_ALERTS)])
def queue(
    request: Request,
    console: Shared,
    watching: CurrentWatching,
    wanted: Wanted,
    opened: Annotated[tuple[str, ...], Query()] = (),
    closed: Annotated[tuple[str, ...], Query()] = (),
) -> Response:
    """The queue alone, for the live page to put in place; ``opened``, ``closed``: keys of its groups as they are."""
    return page(request, "_queue.html", watching.account, **_queue(request, console, watching, wanted, opened, closed))


@router.post("/queue/acknowledge", dependencies=[needs(Action.ACKNOWLEDGE)])
def acknowledge_group(
    request: Request, console: Shared, account: CurrentAccount, alerts: Annotated[list[str], Form(max_length=1000)]
) -> Response:
    """Take a whole group on: each alert at the version that was seen, those that others changed meanwhile are left."""
    taken = left = 0
    with console.database() as conn:
        for each in alerts:
            alert_id, _, version = each.partition(" ")
            try:
                act(
                    conn, console.board, account, uuid.UUID(alert_id), "acknowledge", int(version),
                    origin=origin_of(request),
                )  # fmt: skip
                taken += 1
            except LifecycleError:
                left += 1
            except ValueError as error:
                raise HTTPException(422) from error
        watching = Watching(account, scope_of(conn, account), dt.datetime.now(dt.UTC))
    if not left:
        return RedirectResponse("/", 303)
    zh = f"已接警 {taken} 条；{left} 条已被他人更新，请查看"
    message = pick(language_of(request, account), zh, f"{taken} taken; {left} were changed by others: look at them")
    context = _queue(request, console, watching, Filter())
    return page(request, "queue.html", account, status=409, message=message, **context)


@router.post("/queue/support", dependencies=[needs(Action.HAND_OVER)])
def ask_for_support(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Tell the other desks that this one cannot keep up."""
    with console.database() as conn:
        try:
            flood.ask_for_support(conn, account, dt.datetime.now(dt.UTC), origin_of(request))
        except LifecycleError as error:
            message = message_of(request, error, account)
        else:
            return RedirectResponse("/", 303)
        watching = Watching(account, scope_of(conn, account), dt.datetime.now(dt.UTC))
    context = _queue(request, console, watching, Filter())
    return page(request, "queue.html", account, status=409, message=message, **context)


def _beside(request: Request, console: Console, watching: Watching, alert: str) -> dict[str, Any]:
    """The context of the alert that is open beside the queue; empty for none, ``gone`` where it cannot be shown.

    With the database away ``bare`` is what the board has in memory and the page's socket has told: whom to call, where.
    """
    if not alert:
        return {}
    try:
        with console.database() as conn:
            return detail_of(conn, request, console, watching.account, uuid.UUID(alert))
    except (ValueError, HTTPException):
        return {"gone": "404"}
    except psycopg.OperationalError:
        known = console.board.get(alert)
        return {"gone": "database", "bare": known if known is not None and watching.scope.sees(known) else None}


def _queue(
    request: Request,
    console: Console,
    watching: Watching,
    wanted: Filter,
    opened: Sequence[str] = (),
    closed: Sequence[str] = (),
) -> dict[str, Any]:
    """The queue's content: sections of rows, with groups of many alike."""
    account, language = watching.account, language_of(request, watching.account)
    now = dt.datetime.now(dt.UTC)
    now_us = round(now.timestamp() * 1e6)
    standing = [a for a in console.board.open_alerts(watching.scope.sees) if a.merged_into is None]
    alerts = [a for a in standing if a.shows(now_us)]
    everybody = console.board.open_alerts(lambda _alert: True)
    outlook = _outlook(console, account, hash(tuple((one.id, one.version) for one in everybody)))

    def mine(alert: AlertNotice) -> bool:
        return is_mine(alert, account)

    shown = rows.matching(standing, wanted, mine)
    overload = flood.state(alerts, now, outlook["desks"])
    return {
        "total": len(alerts),
        "sections": _sections(
            shown, language, now_us, outlook["clocks"], opened, closed, mine, flooded=overload.active
        ),
        "wanted": wanted,
        "who_counts": {
            "all": len(alerts),
            "mine": sum(map(mine, alerts)),
            "waiting": sum(a.state == "raised" for a in alerts),
        },
        "streets": _streets(alerts, outlook["streets"], language),
        "kinds": _kinds(alerts, language),
        "flood": overload,
        "support": outlook["support"],
        "waiting_handover": outlook["handover"],
        "warnings": outlook["warnings"],
        "feed": console.feed,
        "beat": console.pulse.beat(watching.account.area_path),
        "path": console.feed.proof.state(),
        "path_limit_s": LIMIT_S,
    }


def _sections(
    alerts: Sequence[AlertNotice],
    language: Language,
    now_us: int,
    clocks: Clocks,
    opened: Sequence[str],
    closed: Sequence[str],
    mine: Callable[[AlertNotice], bool],
    *,
    flooded: bool,
) -> list[dict[str, Any]]:
    """The sections of the list that are not empty, each with its entries: rows, or groups of rows; in a flood two
    alerts of a kind and a place are a group, except emergencies."""
    parted: dict[str, list[AlertNotice]] = {key: [] for key in rows.SECTIONS}
    for alert in alerts:
        parted[rows.section_of(alert, now_us)].append(alert)
    sections = []
    for key, words in rows.SECTIONS.items():
        members = rows.in_order(parted[key], now_us, clocks)
        if not members:
            continue
        is_open = f"section-{key}" in opened if key in rows.CLOSED_AT_FIRST else f"section-{key}" not in closed
        entries: list[dict[str, Any]] = []
        if is_open:
            least = PAIR if flooded else grouping.LEAST
            grouped = [] if key == "resting" else groups(members, opened, closed, prefix=key, least=least)
            together = {id for group in grouped for id in group["ids"] if not group["few"]}
            for group in (one for one in grouped if not one["few"]):
                lines = group["alerts"] if group["shown"] else []
                group["rows"] = [rows.row_of(a, language, now_us, clocks.get(a.id), mine=mine(a)) for a in lines]
                group["what"] = rows.headline(group["first"], language)
                entries.append({"group": group})
            entries += [
                {"row": rows.row_of(a, language, now_us, clocks.get(a.id), mine=mine(a))}
                for a in members
                if a.id not in together
            ]
            # The gravest first, whether they stand alone or together.
            entries.sort(key=lambda entry: RANK[(entry.get("row") or entry["group"]["first"]).severity])
        sections.append(
            {
                "key": key,
                "title": pick(language, *words),
                "count": len(members),
                "raised": sum(a.state == "raised" for a in members),
                "closable": key in rows.CLOSED_AT_FIRST,
                "open": is_open,
                "entries": entries,
            }
        )
    return sections


def _outlook(console: Console, account: Account, mark: int) -> dict[str, Any]:
    """Ask the database for hours to come in which nobody would answer (for those who can mend the
    roster), the clocks of all alerts (anew when ``mark`` differs), the streets' names.

    Empty while the database is away: the queue comes first.
    """
    found: dict[str, Any] = {"warnings": [], "clocks": {}, "streets": {}, "desks": 1, "support": None, "handover": None}
    if not console.feed.database_up:
        return found
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            if may_do(account, Action.MANAGE_STAFF):
                found["warnings"] = duty_warnings.warnings(conn, now, account.area_path)
            found["clocks"] = console.clocks.get(console.board_database, mark, now)
            found["streets"] = street_names(conn)
            if account.area_path is not None and may_do(account, Action.HAND_OVER):
                found["desks"] = flood.desks(conn, account.area_path, now)
                found["support"] = flood.last_support(conn, account.area_path, now)
                found["handover"] = handover.waiting_for(conn, account)
    except psycopg.OperationalError as error:
        log.warning("ladders and warnings are not shown", error=str(error).strip())
    return found


def _streets(
    alerts: Sequence[AlertNotice], names: Mapping[str, tuple[str, str]], language: Language
) -> list[tuple[str, str]]:
    """Streets in which alerts are open, to choose from: path and name."""
    paths = {alert.area_path for alert in alerts}
    return [
        (street, pick(language, *words))
        for street, words in names.items()
        if any(path == street or path.startswith(f"{street}.") for path in paths)
    ]


def _kinds(alerts: Sequence[AlertNotice], language: Language) -> list[tuple[str, str]]:
    """Kinds of alert that are open, to choose from: the rule and its words."""
    found: dict[str, str] = {}
    for alert in alerts:
        words = alert.evidence.get("rule")
        named = pick(language, words.get("zh"), words.get("en")) if isinstance(words, dict) else None
        found.setdefault(alert.rule, named or rows.headline(alert, language))
    return sorted(found.items(), key=lambda kind: kind[1])


def groups(
    alerts: Sequence[AlertNotice],
    opened: Collection[str] = (),
    closed: Collection[str] = (),
    prefix: str = "group",
    least: int = grouping.LEAST,
) -> list[dict[str, Any]]:
    """Groups of many alerts of one kind in one place, ranked, each with its alerts, the oldest first.

    ``opened``, ``closed``: keys of groups that somebody has opened or closed. Any other group is ``shown`` line by
    line where it has few emergencies: each is somebody's; of a whole building only the group can be taken in.
    """
    by_id = {alert.id: alert for alert in alerts}
    items = [
        grouping.OpenAlert(
            id=a.id,
            rule=a.rule,
            severity=a.severity,
            state=a.state,
            area=a.area_path,
            household=a.household_code,
            onset_us=a.onset_us,
            wide=a.severity == "technical" and a.subject.startswith("gateway:"),
        )
        for a in alerts
    ]
    ranked: list[dict[str, Any]] = []
    same: Counter[str] = Counter()
    for one in grouping.group(items, least):
        if len(one.ids) < one.least(least):
            continue
        # Not its first alert: when that one is resolved, a group that somebody has opened must stay open.
        key = f"{prefix}-{one.rule}-{one.area}"
        same[key] += 1
        key = key if same[key] == 1 else f"{key}-{same[key]}"
        few = one.severity == "emergency" and len(one.ids) <= FEW
        ranked.append(
            {
                "key": key,
                "few": few,
                "shown": key in opened or (few and key not in closed),
                "first": by_id[one.ids[0]],
                "alerts": [by_id[id] for id in one.ids],
                **msgspec.structs.asdict(one),
            }
        )
    return ranked
