"""Documents: list and search, one with its versions, confirming that one has read it, and who has not."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import ROLES_ZH, Action
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.connected import Connected
from care_services.library.documents import files, keeping, pages, reading
from care_services.library.documents.comparing import compare
from care_services.library.documents.markdown import to_html
from care_services.library.topics import TOPICS
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.errors import BilingualError

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_LIBRARY)
Short = Annotated[str, Query(max_length=80)]
WORDS: dict[str, Any] = {"kinds": keeping.KINDS, "topics": TOPICS, "role_names": ROLES_ZH, "readers": keeping.READERS}
PREVIEW = 5
"""Pages of a file whose words are shown."""
SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff"}
"""For a file that somebody uploaded: nothing in it may run."""


def acting_of(request: Request, conn: Any, account: Account) -> Connected:
    """The account that asks, now."""
    return Connected(conn, account, dt.datetime.now(dt.UTC), origin_of(request))


@router.get("/care/documents", dependencies=[LOOK])
def listing(
    request: Request, console: Shared, account: CurrentAccount, q: Short = "", kind: Short = "", topic: Short = "",
    after: Short = "",
) -> Response:  # fmt: skip
    """Documents of the area: what is in force, what the account still has to read, how many have read it."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = keeping.listing(acting, words=q, kind=kind, topic=topic, after=after)
        shown = found[: keeping.LIMIT]
        mine = keeping.to_read(acting)
        tallies = reading.tallies(acting, shown)
    pager = pager_of(request, shown[-1].code if len(found) > keeping.LIMIT else None, keeping.LIMIT)
    return care_page(
        request, "library-documents.html", account, found=shown, pager=pager, mine=mine, tallies=tallies, q=q,
        kind=kind, topic=topic, today=acting.today,
        **WORDS,
    )  # fmt: skip


@router.get("/care/documents/new", dependencies=[MANAGE])
def new_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """A form for a new document."""
    return _form(request, console, account, "new", None)


