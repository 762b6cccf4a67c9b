"""Reports to the levels above and beside: receivers, making a package, and the log of what was sent."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import KeyFileError, NotFoundError, ProvisioningError
from care_network.identity import keys
from care_services.reporting import making, pushing, receivers, schedules
from care_services.reporting.datasets import DATASETS
from care_services.reporting.making import EVERYTHING, Asking
from care_services.reporting.receivers import ReceiverFields
from care_services.reporting.schedules import EVERY_WORDS
from care_services.rounds.running import standings
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.pages.registers.registers import options_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from database.rights.checkpoints import load_key, public_of
from vocabulary.times import SHANGHAI

router = page_router()
REPORT = needs(Action.REPORT_UP)
Text = Annotated[str, Form(max_length=600)]
Sought = Annotated[str, Query(max_length=80)]
STATE_WORDS = {
    "waiting": ("late", "等待发送", "waits"), "delivered": ("good", "已送达", "delivered"),
    "withdrawn": ("unknown", "已撤回", "withdrawn"),
}  # fmt: skip
BASIS_WORDS = {
    "law": ("法定职责", "legal duty"), "consent": ("老人同意", "consent"),
    "nobody": ("不含个人信息", "tells of nobody"),
}  # fmt: skip
OUTCOME_WORDS = {
    "delivered": ("good", "已接收", "taken"), "later": ("late", "稍后重试", "to be tried again"),
    "refused": ("bad", "被退回", "refused"),
}  # fmt: skip
WORDS: dict[str, Any] = {
    "states": STATE_WORDS, "bases": BASIS_WORDS, "outcomes": OUTCOME_WORDS, "datasets": DATASETS,
}  # fmt: skip


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@router.get("/care/reports", dependencies=[REPORT])
def reports_page(
    request: Request, console: Shared, account: CurrentAccount, whom: Sought = "", what: Sought = "",
    state: Sought = "", basis: Sought = "", since: Sought = "", until: Sought = "", resident: Sought = "",
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """Receivers and their queues, the form of a package, and the log: who got what, when, on which ground."""
    sought = {"since": since, "until": until, "resident": resident}
    try:
        asking = Asking(
            receiver=whom, dataset=what, state=state, basis=basis, resident=resident.strip(),
            since=_day(since, "since") if since else None, until=_day(until, "until") if until else None,
        )  # fmt: skip
        return page_of(request, console, account, asking, after, sought=sought)
    except ProvisioningError as error:
        if error.field not in sought:
            raise
        return page_of(request, console, account, error=error, sought=sought)


def page_of(
    request: Request, console: Console, account: Account, asking: Asking = EVERYTHING, after: int = 0,
    error: ProvisioningError | None = None, filled: dict[str, str] | None = None, *, plan: bool = False,
    sought: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """Answer a question to the log; the mistake of a form (``plan``: that of schedules) is shown at its field."""
    with console.database() as conn:
        known = receivers.listing(conn, account)
        rows = making.log(conn, account, asking, before=after, limit=LIMIT + 1, at=now(), origin=origin_of(request))
        plans = schedules.listing(conn, account)
        jobs = [one for one in standings(conn, now()) if one.job.name in ("packages", "reports", "silent_receivers")]
    shown, first = rows[:LIMIT], now().astimezone(SHANGHAI).date().replace(day=1)
    last = first - dt.timedelta(days=1)
    empty = {
        "receiver": "", "dataset": "", "starts_on": last.replace(day=1).isoformat(), "ends_on": last.isoformat(),
    }  # fmt: skip
    return care_page(
        request, "reports.html", account, status_of(error) if error else 200, known=known, rows=shown,
        asking=asking, sought=sought or {}, plans=plans, every=EVERY_WORDS, jobs=jobs, plan_wrong=plan,
        every_options=options_of(request, account, EVERY_WORDS),
        state_options=options_of(request, account, {code: words[1:] for code, words in STATE_WORDS.items()}),
        basis_options=options_of(request, account, BASIS_WORDS),
        filled=empty | {"plan_receiver": "", "plan_dataset": "", "every": "month", "hour": "6"} | (filled or {}),
        key=_public(console), moment=now(),
        wrong={error.field or "dataset": message_of(request, error, account)} if error else {},
        sets=options_of(request, account, {one.code: (one.zh, one.en) for one in DATASETS.values()}),
        to=options_of(request, account, {one.code: (one.name_zh, one.name_en) for one in known}),
        pager=pager_of(request, str(shown[-1].id) if len(rows) > LIMIT else None), **WORDS,
    )  # fmt: skip


def _public(console: Console) -> str:
    """The district's public key, which receivers need; '' where no key is configured."""
    try:
        return public_of(load_key(console.settings.report_key_file)) if console.settings.report_key_file else ""
    except (OSError, ValueError):
        return ""


