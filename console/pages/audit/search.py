"""The audit: search by person, account, kind, time and origin; page by key; export. Each look is a line of it."""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
import psycopg
from fastapi import Depends, Request
from starlette.responses import Response

from care_network.access.accounts import Account
from care_network.access.auditing import people
from care_network.access.auditing.kinds import KINDS, kind_of
from care_network.access.auditing.search import AuditEntry, Place, Sought, actions_there, place_of, search
from care_network.access.auditing.words import action_words, step_words
from care_network.access.permissions import Action, audit
from care_network.errors import ProvisioningError
from console.pages.admin.frame import admin_page
from console.pages.audit.files import as_csv, as_xlsx
from console.pages.audit.wholeness import fault_words, wholeness
from console.pages.audit.words import said
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import Language, pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
LOOK = needs(Action.VIEW_AUDIT)
MOST_EXPORTED = 20_000
"""Lines of a file; more than these are asked for by a shorter time."""
BATCH = 2000
LONGEST = 128


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the search as they were filled in: words, not yet what they mean."""

    login: str = ""
    resident: str = ""
    action: str = ""
    origin: str = ""
    since: str = ""
    until: str = ""
    alert: str = ""

    def given(self) -> dict[str, str]:
        """Give what is not empty, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value}


def _filled(
    login: str = "", resident: str = "", action: str = "", origin: str = "", since: str = "", until: str = "",
    alert: str = "",
) -> Filled:  # fmt: skip
    values = {
        "login": login, "resident": resident, "action": action, "origin": origin, "since": since, "until": until,
        "alert": alert,
    }  # fmt: skip
    return Filled(**{name: value.replace("\x00", "").strip()[:LONGEST] for name, value in values.items()})


Form = Annotated[Filled, Depends(_filled)]


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """The meaning of the fields: lines that are sought, or people between whom somebody has to choose."""

    sought: Sought | None
    """None: nobody, or several, are meant."""
    who: dict[str, list[people.Person]]
    """By field: those whom its words may mean."""


@router.get("/audit", dependencies=[LOOK])
def audit_page(request: Request, console: Shared, account: CurrentAccount, filled: Form, after: str = "") -> Response:
    """A page of the newest lines that are sought; ``after``: the place of the last line above the page."""
    language = language_of(request, account)
    error: ProvisioningError | None = None
    found: list[AuditEntry] = []
    meant = Meant(sought=None, who={})
    with console.database() as conn:
        try:
            meant = _meant(conn, account, filled, place_of(after))
            found = search(conn, account, meant.sought, LIMIT + 1) if meant.sought else []
        except ProvisioningError as wrong:
            error = wrong
        _looked(conn, request, account, "view_audit", filled, len(found))
        state = wholeness(conn, dt.datetime.now(dt.UTC))
        there = actions_there(conn)
    rows = found[:LIMIT]
    return admin_page(
        request, "audit.html", account, status_of(error) if error else 200,
        history=[said(line, language) for line in rows], filled=filled, state=state, meant=meant,
        pager=pager_of(request, str(rows[-1].place) if len(found) > LIMIT else None), kinds=_kinds(there, language),
        message=message_of(request, error, account) if error else "", running=console.audit_check_runs,
        query=urlencode(filled.given()),
        faults=[fault_words(fault, language) for fault in state.check.faults] if state.check else [],
        instead=lambda field, key: urlencode({**filled.given(), field: key}),
    )  # fmt: skip