@router.post("/care/documents/new", dependencies=[MANAGE])
async def new(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Add a document with its first version."""
    return await run_in_threadpool(_add, request, console, account, *await _sent(request))


@router.get("/care/documents/{document}", dependencies=[LOOK])
def document_page(
    request: Request, console: Shared, account: CurrentAccount, document: str,
    version: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:  # fmt: skip
    """One document: the version in force or another one, and what became of each."""
    return _document(request, console, account, document, version)


@router.post("/care/documents/{document}/read", dependencies=[LOOK])
def confirm(
    request: Request, console: Shared, account: CurrentAccount, document: str, number: Annotated[int, Form(ge=1)]
) -> Response:
    """Confirm that one has read the version in force."""
    try:
        with console.database() as conn:
            reading.confirm(acting_of(request, conn, account), document, number)
    except ChangedMeanwhileError as error:
        return _document(request, console, account, document, 0, error)
    return RedirectResponse(f"/care/documents/{document}", 303)


@router.get("/care/documents/{document}/edit", dependencies=[MANAGE])
def edit_page(request: Request, console: Shared, account: CurrentAccount, document: str) -> Response:
    """A form for a document's names and readers."""
    return _form(request, console, account, "edit", document)


@router.post("/care/documents/{document}/edit", dependencies=[MANAGE])
async def edit(request: Request, console: Shared, account: CurrentAccount, document: str) -> Response:
    """Change a document's names and readers, as they were seen."""
    return await run_in_threadpool(_change, request, console, account, document, *await _sent(request))


@router.get("/care/documents/{document}/version", dependencies=[MANAGE])
def version_page(request: Request, console: Shared, account: CurrentAccount, document: str) -> Response:
    """A form for a new version, with the text in force."""
    return _form(request, console, account, "version", document)


@router.post("/care/documents/{document}/version", dependencies=[MANAGE])
async def version(request: Request, console: Shared, account: CurrentAccount, document: str) -> Response:
    """Add a version: everybody has to read it anew."""
    return await run_in_threadpool(_add_version, request, console, account, document, *await _sent(request))


@router.get("/care/documents/{document}/compare", dependencies=[LOOK])
def compare_page(
    request: Request, console: Shared, account: CurrentAccount, document: str,
    old: Annotated[int, Query(ge=0, le=100_000)] = 0, new: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:  # fmt: skip
    """Lay two versions side by side."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = keeping.find(acting, document)
        versions = {one.number: one for one in keeping.versions(acting, found)}
    numbers = sorted(versions)
    new = new if new in versions else numbers[-1]
    old = old if old in versions else max((one for one in numbers if one < new), default=new)
    lines = compare(versions[old].words, versions[new].words)
    return care_page(
        request, "library-compare.html", account, document=found, numbers=numbers, old=versions[old],
        new=versions[new], lines=lines, here="/care/documents",
    )  # fmt: skip


@router.get("/care/documents/{document}/readers", dependencies=[MANAGE])
def readers_page(
    request: Request, console: Shared, account: CurrentAccount, document: str, all: bool = False,
    after: Short = "", unit: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:  # fmt: skip
    """List who has not confirmed the version in force, or everybody who has to."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = keeping.find(acting, document)
        people = reading.readers(acting, document, missing=not all, unit=unit, after=after)
        units = reading.units(acting, document)
        tally = reading.tallies(acting, [found]).get(found.id, reading.Tally(0, 0))
    shown = people[: reading.LIMIT]
    pager = pager_of(request, shown[-1].login if len(people) > reading.LIMIT else None, reading.LIMIT)
    return care_page(
        request, "library-readers.html", account, document=found, people=shown, pager=pager, tally=tally, every=all,
        units=units, unit=unit,
        today=acting.today, here="/care/documents", **WORDS,
    )  # fmt: skip


@router.get("/care/documents/{document}/retire", dependencies=[MANAGE])
def retire_page(request: Request, console: Shared, account: CurrentAccount, document: str) -> Response:
    """Name the consequence before a document goes out of force."""
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = keeping.find(acting, document)
        tally = reading.tallies(acting, [found]).get(found.id, reading.Tally(0, 0))
    return care_page(request, "library-retire.html", account, document=found, tally=tally, here="/care/documents")


@router.post("/care/documents/{document}/retire", dependencies=[MANAGE])
def retire(
    request: Request, console: Shared, account: CurrentAccount, document: str,
    back: Annotated[str, Form(max_length=1)] = "",
) -> Response:  # fmt: skip
    """Take a document out of force, or put it back."""
    with console.database() as conn:
        keeping.retire(acting_of(request, conn, account), document, back=bool(back))
    return RedirectResponse(f"/care/documents/{document}", 303)


@router.get("/care/documents/{document}/file/{number}", dependencies=[LOOK])
def file(request: Request, console: Shared, account: CurrentAccount, document: str, number: int) -> Response:
    """Give a version's file to be saved; nothing in it runs on this site."""
    with console.database() as conn:
        _, body = keeping.file_of(acting_of(request, conn, account), document, number)
    kind = files.kind_of(body) or "pdf"
    return Response(
        body, media_type=files.MEDIA[kind],
        headers={**SANDBOX, "Content-Disposition": f'attachment; filename="{document}-{number}.{kind}"'},
    )  # fmt: skip


@router.get("/care/documents/{document}/file/{number}/page/{page}", dependencies=[LOOK])
def page_picture(
    request: Request, console: Shared, account: CurrentAccount, document: str, number: int,
    page: Annotated[int, Path(ge=1, le=files.MOST_PAGES)],
) -> Response:  # fmt: skip
    """A page of a version's PDF as a picture: nothing of the file itself reaches the browser."""
    with console.database() as conn:
        _, body = keeping.file_of(acting_of(request, conn, account), document, number)
    if files.kind_of(body) != "pdf":
        raise NotFoundError(en="only a PDF has pages as pictures", zh="只有 PDF 可以按页显示图片", field="page")
    # a version never changes
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=86400"}
    return Response(pages.picture(body, page), media_type="image/png", headers=headers)


async def _sent(request: Request) -> tuple[dict[str, Any], bytes | None, str]:
    """The fields of a form, several values as a list; the bytes and the name of its file."""
    async with request.form() as sent:
        form: dict[str, Any] = {name: value for name, value in sent.items() if isinstance(value, str)}
        for name in ("roles", "topics", "organisations"):
            form[name] = [value for value in sent.getlist(name) if isinstance(value, str)]
        upload = sent.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            return form, None, ""
        return form, await upload.read(files.MOST_FILE + 1), upload.filename


def _facts(form: Mapping[str, Any]) -> keeping.Facts:
    days = str(form.get("read_days", "7")).strip()
    organisations = [one for one in form.get("organisations", ()) if one.isdigit() and len(one) < 10]
    return keeping.Facts(
        kind=form.get("kind", ""), title_zh=form.get("title_zh", ""), title_en=form.get("title_en", ""),
        roles=tuple(form.get("roles", ())), topics=tuple(form.get("topics", ())),
        organisations=tuple(int(one) for one in organisations),
        read_days=int(days) if days.isdigit() and len(days) < 5 else 0,
    )  # fmt: skip


def _version(form: Mapping[str, Any], body: bytes | None, name: str) -> keeping.NewVersion:
    try:
        day = dt.date.fromisoformat(form.get("valid_from", ""))
    except ValueError:
        day = dt.date.min
    if not 2000 <= day.year < 2100:
        raise ProvisioningError(en="write a day as 2026-11-30", zh="日期请写成 2026-11-30", field="valid_from")
    return keeping.NewVersion(
        valid_from=day, text=form.get("text", ""), file=body, file_name=name, note=form.get("note", "")
    )


def _add(
    request: Request, console: Console, account: Account, form: dict[str, Any], body: bytes | None, name: str
) -> Response:
    code = form.get("code", "").strip()
    try:
        with console.database() as conn:
            keeping.add(acting_of(request, conn, account), code, _facts(form), _version(form, body, name))
    except BilingualError as error:
        return _form(request, console, account, "new", None, error, form)
    return RedirectResponse(f"/care/documents/{code}", 303)


def _change(
    request: Request, console: Console, account: Account, document: str, form: dict[str, Any], _body: bytes | None,
    _name: str,
) -> Response:  # fmt: skip
    seen = str(form.get("version", "0"))
    try:
        with console.database() as conn:
            number = int(seen) if seen.isdigit() and len(seen) < 9 else 0
            keeping.change(acting_of(request, conn, account), document, number, _facts(form))
    except BilingualError as error:
        return _form(request, console, account, "edit", document, error, form)
    return RedirectResponse(f"/care/documents/{document}", 303)


def _add_version(
    request: Request, console: Console, account: Account, document: str, form: dict[str, Any], body: bytes | None,
    name: str,
) -> Response:  # fmt: skip
    seen = str(form.get("seen", "0"))
    try:
        with console.database() as conn:
            number = int(seen) if seen.isdigit() and len(seen) < 9 else 0
            keeping.add_version(acting_of(request, conn, account), document, _version(form, body, name), number)
    except BilingualError as error:
        return _form(request, console, account, "version", document, error, form)
    return RedirectResponse(f"/care/documents/{document}", 303)


def _document(
    request: Request, console: Console, account: Account, code: str, number: int,
    error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = keeping.find(acting, code)
        versions = keeping.versions(acting, found)
        tally = reading.tallies(acting, [found]).get(found.id, reading.Tally(0, 0))
        own = keeping.is_own(acting, found)
    shown = next((one for one in versions if one.number == (number or found.number)), versions[0] if versions else None)
    inside = shown.inside.split(files.PAGE) if shown else []
    return care_page(
        request, "library-document.html", account, status_of(error) if error else 200, document=found,
        versions=versions, shown=shown, tally=tally, own=own, today=acting.today, here="/care/documents",
        body=Markup(to_html(shown.text, below=1)) if shown and shown.text else "",  # noqa: S704 - HTML of theirs is escaped
        message=message_of(request, error, account) if error else "", preview=inside[:PREVIEW],
        more_pages=max(0, len(inside) - PREVIEW), pictures=min(PREVIEW, shown.pages if shown else 0), **WORDS,
    )  # fmt: skip


def _form(
    request: Request, console: Console, account: Account, mode: str, code: str | None,
    error: BilingualError | None = None, filled: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        acting = acting_of(request, conn, account)
        found = keeping.find(acting, code) if code else None
        versions = keeping.versions(acting, found) if found else []
        organisations = keeping.organisations(acting)
    field = getattr(error, "field", None) or "text"
    return care_page(
        request, "library-form.html", account, status_of(error) if error else 200, mode=mode, document=found,
        newest=versions[0] if versions else None, organisations=organisations, filled=filled or {},
        wrong={field: message_of(request, error, account)} if error else {},
        conflict=isinstance(error, ChangedMeanwhileError), today=acting.today, here="/care/documents", **WORDS,
    )  # fmt: skip