@router.post("/care/reports/packages", dependencies=[REPORT])
def make(
    request: Request, console: Shared, account: CurrentAccount, receiver: Text = "", dataset: Text = "",
    starts_on: Text = "", ends_on: Text = "",
) -> Response:  # fmt: skip
    """Make a package; it is sent in its turn."""
    filled = {"receiver": receiver, "dataset": dataset, "starts_on": starts_on, "ends_on": ends_on}
    try:
        days = [_day(text, name) for text, name in ((starts_on, "starts_on"), (ends_on, "ends_on"))]
        file = console.settings.report_key_file
        if file is None:
            raise ProvisioningError(en="the district's key for packages is not configured", zh="平台未配置上报签名密钥")
        ring = keys.load(console.settings.identity_key_file) if console.settings.identity_key_file else None
        with console.database() as conn:
            made = making.make(
                conn, account, ring, load_key(file), receiver, dataset, account.area_path or "", *days, at=now(),
                origin=origin_of(request),
            )  # fmt: skip
    except (OSError, ValueError) as error:
        if isinstance(error, ProvisioningError):
            return page_of(request, console, account, error=error, filled=filled)
        if isinstance(error, KeyFileError):
            raise
        wrong = ProvisioningError(en=f"the key for packages cannot be read: {error}", zh="无法读取上报签名密钥")
        return page_of(request, console, account, error=wrong, filled=filled)
    return RedirectResponse(f"/care/reports/packages/{made.id}{'?again=1' if made.again else ''}", 303)


@router.get("/care/reports/receivers/{code}", dependencies=[REPORT])
def receiver_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """A receiver's address and keys; 'new' is the form of another one."""
    return _receiver(request, console, account, code)


def _receiver(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None,
    filled: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    kept = None
    if code != "new":
        with console.database() as conn:
            kept = receivers.one(conn, account, code)
    fields = (
        "code",
        "name_zh",
        "name_en",
        "url",
        "signing_key",
        "receipt",
        "seal_key",
        "login",
        "active",
        "alarm_days",
    )
    values = {name: getattr(kept, name) or "" for name in fields} if kept else {"active": True, "alarm_days": 3}
    return care_page(
        request, "report-receiver.html", account, status_of(error) if error else 200, kept=kept,
        filled=values | (filled or {}), key=_public(console), moment=now(),
        wrong={error.field or "code": message_of(request, error, account)} if error else {}, **WORDS,
    )  # fmt: skip


@router.post("/care/reports/receivers/{code}", dependencies=[REPORT])
def save_receiver(
    request: Request, console: Shared, account: CurrentAccount, code: str, version: Annotated[int, Form(ge=0)] = 0,
    new_code: Text = "", name_zh: Text = "", name_en: Text = "", url: Text = "", signing_key: Text = "",
    receipt: Text = "", seal_key: Text = "", login: Text = "", active: Text = "", alarm_days: Text = "3",
) -> Response:  # fmt: skip
    """Add a receiver, or change it."""
    fields = ReceiverFields(
        code=new_code if code == "new" else code, name_zh=name_zh, name_en=name_en, url=url, signing_key=signing_key,
        receipt=bool(receipt), seal_key=seal_key, login=login, active=bool(active),
        alarm_days=int(alarm_days) if alarm_days.isdecimal() and len(alarm_days) < 4 else 0,
    )  # fmt: skip
    try:
        with console.database() as conn:
            receivers.save(conn, account, fields, 0 if code == "new" else version, at=now(), origin=origin_of(request))
    except NotFoundError as error:
        if error.field != "login":
            raise
        return _receiver(request, console, account, code, error, _filled(fields))
    except ProvisioningError as error:
        return _receiver(request, console, account, code, error, _filled(fields))
    return RedirectResponse("/care/reports", 303)


def _filled(fields: ReceiverFields) -> dict[str, Any]:
    return {name: getattr(fields, name) for name in fields.__struct_fields__}


@router.post("/care/reports/receivers/{code}/resume", dependencies=[REPORT])
def resume(request: Request, console: Shared, account: CurrentAccount, code: str, reason: Text = "") -> Response:
    """Let a queue go on: after a refusal, or at once instead of at the next time."""
    try:
        with console.database() as conn:
            pushing.resume(conn, account, code, reason, at=now(), origin=origin_of(request))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _receiver(request, console, account, code, error)
    return RedirectResponse("/care/reports", 303)


def _day(text: str, field: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ProvisioningError(en="write the day as 2026-11-29", zh="日期写法如 2026-11-29", field=field) from None
