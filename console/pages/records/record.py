"""One record: its page with what belongs to it and its history, the form, the removal, consent, and the way back."""

import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_network.records.accounts.seers import seers_of
from care_network.records.history import changes, past
from care_network.records.kinds import CONTACT, RESIDENT, kind_named
from care_network.records.listing import related
from care_network.records.network import Network
from care_network.records.store import Stored
from console.pages.admin.frame import admin_page
from console.pages.records import words
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
LOOK = needs(Action.VIEW_NETWORK)
EDIT = needs(Action.PROVISION, Action.MANAGE_STAFF, Action.EDIT_CONTACTS)
"""Which of these it takes depends on the kind; ``care_network.records.kinds`` knows."""


@router.get("/records/{kind}/at/{code}", dependencies=[LOOK])
def record_page(request: Request, console: Shared, account: CurrentAccount, kind: str, code: str) -> Response:
    """A record with what belongs to it and its latest changes; ``as_of``: as it was at the end of that day."""
    return _record(request, console, account, kind, words.key_of(code))


def _record(
    request: Request, console: Console, account: Account, kind: str, key: tuple[str, ...],
    error: ProvisioningError | None = None, *, asks: str = "",
) -> Response:  # fmt: skip
    now, known = dt.datetime.now(dt.UTC), kind_named(kind)
    speaker = speaker_of(request, account, now)
    asked = request.query_params.get("as_of", "")
    try:
        moment = past.moment_of(asked, now)
    except ValueError:
        moment, error = None, ProvisioningError(en="write the day as 2026-11-29", zh="日期写法如 2026-11-29")
    with console.database() as conn:
        network = Network(conn, account, at=now, origin=origin_of(request))
        try:
            stored = network.get(kind, key, moment)
        except ProvisioningError as refused:
            if moment is None:
                raise
            error, stored, moment = refused, network.get(kind, key), None
        beside = network.related(kind, key, moment)
        made = network.history(kind, key)
        undo = None if moment else changes.undoable(conn, account, known, known.key_of(fields_of(stored)))
        places = related.names(conn, {stored.path} | {one.path for rows in beside.values() for one in rows})
        if moment is None:
            speaker.named = {
                one: both
                for name, rows in {kind: [stored], **beside}.items()
                for one, both in related.named(conn, kind_named(name), [row.record for row in rows]).items()
            }
        seers = seers_of(conn, account, stored.id) if known is RESIDENT and moment is None else None
        left = related.left_to_call(conn, stored, now) if known is CONTACT else 0
    return admin_page(
        request, "record.html", account, status_of(error) if error else 200, kind=known, say=speaker, stored=stored,
        title=speaker.name(kind, stored.record), beside=beside, lines=speaker.lines(made), undo=undo, moment=moment,
        as_of=asked, until=undo.at + dt.timedelta(seconds=changes.UNDO_S) if undo else None, address=words.address,
        address_of=words.address_of, here_at=words.address_of(known, stored), places=places,
        most=related.MOST, kinds=kind_named, left=left, asks=asks, seers=seers,
        message=message_of(request, error, account) if error else "",
    )  # fmt: skip


@router.get("/records/{kind}/at/{code}/remove", dependencies=[EDIT])
def remove_page(request: Request, console: Shared, account: CurrentAccount, kind: str, code: str) -> Response:
    """Name what follows from the removal, and what has to be dealt with first."""
    return _removal(request, console, account, kind, code)


def _removal(
    request: Request, console: Console, account: Account, kind: str, code: str, error: ProvisioningError | None = None
) -> Response:
    known, now = kind_named(kind), dt.datetime.now(dt.UTC)
    with console.database() as conn:
        stored, costs = network_of(conn, request, account).costs(kind, words.key_of(code))
    speaker = speaker_of(request, account, now)
    return admin_page(
        request, "record_remove.html", account, status_of(error) if error else 200, kind=known, say=speaker,
        title=speaker.name(kind, stored.record), stored=stored, here_at=words.address_of(known, stored),
        costs=[(speaker.pick(one.zh, one.en), one.blocks) for one in costs],
        message=message_of(request, error, account) if error else "",
    )  # fmt: skip


@router.post("/records/{kind}/at/{code}/remove", dependencies=[EDIT])
def remove(
    request: Request, console: Shared, account: CurrentAccount, kind: str, code: str, version: Annotated[int, Form()]
) -> Response:
    """Remove a record as it was read; the list that follows offers the way back."""
    known, key = kind_named(kind), words.key_of(code)
    try:
        with console.database() as conn:
            network = network_of(conn, request, account)
            stored = network.get(kind, key)
            network.remove(kind, key, version)
            gone = changes.of_record(conn, known, known.key_of(fields_of(stored)))[0]
    except ProvisioningError as error:
        if isinstance(error, NotFoundError):
            raise
        return _removal(request, console, account, kind, code, error)
    return RedirectResponse(f"/records/{kind}?removed={gone.id}", 303)


@router.post("/records/{kind}/at/{code}/undo", dependencies=[EDIT])
def undo(
    request: Request, console: Shared, account: CurrentAccount, kind: str, code: str, change: Annotated[int, Form()]
) -> Response:
    """Take a change of one's own back within its time."""
    key = words.key_of(code)
    try:
        with console.database() as conn:
            done = network_of(conn, request, account).undo(change)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _record(request, console, account, kind, key, error)
    return RedirectResponse(f"/records/{kind}" if done.operation == "add" else words.address(kind, key), 303)


@router.get("/records/contact/at/{code}/consent", dependencies=[needs(Action.EDIT_CONTACTS)])
def consent_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Ask whether the resident's consent is given or withdrawn, with what follows from it."""
    return _record(request, console, account, "contact", words.key_of(code), asks="consent")


@router.post("/records/contact/at/{code}/consent", dependencies=[needs(Action.EDIT_CONTACTS)])
def consent(
    request: Request, console: Shared, account: CurrentAccount, code: str, version: Annotated[int, Form()],
    given: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Write the resident's consent down, or withdraw it: the person is called no more from this moment on."""
    key, now = words.key_of(code), dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            network_of(conn, request, account).change("contact", key, version, {"consent_at": now if given else None})
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _record(request, console, account, "contact", key, error)
    return RedirectResponse(words.address("contact", key), 303)


def fields_of(stored: Stored) -> dict[str, Any]:
    """The fields of a record by name."""
    return msgspec.structs.asdict(stored.record)


def network_of(conn: Any, request: Request, account: Account) -> Network:
    """The records that the reader may reach, now."""
    return Network(conn, account, at=dt.datetime.now(dt.UTC), origin=origin_of(request))


def speaker_of(request: Request, account: Account, now: dt.datetime) -> words.Speaker:
    """The words of records in the reader's language."""
    return words.Speaker(language_of(request, account), account, now.astimezone(SHANGHAI).date())
