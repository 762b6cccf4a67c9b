"""One gateway: its devices, pairing, replacing and retiring them, its configuration, its self test."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import MalformedError, NotFoundError, ProvisioningError
from care_network.importing.forms import words_of
from care_network.protection.functions import WORDS
from care_network.records.history import changes
from care_network.records.kinds import DEVICE
from care_network.upkeep import devices, gateway_page, self_test
from care_network.upkeep.gateways import BATTERY_LOW, STANDING_WORDS
from care_network.upkeep.scope import UNDO, Acting
from console.pages.admin.frame import admin_page
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from database.upkeep import requests as upkeep_requests
from firmware_profiles.channels import CHANNELS, EVENTS
from firmware_profiles.devices import MODELS
from vocabulary.labels import ROOMS

router = page_router()
LOOK = needs(Action.VIEW_OPERATIONS)
OPERATE = needs(Action.OPERATE_DEVICES)
Name = Annotated[str, Form(max_length=80)]
MODEL_CHOICES = tuple(
    sorted(
        (name, model.zh, model.label_en)
        for name, model in MODELS.items()
        if model.transport not in ("gateway", "exchange")
    )
)  # fmt: skip


@router.get("/devices/{gateway}", dependencies=[LOOK])
def gateway_of(request: Request, console: Shared, account: CurrentAccount, gateway: str) -> Response:
    return _show(request, console, account, gateway)


@router.get("/devices/{gateway}/retire", dependencies=[OPERATE])
def retire_page(request: Request, console: Shared, account: CurrentAccount, gateway: str, device: str = "") -> Response:
    """Name what is lost when a device is taken out of use, before it is."""
    return _ask(request, console, account, gateway, device, "device_retire.html")


@router.get("/devices/{gateway}/replace", dependencies=[OPERATE])
def replace_page(
    request: Request, console: Shared, account: CurrentAccount, gateway: str, device: str = ""
) -> Response:
    """Choose the device that takes the place of one."""
    return _ask(request, console, account, gateway, device, "device_replace.html")


@router.post("/devices/{gateway}/retire", dependencies=[OPERATE])
def retire(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    gateway: str,
    device: Name,
    version: Annotated[int, Form(le=2**31 - 1)],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    try:
        with console.database() as conn:
            devices.retire(_acting(conn, account, request), gateway, device, version, reason)
    except ProvisioningError as error:
        return _ask(request, console, account, gateway, device, "device_retire.html", error)
    return _back(gateway)


@router.post("/devices/{gateway}/replace", dependencies=[OPERATE])
def replace(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    gateway: str,
    device: Name,
    version: Annotated[int, Form(le=2**31 - 1)],
    new: Name = "",
    model: Name = "",
) -> Response:
    try:
        with console.database() as conn:
            devices.replace(_acting(conn, account, request), gateway, device, version, new, model)
    except ProvisioningError as error:
        filled = {"new": new, "model": model}
        return _ask(request, console, account, gateway, device, "device_replace.html", error, filled)
    return _back(gateway)


@router.post("/devices/{gateway}/bring-back", dependencies=[OPERATE])
def bring_back(request: Request, console: Shared, account: CurrentAccount, gateway: str, device: Name) -> Response:
    return _do(request, console, account, gateway, lambda acting: devices.bring_back(acting, gateway, device))


@router.post("/devices/{gateway}/pair", dependencies=[OPERATE])
def pair(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    gateway: str,
    device: Name = "",
    model: Name = "",
    room: Name = "",
    resident: Name = "",
) -> Response:
    filled = {"device": device, "model": model, "room": room, "resident": resident}
    return _do(
        request, console, account, gateway,
        lambda acting: devices.pair(acting, gateway, device, model, room, resident), filled, paired=device.strip(),
    )  # fmt: skip


@router.post("/devices/{gateway}/refuse", dependencies=[OPERATE])
def refuse(request: Request, console: Shared, account: CurrentAccount, gateway: str, device: Name) -> Response:
    with console.database() as conn:
        devices.refuse(_acting(conn, account, request), gateway, device)
    return _back(gateway, refused=device)


@router.post("/devices/{gateway}/unrefuse", dependencies=[OPERATE])
def unrefuse(request: Request, console: Shared, account: CurrentAccount, gateway: str, device: Name) -> Response:
    return _do(request, console, account, gateway, lambda acting: devices.ask_again(acting, gateway, device))


@router.post("/devices/{gateway}/enrol", dependencies=[OPERATE])
def enrol(request: Request, console: Shared, account: CurrentAccount, gateway: str) -> Response:
    """Make an enrolment code, and show it this once."""
    with console.database() as conn:
        code = devices.enrol(_acting(conn, account, request), gateway)
    response = _show(request, console, account, gateway, code=code)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.post("/devices/{gateway}/self-test", dependencies=[OPERATE])
def test_itself(request: Request, console: Shared, account: CurrentAccount, gateway: str) -> Response:
    return _do(request, console, account, gateway, lambda acting: devices.ask_self_test(acting, gateway))


@router.post("/devices/{gateway}/config", dependencies=[OPERATE])
def push_config(
    request: Request, console: Shared, account: CurrentAccount, gateway: str, file: UploadFile | None = None
) -> Response:
    """Queue a configuration that was signed elsewhere."""
    body = b"" if file is None else file.file.read(devices.MOST_CONFIG + 1)
    return _do(request, console, account, gateway, lambda acting: devices.push_config(acting, gateway, body))


@router.post("/devices/{gateway}/withdraw", dependencies=[OPERATE])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, gateway: str, number: Annotated[int, Form(le=2**53)]
) -> Response:
    return _do(request, console, account, gateway, lambda acting: devices.withdraw(acting, number))


def _do(
    request: Request,
    console: Console,
    account: Account,
    gateway: str,
    work: Callable[[Acting], object],
    filled: dict[str, str] | None = None,
    **said: str,
) -> Response:
    try:
        with console.database() as conn:
            work(_acting(conn, account, request))
    except NotFoundError as error:
        if error.field is None:
            raise
        return _show(request, console, account, gateway, error, filled)
    except ProvisioningError as error:
        return _show(request, console, account, gateway, error, filled)
    return _back(gateway, **said)


def _acting(conn: Any, account: Account, request: Request) -> Acting:
    return Acting(conn, account, dt.datetime.now(dt.UTC), origin_of(request))


def _back(gateway: str, **said: str) -> Response:
    return RedirectResponse(f"/devices/{gateway}" + (f"?{urlencode(said)}" if said else ""), 303)


def _show(
    request: Request,
    console: Console,
    account: Account,
    gateway: str,
    error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
    code: str = "",
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = gateway_page.load(conn, account, gateway, now)
        waiting = devices.unpaired_devices(Acting(conn, account, now), found.row)
        requests = upkeep_requests.latest(conn, ("self_test", "update_config"), gateway, 8)
        paired = request.query_params.get("paired", "")[:80]
        added = changes.undoable(conn, account, DEVICE, (gateway, paired)) if paired else None
    tested = next((one for one in requests if one.kind == "self_test"), None)
    return admin_page(
        request, "gateway.html", account, status_of(error) if error else 200, page=found, waiting=waiting,
        requests=requests, tested=tested, test_parts=self_test.parts(tested.answer) if tested else [],
        busy=any(one.open for one in requests), words=STANDING_WORDS, functions=WORDS, battery_low=BATTERY_LOW,
        models=MODEL_CHOICES, rooms=ROOMS, filled=filled or {}, code=code, undo_span=UNDO,
        channel_words=_channel, event_words=_event,
        fresh=[one for one in found.retired if one.retired_at and now - one.retired_at < UNDO],
        wrong=error.field or "" if error else "", message=_told(request, error, account),
        refused=request.query_params.get("refused", ""), paired=paired,
        added=added if added is not None and added.operation == "add" else None,
        added_until=None if added is None else added.at + dt.timedelta(seconds=changes.UNDO_S),
    )  # fmt: skip


def _ask(
    request: Request,
    console: Console,
    account: Account,
    gateway: str,
    device: str,
    name: str,
    error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        found = gateway_page.load(conn, account, gateway, now)
        chosen = gateway_page.device_named(found, device)
        if chosen is None or chosen.retired_at is not None or chosen.name == "gateway":
            raise NotFoundError(
                en=f"{gateway} has no device {device!r} in use", zh=f"网关 {gateway} 没有在用的设备 {device}"
            )
        others = gateway_page.devices_of_home(conn, found.row.household_id)
        waiting = devices.unpaired_devices(Acting(conn, account, now), found.row)
    language = language_of(request, account)
    return admin_page(
        request, name, account, status_of(error) if error else 200, page=found, device=chosen, waiting=waiting,
        losses=gateway_page.losses(found, chosen, others),
        waiting_options=[(one.device, one.device) for one in waiting],
        model_options=[(key, f"{pick(language, zh, en)} · {key}") for key, zh, en in MODEL_CHOICES],
        filled=filled or {},
        wrong=error.field or "" if error else "", message=_told(request, error, account),
    )  # fmt: skip


def _told(request: Request, error: ProvisioningError | None, account: Account, kind: str = "device") -> str:
    """The words of an error: what to write, where it names the pattern of a field."""
    if error is None:
        return ""
    if isinstance(error, MalformedError):
        return pick(language_of(request, account), *words_of(kind, error))
    return message_of(request, error, account)


def _channel(code: str) -> tuple[str, str]:
    return (CHANNELS[code].zh, CHANNELS[code].en) if code in CHANNELS else (code, code)


def _event(code: str) -> tuple[str, str]:
    return (EVENTS[code].zh, EVENTS[code].en) if code in EVENTS else (code, code)
