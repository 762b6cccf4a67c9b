"""The form of a record: added or changed, every wrong field with its words, another's change shown beside one's own."""

import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.errors import ChangedMeanwhileError, ProvisioningError
from care_network.importing import forms
from care_network.records.kinds import Kind, kind_named
from care_network.records.listing import related
from care_network.records.listing.fields import FIELDS, MANY, needed, typed
from care_network.records.store import Stored
from console.pages.admin.frame import admin_page
from console.pages.records import words
from console.pages.records.record import EDIT, fields_of, network_of, speaker_of
from console.shell.errors import message_of, status_of
from console.shell.guard import FORM
from console.shell.security import CurrentAccount
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.text import check_text

router = page_router()
SOUGHT = ("household", "resident", "staff", "gateway")
"""Kinds of which there are too many to choose from a list: a field that names one suggests what fits."""
MOST_FIELDS = 200
"""Values of a form, each box of a list counted."""


async def filled(request: Request) -> dict[str, list[str]]:
    """Read a form whose fields depend on the kind. Raises TextError for text that nobody can type."""
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        found: dict[str, list[str]] = {}
        for name, value in form.multi_items():
            text = value if isinstance(value, str) else ""
            check_text(text, FORM.size)
            found.setdefault(name, []).append(text)
    return found


Filled = Annotated[dict[str, list[str]], Depends(filled)]


@router.get("/records/{kind}/new", dependencies=[EDIT])
def new_page(request: Request, console: Shared, account: CurrentAccount, kind: str) -> Response:
    """The form of a new record; fields may be given by the address (the home of a new resident)."""
    known = kind_named(kind)
    given = {name: request.query_params.getlist(name) for name in FIELDS[kind] if name in request.query_params}
    defaults = {one.name: one.default for one in msgspec.structs.fields(known.record) if not one.required}
    return _form(
        request,
        console,
        account,
        known,
        None,
        {name: _texts(kind, name, value) for name, value in defaults.items()} | given,
    )


@router.post("/records/{kind}/new", dependencies=[EDIT])
def add(request: Request, console: Shared, account: CurrentAccount, kind: str, sent: Filled) -> Response:
    """Add a record; with something wrong the form comes back with the words at their fields."""
    known = kind_named(kind)
    fields, wrong = forms.read_form(kind, sent)
    if not wrong:
        try:
            with console.database() as conn:
                stored = network_of(conn, request, account).add(kind, fields)
            return RedirectResponse(words.address_of(known, stored), 303)
        except ProvisioningError as error:
            return _form(request, console, account, known, None, sent, error)
    return _form(request, console, account, known, None, sent, wrong=wrong)


@router.get("/records/{kind}/at/{code}/edit", dependencies=[EDIT])
def edit_page(request: Request, console: Shared, account: CurrentAccount, kind: str, code: str) -> Response:
    """The form of a record as it is now."""
    with console.database() as conn:
        stored = network_of(conn, request, account).get(kind, words.key_of(code))
    return _form(request, console, account, kind_named(kind), stored, _typed(kind, stored))


@router.post("/records/{kind}/at/{code}/edit", dependencies=[EDIT])
def change(request: Request, console: Shared, account: CurrentAccount, kind: str, code: str, sent: Filled) -> Response:
    """Change a record on the version that was read; where somebody changed it since, both are shown (409)."""
    known, key = kind_named(kind), words.key_of(code)
    fields, wrong = forms.read_form(kind, sent)
    for name in known.key:
        fields.pop(name, None)  # shown, and never changed
    error = None
    with console.database() as conn:
        network = network_of(conn, request, account)
        stored = network.get(kind, key)
        for name, value in fields_of(stored).items():
            if FIELDS[kind][name].form in MANY and set(fields.get(name, ())) == set(value):
                fields[name] = value  # boxes have no order: languages stay in theirs
        if not wrong:
            try:
                stored = network.change(kind, key, _version(sent), fields)
                return RedirectResponse(words.address_of(known, stored), 303)
            except ProvisioningError as refused:
                error = refused
    return _form(request, console, account, known, stored, sent, error, wrong)


