"""The register of consents: what a district agreed to, one resident's consents, giving and withdrawing."""

import datetime as dt
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from psycopg import Connection
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.consents import overview, register, standing
from care_network.consents.purposes import BASES, PURPOSES
from care_network.consents.register import BY_WHOM, HOW, Said
from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_services.privacy import holds
from console.access.residents import load_resident
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import local_day

router = page_router()
GIVE = needs(Action.GIVE_CONSENTS)
Text = Annotated[str, Form(max_length=600)]
Asked = Annotated[str, Query(max_length=120)]
STATES = {"yes": True, "no": False}


@router.get("/care/consents", dependencies=[GIVE])
def consents_page(
    request: Request, console: Shared, account: CurrentAccount, q: Asked = "", purpose: Asked = "", state: Asked = "",
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """Count what residents of the area said to each purpose, and list the latest steps.

    ``q``: a resident's code, or a search.
    """
    if q.strip():
        code = q.strip().upper()
        known = any(one.code == code for one in console.everybody().entries)
        return RedirectResponse(f"/care/consents/{code}" if known else f"/search?{urlencode({'q': q})}", 303)
    with console.database() as conn:
        counts = [] if after else overview.counts(conn, account)
        found = overview.latest(
            conn, account, purpose=purpose if purpose in PURPOSES else "", given=STATES.get(state), after=after,
            limit=LIMIT + 1,
        )  # fmt: skip
    shown = found[:LIMIT]
    return care_page(
        request, "privacy_consents.html", account, counts=counts, rows=shown, purposes=PURPOSES, bases=BASES,
        purpose=purpose, state=state, by_whom=BY_WHOM, hows=HOW,
        pager=pager_of(request, str(shown[-1].id) if len(found) > LIMIT else None),
    )  # fmt: skip


@router.get("/care/consents/{code}", dependencies=[GIVE])
def resident_page(request: Request, console: Shared, account: CurrentAccount, code: str, done: Asked = "") -> Response:
    """One resident's consents and how they came, with a form to give one."""
    return _one(request, console, account, code, done=done)


@router.post("/care/consents/{code}/give", dependencies=[GIVE])
def give(
    request: Request, console: Shared, account: CurrentAccount, code: str, what: Text = "", recipient: Text = "",
    by: Text = "self", how: Text = "", evidence: Text = "", relation: Text = "", use: Text = "",
) -> Response:  # fmt: skip
    """Write down that the resident agrees. ``what``: a purpose, and of some the recipient behind a colon."""
    purpose, _, named = what.partition(":")
    said = Said(by=by, how=how, evidence=evidence, relation=relation, purpose=use)
    filled = {"what": what, "recipient": recipient, "by": by, "how": how, "evidence": evidence, "relation": relation,
              "use": use}  # fmt: skip
    try:
        with console.database() as conn:
            done = register.give(
                conn, account, code, purpose, named or recipient, said, at=now(), origin=origin_of(request)
            )
    except ProvisioningError as error:
        return _one(request, console, account, code, filled=filled, error=error)
    return RedirectResponse(f"/care/consents/{code}?done={'given' if done else 'same'}", 303)


@router.get("/care/consents/{code}/withdraw", dependencies=[GIVE])
def withdraw_page(
    request: Request, console: Shared, account: CurrentAccount, code: str, purpose: Asked = "", recipient: Asked = ""
) -> Response:
    """Name what ends when a consent is withdrawn, before it is."""
    return _withdraw(request, console, account, code, purpose, recipient)


@router.post("/care/consents/{code}/withdraw", dependencies=[GIVE])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, code: str, purpose: Text = "", recipient: Text = "",
    by: Text = "self", how: Text = "", evidence: Text = "", reason: Text = "",
    seen: Annotated[int, Form(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """Take a consent back, or write a refusal down; it holds from this moment."""
    said = Said(by=by, how=how, evidence=evidence, reason=reason)
    try:
        with console.database() as conn, conn.transaction():
            number = register.resident_of(conn, account, code)
            register.check_version(conn, number, seen)
            done = register.withdraw(conn, account, code, purpose, recipient, said, at=now(), origin=origin_of(request))
    except ChangedMeanwhileError as error:
        return _one(request, console, account, code, error=error)
    except ProvisioningError as error:
        filled = {"by": by, "how": how, "evidence": evidence, "reason": reason}
        return _withdraw(request, console, account, code, purpose, recipient, filled, error)
    return RedirectResponse(f"/care/consents/{code}?done={'withdrawn' if done else 'same'}", 303)


def now() -> dt.datetime:
    """This moment."""
    return dt.datetime.now(dt.UTC)


def _one(
    request: Request, console: Console, account: Account, code: str, *, done: str = "",
    filled: dict[str, str] | None = None, error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_consents", origin_of(request))
        history = standing.steps(conn, resident["id"])
        lines = standing.standings(conn, resident["id"], history)
        held = _held(conn, account, resident["id"])
    return care_page(
        request, "privacy_resident_consents.html", account, status_of(error) if error else 200, resident=resident,
        lines=lines, history=history, purposes=PURPOSES, bases=BASES, by_whom=BY_WHOM, hows=HOW, done=done,
        held=held, filled=filled or {}, choices=_choices(lines),
        wrong={error.field or "what": message_of(request, error, account)} if error else {},
    )  # fmt: skip


def _held(conn: Connection[Any], account: Account, resident_id: int) -> list[holds.Hold]:
    """The holds in force on a resident, for whoever looks after privacy."""
    if not may_do(account, Action.VIEW_PRIVACY):
        return []
    today = local_day(now())
    found = holds.listing(conn, account, resident_id=resident_id)
    return [one for one in found if one.state(today) == "in_force"]


def _choices(lines: list[standing.Standing]) -> list[tuple[str, str, str]]:
    """List what can be agreed to: purposes, and those towards somebody by name; and a further account of the family."""
    found = []
    for one in lines:
        if one.state == "yes" or (one.purpose.kept_in == "family"):
            continue
        key = f"{one.purpose.code}:{one.recipient}" if one.purpose.named else one.purpose.code
        named = one.purpose.named
        found.append((
            key,
            f"{one.purpose.zh}：{one.note_zh}{one.name_zh}" if named else one.purpose.zh,
            f"{one.purpose.en}: {one.name_en}" if named else one.purpose.en,
        ))  # fmt: skip
    family = PURPOSES["family_view"]
    return [*found, (family.code, f"{family.zh}（填写家属登录名）", f"{family.en} (write their login below)")]


def _withdraw(
    request: Request, console: Console, account: Account, code: str, purpose: str, recipient: str,
    filled: dict[str, str] | None = None, error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_consents", origin_of(request), audited=error is None)
        one = _line(conn, resident["id"], purpose, recipient)
        seen = standing.newest(conn, resident["id"])
        ends = standing.consequences(conn, resident["id"], one)
    return care_page(
        request, "privacy_withdraw.html", account, status_of(error) if error else 200, resident=resident, one=one,
        ends=ends, seen=seen, filled=filled or {}, by_whom=BY_WHOM, hows=HOW,
        wrong={error.field or "how": message_of(request, error, account)} if error else {},
    )  # fmt: skip


def _line(conn: Any, resident_id: int, purpose: str, recipient: str) -> standing.Standing:
    register.purpose_of(purpose)
    for one in standing.standings(conn, resident_id, standing.steps(conn, resident_id)):
        if (one.purpose.code, one.recipient) == (purpose, recipient):
            return one
    raise register.nothing_of(recipient)