@router.get("/audit/export", dependencies=[LOOK])
def export(request: Request, console: Shared, account: CurrentAccount, filled: Form, format: str = "csv") -> Response:
    """The lines that are sought as a file, MOST_EXPORTED at most; how many is in the audit."""
    language = language_of(request, account)
    with console.database() as conn:
        lines = [said(line, language) for line in _all(conn, account, filled)]
        kind = "xlsx" if format == "xlsx" else "csv"
        _looked(conn, request, account, "export_audit", filled, len(lines), format=kind)
    content = as_xlsx(lines, language) if kind == "xlsx" else as_csv(lines, language)
    types = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv"}
    name = f"audit-{dt.datetime.now(SHANGHAI):%Y-%m-%d}.{kind}"
    return Response(content, media_type=types[kind], headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _all(conn: psycopg.Connection[Any], account: Account, filled: Filled) -> Iterator[AuditEntry]:
    sought = _meant(conn, account, filled, None).sought
    left = MOST_EXPORTED
    while sought is not None and left > 0:
        found = search(conn, account, sought, min(BATCH, left))
        yield from found
        if len(found) < min(BATCH, left):
            return
        sought, left = msgspec.structs.replace(sought, after=found[-1].place), left - len(found)


def _meant(conn: psycopg.Connection[Any], account: Account, filled: Filled, after: Place | None) -> Meant:
    """Read what the form asks for. Raises ProvisioningError for a day that is none."""
    until = _day(filled.until, "until")
    who: dict[str, list[people.Person]] = {}
    resident = login = actor = None
    if filled.resident:
        who["resident"] = people.residents(conn, account, filled.resident)
        resident = who["resident"][0].key if len(who["resident"]) == 1 else ""
    if filled.login:
        who["login"] = people.actors(conn, account, filled.login)
        login = who["login"][0].key if len(who["login"]) == 1 else ""
        if not who["login"] and people.acted_by_link(conn, account, filled.login):
            actor, login = filled.login, None
            who["login"] = [people.Person(key=filled.login, name_zh=filled.login, name_en=filled.login)]
        elif not who["login"]:
            login = filled.login.lower()  # failed logins of nobody whom we know
    sought = Sought(
        since=_day(filled.since, "since"), until=until and until + dt.timedelta(days=1), login=login, actor=actor,
        resident=resident, action=filled.action or None, origin=filled.origin or None, alert=_alert(filled.alert),
        after=after,
    )  # fmt: skip
    return Meant(sought=None if resident == "" or login == "" else sought, who=who)


def _alert(text: str) -> str | None:
    try:
        return str(uuid.UUID(text)) if text else None
    except ValueError as error:
        raise ProvisioningError(en="this is no alert", zh="没有这个预警", field="alert") from error


def _day(text: str, field: str) -> dt.datetime | None:
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = dt.date.min
    if not 2000 <= day.year < 2100:
        raise ProvisioningError(
            en="write a day as 2026-11-30, of this century", zh="日期请写成 2026-11-30", field=field
        )
    return dt.datetime.combine(day, dt.time(), SHANGHAI)


def _looked(
    conn: psycopg.Connection[Any], request: Request, account: Account, action: str, filled: Filled, lines: int,
    **more: str,
) -> None:  # fmt: skip
    """Record the look: what was sought, and how many lines it gave."""
    detail = filled.given()
    if "login" in detail:
        detail["by"] = detail.pop("login")  # 'login' names the account to which something was done
    if "alert" in detail:
        detail["of"] = detail.pop("alert")  # nor is it a look at the alert
    now = dt.datetime.now(dt.UTC)
    audit(conn, account, action, at=now, origin=origin_of(request), detail={**detail, **more, "lines": lines})


def _kinds(there: Sequence[tuple[str, str]], language: Language) -> list[tuple[str, list[tuple[str, str]]]]:
    """The choices: each kind as a whole, then each action of it that there is, by their words."""
    chosen = []
    for kind, words in KINDS.items():
        if kind == "steps":
            single = [(f"step:{name}", pick(language, *step_words(name))) for log, name in there if log != "audit"]
        else:
            single = [
                (name, pick(language, *action_words(name)))
                for log, name in there
                if log == "audit" and kind_of(name) == kind
            ]
        whole = pick(language, f"全部“{words[0]}”", f"{words[1]}: all")
        chosen.append((pick(language, *words), [(f"kind:{kind}", whole), *sorted(single, key=lambda one: one[1])]))
    return chosen
