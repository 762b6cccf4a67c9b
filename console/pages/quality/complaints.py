"""Complaints: the list by what is due, taking one in, one complaint with its history and next steps; a family's own."""

from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.access.visible import visible_residents
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.complaints import desk, words
from care_services.complaints.desk import NewComplaint
from care_services.core.acting import Acting
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.pages.meals.asking import acting_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, OPEN = needs(Action.VIEW_CARE), needs(Action.VIEW_CARE, Action.FAMILY_CIRCLE)
VIEWS = {
    "open": ("待答复", "To be answered"), "overdue": ("已逾期", "Overdue"),
    "answered": ("待回访", "To be asked"), "all": ("全部", "All"),
}  # fmt: skip
WORDS: dict[str, Any] = {
    "about_words": words.ABOUT, "category_words": words.CATEGORIES, "severity_names": words.SEVERITIES,
    "level_words": words.LEVELS, "complaint_states": words.STATES, "channel_words": words.CHANNELS,
    "author_words": words.AUTHORS, "event_words": words.EVENTS,
}  # fmt: skip


@router.get("/care/complaints", dependencies=[LOOK])
def complaints_page(
    request: Request, console: Shared, account: CurrentAccount, view: str = "open", level: str = "", after: str = "",
    find: str = "",
) -> Response:  # fmt: skip
    """Complaints of the area, the one due first in front; found by their own number or that of a visit."""
    acting = acting_of(request, account)
    view = view if view in VIEWS else "open"
    with console.database() as conn:
        level = level if level in words.LEVELS else ""
        found = desk.listing(conn, acting, view, level, after, find=find)
        counted = desk.counts(conn, acting)
    shown = found[:LIMIT]
    key = desk.key_of(shown[-1], "all" if find.strip() else view) if shown else None
    return care_page(
        request, "complaints.html", account, complaints=shown, view=view, views=VIEWS, level=level, counted=counted,
        find=find,
        pager=pager_of(request, key if len(found) > LIMIT else None), **WORDS,
    )  # fmt: skip


@router.get("/care/complaints/own", dependencies=[needs(Action.FAMILY_CIRCLE)])
def own_complaints(
    request: Request, console: Shared, account: CurrentAccount, resident: str = "", order: str = "", about: str = ""
) -> Response:
    """A family's own complaints, and the form of a new one; the page of services fills in the visit."""
    return _new(request, console, account, {"resident": resident[:40], "order": order[:20], "about": about[:20]})


@router.get("/care/complaints/new", dependencies=[LOOK])
def new_complaint(
    request: Request, console: Shared, account: CurrentAccount, resident: str = "", organisation: str = "",
    staff: str = "", about: str = "", order: str = "",
) -> Response:  # fmt: skip
    """The form of a complaint that somebody tells; a visit's page fills in what it is about."""
    filled = {"resident": resident[:40], "organisation": organisation[:40], "staff": staff[:40], "about": about[:20]}
    filled["order"] = order[:20]
    return _new(request, console, account, filled)


def _new(
    request: Request, console: Console, account: Account, filled: dict[str, str], error: ProvisioningError | None = None
) -> Response:
    own, residents, organisations = [], [], []
    if account.role == "family":
        with console.database() as conn:
            own = desk.of_family(conn, acting_of(request, account))
            ids = list(visible_residents(conn, account))
            residents = conn.execute(
                "SELECT r.code, r.name_zh, r.name_en FROM resident r JOIN household h ON h.id = r.household_id"
                " WHERE r.id = ANY (%s) AND NOT h.synthetic ORDER BY r.code",
                (ids,),
            ).fetchall()
    else:
        with console.database() as conn:
            organisations = desk.organisations(conn, acting_of(request, account))
    return care_page(
        request, "complaint-new.html", account, status_of(error) if error else 200, filled=filled, own=own,
        residents=residents, organisations=organisations, message=message_of(request, error, account) if error else "",
        wrong=(error.field or "all") if error else "", **WORDS,
    )  # fmt: skip


@router.post("/care/complaints/new", dependencies=[OPEN])
def receive_complaint(
    request: Request, console: Shared, account: CurrentAccount, about: Annotated[str, Form(max_length=20)] = "",
    category: Annotated[str, Form(max_length=20)] = "", severity: Annotated[str, Form(max_length=20)] = "minor",
    words: Annotated[str, Form(max_length=4000)] = "", channel: Annotated[str, Form(max_length=20)] = "page",
    author: Annotated[str, Form(max_length=20)] = "", name: Annotated[str, Form(max_length=60)] = "",
    phone: Annotated[str, Form(max_length=30)] = "", told: Annotated[str, Form(max_length=5)] = "",
    resident: Annotated[str, Form(max_length=40)] = "", organisation: Annotated[str, Form(max_length=40)] = "",
    staff: Annotated[str, Form(max_length=40)] = "", order: Annotated[str, Form(max_length=20)] = "",
) -> Response:  # fmt: skip
    """Take a complaint in; a family's comes under its own name."""
    if account.role == "family":
        author, name, channel, severity = "family", account.name_zh, "page", severity or "minor"
    filled = {
        "about": about, "category": category, "severity": severity, "words": words, "channel": channel,
        "author": author, "name": name, "phone": phone, "told": told, "resident": resident,
        "organisation": organisation, "staff": staff, "order": order,
    }  # fmt: skip
    try:
        with console.database() as conn:
            new = NewComplaint(**{**filled, "told": told == "true"})  # type: ignore[arg-type]
            code = desk.receive(conn, acting_of(request, account), new)
    except NotFoundError as error:
        wrong = ProvisioningError(en=error.message_en, zh=error.message_zh, field="resident")
        return _new(request, console, account, filled, wrong)
    except ProvisioningError as error:
        return _new(request, console, account, filled, error)
    return RedirectResponse(f"/care/complaints/of/{code}", 303)


@router.get("/care/complaints/of/{code}", dependencies=[OPEN])
def complaint_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """One complaint: what was said, what was done, what may be done next."""
    return _one(request, console, account, code)


def _one(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    written: str = "",
) -> Response:  # fmt: skip
    acting: Acting = acting_of(request, account)
    with console.database() as conn:
        case = desk.load(conn, acting, code)
    return care_page(
        request, "complaint.html", account, status_of(error) if error else 200, case=case, c=case.complaint,
        message=message_of(request, error, account) if error else "", written=written, **WORDS,
    )  # fmt: skip


@router.post("/care/complaints/of/{code}", dependencies=[needs(Action.ANSWER_COMPLAINTS, Action.FAMILY_CIRCLE)])
def handle_complaint(
    request: Request, console: Shared, account: CurrentAccount, code: str, step: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form()], words: Annotated[str, Form(max_length=4000)] = "",
) -> Response:  # fmt: skip
    """Take a step with a complaint."""
    try:
        with console.database() as conn:
            desk.act(conn, acting_of(request, account), code, step, words, version)
    except NotFoundError:
        raise
    except (ChangedMeanwhileError, ProvisioningError) as error:
        return _one(request, console, account, code, error, words)
    return RedirectResponse(f"/care/complaints/of/{code}", 303)