def _form(
    request: Request, console: Console, account: Account, kind: Kind, stored: Stored | None,
    texts: dict[str, list[str]], error: ProvisioningError | None = None, wrong: forms.Wrong | None = None,
) -> Response:  # fmt: skip
    speaker = speaker_of(request, account, dt.datetime.now(dt.UTC))
    wrong = dict(wrong or {})
    message = ""
    if error is not None:
        if error.field in FIELDS[kind.name]:
            wrong[str(error.field)] = forms.words_of(kind.name, error)
        else:
            message = message_of(request, error, account)
    with console.database() as conn:
        choices = _choices(conn, account, kind)
        speaker.named = related.named_keys(conn, {
            (field.form, texts[name][0]) for name, field in FIELDS[kind.name].items()
            if field.form in SOUGHT and texts.get(name)
        })  # fmt: skip
    if stored is not None:
        texts = texts | {name: _typed(kind.name, stored)[name] for name in kind.key}  # shown, and sent by nobody
    controls = [_control(kind, name, texts, wrong, choices, stored is not None, speaker) for name in FIELDS[kind.name]]
    theirs = []
    if isinstance(error, ChangedMeanwhileError) and stored is not None:
        now = _typed(kind.name, stored)
        theirs = [
            (speaker.label(kind.name, name), speaker.value(kind.name, stored.record, name))
            for name in FIELDS[kind.name]
            if name in texts and list(filter(None, texts[name])) != list(filter(None, now[name]))
        ]  # fmt: skip
    if wrong and not message:
        message = speaker.pick("有内容需要修改，请看标记的项。", "Something has to be mended: see the marked fields.")
    return admin_page(
        request, "record_form.html", account, status_of(error) if error else 422 if wrong else 200, kind=kind,
        say=speaker, stored=stored, controls=controls, message=message, theirs=theirs,
        title=speaker.name(kind.name, stored.record) if stored else "",
        back=words.address_of(kind, stored) if stored else f"/records/{kind.name}",
    )  # fmt: skip


class Control(msgspec.Struct, frozen=True):
    """A field of the form, for the macro ``field`` of ``_list.html``."""

    name: str
    label: str
    value: Any
    help: str
    error: str
    kind: str
    options: list[tuple[str, str]]
    needed: bool
    unit: str
    attrs: dict[str, str]
    """Further attributes of its control: by which records are suggested to a field that names one."""
    fixed: bool
    """Part of the key of a record that exists: shown, and not changed."""


def _control(
    kind: Kind, name: str, texts: dict[str, list[str]], wrong: forms.Wrong,
    choices: dict[str, list[tuple[str, str, str]]], exists: bool, speaker: words.Speaker,
) -> Control:  # fmt: skip
    field, given = FIELDS[kind.name][name], texts.get(name, [])
    value: Any = given if field.form in MANY else bool(given) if field.form == "truth" else (given or [""])[0]
    options = [(code, speaker.pick(*both)) for code, both in field.options.items()]
    if field.form in choices:
        options = [(code, speaker.pick(zh, en)) for code, zh, en in choices[field.form]]
    must = needed(kind.name, name)
    shown = {
        "truth": "tick", "maybe": "three", "choice": "select", "several": "several", "weekdays": "several",
        "moment": "datetime-local", "number": "text",
    }.get(field.form, field.form)  # fmt: skip
    if field.form in choices:
        shown = "select"
    elif shown not in ("tick", "three", "select", "several", "datetime-local", "text", "tel", "date", "time"):
        shown = "text"
    help_text = speaker.pick(field.help_zh, field.help_en)
    if field.form in SOUGHT:
        known = speaker.called(field.form, value) if value and (field.form, value) in speaker.named else ""
        find = speaker.pick("输入姓名、拼音、编号或电话查找。", "Type a name, pinyin, code or telephone to find it.")
        help_text = " ".join(part for part in (known, find, help_text) if part)
    if shown == "select" and not (must and value):
        options = [("", "—"), *options]
    return Control(
        name, speaker.label(kind.name, name), value, help_text,
        speaker.pick(*wrong[name]) if name in wrong else "", shown, options, must, speaker.pick(*field.unit),
        {"data-suggest": f"/records/{field.form}/suggest", "autocomplete": "off"} if field.form in SOUGHT else {},
        exists and name in kind.key,
    )  # fmt: skip


def _choices(conn: Any, account: Account, kind: Kind) -> dict[str, list[tuple[str, str, str]]]:
    """Areas and organisations to choose from, as a tree by indentation: (key, Chinese, English)."""
    asked = {field.form for field in FIELDS[kind.name].values()}
    found = {}
    queries = {
        "area": "SELECT path::text, repeat('　', nlevel(path) - 1) || name_zh,"
        " repeat('　', nlevel(path) - 1) || name_en FROM area WHERE path <@ %s::ltree ORDER BY path",
        "organisation": "SELECT o.code, o.name_zh || '（' || o.code || '）', o.name_en || ' (' || o.code || ')'"
        " FROM organisation o JOIN area a ON a.id = o.area_id WHERE a.path <@ %s::ltree ORDER BY o.code",
    }
    for form in asked & queries.keys():
        found[form] = conn.execute(queries[form].encode(), (account.area_path,)).fetchall()
    return found


def _texts(kind: str, name: str, value: Any) -> list[str]:
    if FIELDS[kind][name].form in MANY:
        return [str(one) for one in value or ()]
    if FIELDS[kind][name].form == "truth":
        return ["true"] if value else []
    return [str(typed(kind, name, value))]


def _typed(kind: str, stored: Stored) -> dict[str, list[str]]:
    """A record as its form is filled."""
    return {name: _texts(kind, name, value) for name, value in fields_of(stored).items()}


def _version(sent: dict[str, list[str]]) -> int:
    text = sent.get("version", [""])[0]
    return int(text) if text.isdecimal() and len(text) < 10 else 0
