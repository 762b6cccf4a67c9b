"""The consents of a resident for the family and on the panel at home; taken back there in two steps."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.auditing.looks import lookers
from care_network.access.permissions import ROLES_ZH, Action, Role
from care_network.consents import own, standing
from care_network.consents.purposes import BASES, PURPOSES
from care_network.consents.register import BY_WHOM, HOW
from care_network.errors import NotFoundError, ProvisioningError
from console.access.residents import load_resident
from console.pages.home.family import type_of
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from dispatch.core.links import LinkError, load_link_keys
from dispatch.family import panels

router = page_router()
CIRCLE = needs(Action.FAMILY_CIRCLE)
Word = Annotated[str, Form(max_length=80)]
Asked = Annotated[str, Query(max_length=80)]


def now() -> dt.datetime:
    """This moment."""
    return dt.datetime.now(dt.UTC)


@router.get("/family/{code}/consents", dependencies=[CIRCLE])
def register_page(request: Request, console: Shared, account: CurrentAccount, code: str, done: Asked = "") -> Response:
    """The register of one's parent: what they agreed to, towards whom, until when, and who looked."""
    return _register(request, console, account, code, done)


@router.get("/family/{code}/consents/withdraw", dependencies=[CIRCLE])
def ask_page(request: Request, console: Shared, account: CurrentAccount, code: str, purpose: Asked = "") -> Response:
    """Name what ends, before it does."""
    return _ask(request, console, account, code, purpose, None)


@router.post("/family/{code}/consents/withdraw", dependencies=[CIRCLE])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, code: str, purpose: Word = "", by: Word = "",
    seen: Annotated[int, Form(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """Take it back; it holds from this moment."""
    try:
        with console.database() as conn:
            resident = load_resident(conn, account, code, "view_consents", origin_of(request), audited=False)
            done = own.withdraw_by_family(
                conn, account, resident["id"], purpose, by, seen, at=now(), origin=origin_of(request)
            )
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _ask(request, console, account, code, purpose, error)
    return RedirectResponse(f"/family/{code}/consents?done={'withdrawn' if done else 'same'}", 303)


@router.get("/home/{token}/consents")
def panel_register(
    request: Request, console: Shared, token: str, purpose: Asked = "", who: Asked = "", done: Asked = ""
) -> Response:
    """The same on the panel at home, in large type; with ``purpose`` the question before it is taken back."""
    try:
        with console.links_database() as conn:
            panel = panels.read(load_link_keys(console.settings.link_key_file), token, now())
            panels.check(conn, panel, now())
            people = own.people_of(conn, panel.household_id)
            asked = None
            if purpose:
                number = _one_of(people, who)
                one = own.one_line(conn, number, purpose)
                asked = (one, standing.consequences(conn, number, one))
            shown = [(person, own.lines(conn, person.id)) for person in people]
    except LinkError as error:
        return page(request, "panel_ended.html", status=410, message=message_of(request, error))
    return page(request, "panel_consents.html", token=token, shown=shown, asked=asked, who=who, done=done)


@router.post("/home/{token}/consents")
def panel_withdraw(request: Request, console: Shared, token: str, purpose: Word = "", who: Word = "") -> Response:
    """Take a consent back on the panel. Raises LinkError, NotFoundError."""
    with console.links_database() as conn:
        panel = panels.read(load_link_keys(console.settings.link_key_file), token, now())
        panels.check(conn, panel, now())
        number = _one_of(own.people_of(conn, panel.household_id), who)
        done = own.withdraw_at_home(conn, number, purpose, panel.id, at=now())
    return RedirectResponse(f"/home/{token}/consents?done={'withdrawn' if done else 'same'}", 303)


def _one_of(people: list[own.Person], code: str) -> int:
    for person in people:
        if person.code == code:
            return person.id
    raise NotFoundError(en="nobody of this home", zh="这里没有这位老人")


def _register(request: Request, console: Console, account: Account, code: str, done: str) -> Response:
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_consents", origin_of(request))
        lines = own.lines(conn, resident["id"], account)
        history = standing.steps(conn, resident["id"], 30)
        seen = lookers(conn, account, resident["id"], now())
    return page(
        request, "kin_consents.html", account, resident=resident, lines=lines, history=history, seen=seen, done=done,
        others=own.without_consent(), bases=BASES, by_whom=BY_WHOM, hows=HOW, type=type_of(request),
        names={one.code: (one.zh, one.en) for one in PURPOSES.values()},
        role_word=lambda role: pick(language_of(request, account), ROLES_ZH[Role(role)], role),
    )  # fmt: skip


def _ask(
    request: Request, console: Console, account: Account, code: str, purpose: str, error: ProvisioningError | None
) -> Response:
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_consents", origin_of(request), audited=error is None)
        one = own.one_line(conn, resident["id"], purpose)
        seen = standing.newest(conn, resident["id"])
        ends = standing.consequences(conn, resident["id"], one)
    return page(
        request, "kin_withdraw.html", account, status_of(error) if error else 200, resident=resident, one=one,
        ends=ends, seen=seen, says=own.SAYS, type=type_of(request),
        wrong=message_of(request, error, account) if error else "",
    )  # fmt: skip
