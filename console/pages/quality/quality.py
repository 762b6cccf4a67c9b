"""Quality control: findings and checks by what is due, making a check, drawing by lot, a provider's scores."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.duty.roster import KIND_WORDS
from care_network.errors import NotFoundError, ProvisioningError
from care_services.quality import checks, findings, providers, words
from care_services.quality.checklists import LEVEL_OF, lists
from care_services.quality.checks import Verdict
from console.pages.care.frame import care_page
from console.pages.lists import LIMIT, pager_of
from console.pages.meals.asking import acting_of, day_of, number, text
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, INSPECT = needs(Action.VIEW_CARE), needs(Action.INSPECT)
VIEWS = {
    "open": ("未销号", "Not closed"), "overdue": ("已逾期", "Overdue"), "mended": ("待复查", "To be looked at again"),
    "closed": ("已销号", "Closed"),
}  # fmt: skip
WORDS: dict[str, Any] = {
    "kind_words": words.KINDS, "verdict_words": words.VERDICTS, "severity_names": words.SEVERITIES,
    "check_states": words.CHECK_STATES, "finding_states": words.FINDING_STATES, "event_words": words.EVENTS,
    "lists": lists(), "organisation_kinds": KIND_WORDS,
}  # fmt: skip


@router.get("/care/quality", dependencies=[LOOK])
def quality_page(
    request: Request, console: Shared, account: CurrentAccount, view: str = "open", provider: str = "", after: str = ""
) -> Response:
    """Findings of the area, overdue ones first."""
    acting = acting_of(request, account)
    view = view if view in VIEWS else "open"
    with console.database() as conn:
        found = findings.listing(conn, acting, view, provider, after)
        counted = findings.counts(conn, acting)
    shown = found[:LIMIT]
    return care_page(
        request, "quality.html", account, findings=shown, view=view, views=VIEWS, provider=provider, counted=counted,
        today=acting.today, items=_item_words(),
        pager=pager_of(request, findings.key_of(shown[-1]) if len(found) > LIMIT else None), **WORDS,
    )  # fmt: skip


def _item_words() -> dict[tuple[str, str], tuple[str, str]]:
    return {(one.code, item.code): (item.zh, item.en) for one in lists().values() for item in one.item}


@router.get("/care/quality/checks", dependencies=[LOOK])
def checks_page(
    request: Request, console: Shared, account: CurrentAccount, view: str = "planned", kind: str = "", after: str = ""
) -> Response:
    """Planned checks, overdue ones first; or those that were made."""
    acting = acting_of(request, account)
    view = "done" if view == "done" else "planned"
    with console.database() as conn:
        found = checks.listing(conn, acting, view, kind if kind in words.KINDS else "", after)
    shown = found[:LIMIT]
    return care_page(
        request, "quality-checks.html", account, checks=shown, view=view, kind=kind, today=acting.today,
        pager=pager_of(request, checks.key_of(shown[-1], view) if len(found) > LIMIT else None), **WORDS,
    )  # fmt: skip


@router.get("/care/quality/checks/{number}", dependencies=[LOOK])
def check_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """A check: its items to be filled in, or what was seen of them."""
    return _check(request, console, account, number, {})


def _check(
    request: Request, console: Console, account: Account, number: int, filled: dict[str, Verdict],
    error: ProvisioningError | None = None, note: str = "",
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        found, items, seen = checks.load(conn, acting, number)
        why = checks.refusal(conn, acting, found) if found.state == "planned" else None
    return care_page(
        request, "quality-check.html", account, status_of(error) if error else 200, c=found, items=items,
        seen=filled or seen, refusal=why, note=note, message=message_of(request, error, account) if error else "",
        wrong=(error.field or "all") if error else "", today=acting.today, **WORDS,
    )  # fmt: skip


@router.post("/care/quality/checks/{number}", dependencies=[needs(Action.INSPECT, Action.VIEW_CARE)])
async def finish_check(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Write down what was seen."""
    return await run_in_threadpool(_finish, request, console, account, number, await request.form())


def _finish(request: Request, console: Console, account: Account, check: int, form: FormData) -> Response:
    names = {name.partition(".")[2] for name in form if name.startswith("verdict.")}
    seen = {
        name: Verdict(verdict=text(form, f"verdict.{name}"), note=text(form, f"note.{name}"),
                      responsible=text(form, f"responsible.{name}"))
        for name in names
    }  # fmt: skip
    try:
        with console.database() as conn:
            checks.finish(conn, acting_of(request, account), check, seen, text(form, "note"), number(form, "version"))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _check(request, console, account, check, seen, error, text(form, "note"))
    return RedirectResponse(f"/care/quality/checks/{check}", 303)


@router.get("/care/quality/findings/{number}", dependencies=[LOOK])
def finding_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """A finding, its history, and what may follow."""
    return _finding(request, console, account, number)


def _finding(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None = None,
    written: str = "",
) -> Response:  # fmt: skip
    acting = acting_of(request, account)
    with console.database() as conn:
        found, steps = findings.load(conn, acting, number)
        mend = findings.mend_refusal(conn, acting, found) if found.state == "open" else None
        again = findings.recheck_refusal(conn, acting, found) if found.state == "mended" else None
    return care_page(
        request, "quality-finding.html", account, status_of(error) if error else 200, f=found, steps=steps, mend=mend,
        again=again, message=message_of(request, error, account) if error else "", written=written,
        items=_item_words(), today=acting.today, **WORDS,
    )  # fmt: skip


@router.post("/care/quality/findings/{number}", dependencies=[needs(Action.INSPECT, Action.VIEW_CARE)])
def handle_finding(
    request: Request, console: Shared, account: CurrentAccount, number: int, step: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form()], words: Annotated[str, Form(max_length=1000)] = "",
) -> Response:  # fmt: skip
    """Report it mended, close it after a second look, or send it back."""
    try:
        with console.database() as conn:
            findings.act(conn, acting_of(request, account), number, step, words, version)
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _finding(request, console, account, number, error, words)
    return RedirectResponse(f"/care/quality/findings/{number}", 303)


@router.get("/care/quality/plans", dependencies=[INSPECT])
def plans_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Plan one check, draw many by lot, and the draws so far."""
    return _plans(request, console, account, {})


def _plans(
    request: Request, console: Console, account: Account, filled: dict[str, str], error: ProvisioningError | None = None
) -> Response:
    acting = acting_of(request, account)
    with console.database() as conn:
        found = checks.plans(conn, acting)
        known = providers.providers(conn, acting)
    return care_page(
        request, "quality-plans.html", account, status_of(error) if error else 200, plans=found, providers=known,
        filled=filled, message=message_of(request, error, account) if error else "", levels=LEVEL_OF,
        wrong=(error.field or "all") if error else "", soon=acting.today + dt.timedelta(days=14), **WORDS,
    )  # fmt: skip


@router.post("/care/quality/plans", dependencies=[INSPECT])
def make_plan(
    request: Request, console: Shared, account: CurrentAccount, kind: Annotated[str, Form(max_length=20)],
    listed: Annotated[str, Form(max_length=40)], due_on: Annotated[str, Form(max_length=10)] = "",
    provider: Annotated[str, Form(max_length=40)] = "", share: Annotated[str, Form(max_length=6)] = "",
    seed: Annotated[str, Form(max_length=60)] = "", homes: Annotated[str, Form(max_length=5)] = "",
) -> Response:  # fmt: skip
    """Plan one check of ``provider``, or draw checks by lot where none is named."""
    acting = acting_of(request, account)
    filled = {"kind": kind, "listed": listed, "due_on": due_on, "provider": provider, "share": share, "seed": seed,
              "homes": homes}  # fmt: skip
    try:
        due = day_of(due_on, acting.today + dt.timedelta(days=14), "due_on")
        with console.database() as conn:
            if provider:
                made = checks.plan_one(conn, acting, kind, listed, provider, due)
                return RedirectResponse(f"/care/quality/checks/{made}", 303)
            try:
                part = float(share) / 100
            except ValueError:
                raise ProvisioningError(en="write the share as 20", zh="比例写法如 20", field="share") from None
            drawn = checks.draw_checks(conn, acting, kind, listed, part, due, homes=homes == "true", seed=seed)
    except ProvisioningError as error:
        return _plans(request, console, account, filled, error)
    return RedirectResponse(f"/care/quality/plans/{drawn}", 303)


@router.get("/care/quality/plans/{number}", dependencies=[INSPECT])
def plan_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """A draw: its seed, share and strata, whether a repetition gives the same, and its checks."""
    with console.database() as conn:
        found, listed, same = checks.plan(conn, acting_of(request, account), number)
    return care_page(request, "quality-plan.html", account, p=found, checks=listed, same=same, **WORDS)


@router.get("/care/quality/providers", dependencies=[LOOK])
def providers_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Providers of the area with a year's checks, those with overdue findings first."""
    with console.database() as conn:
        found = providers.providers(conn, acting_of(request, account))
    return care_page(request, "quality-providers.html", account, providers=found, few=providers.FEW, **WORDS)


@router.get("/care/quality/providers/{provider}", dependencies=[LOOK])
def provider_page(request: Request, console: Shared, account: CurrentAccount, provider: str) -> Response:
    """A provider: its scores over time, each with how much was looked at, and its findings."""
    acting = acting_of(request, account)
    with console.database() as conn:
        found, scores = providers.provider(conn, acting, provider)
        listed = findings.listing(conn, acting, "open", provider)
    return care_page(
        request, "quality-provider.html", account, p=found, scores=scores, findings=listed[:LIMIT], few=providers.FEW,
        points=_points(list(reversed(scores))), today=acting.today, items=_item_words(), **WORDS,
    )  # fmt: skip


def _points(scores: list[providers.Score]) -> list[tuple[float, float, providers.Score]]:
    """Where each check stands in a picture of 600 × 140: by time, and by the share that passed. Pure."""
    shown = [one for one in scores if one.rate is not None]
    if not shown:
        return []
    first, last = shown[0].done_at, shown[-1].done_at
    span = max(1.0, (last - first).total_seconds())
    return [
        (50 + 520 * (one.done_at - first).total_seconds() / span, 130 - 120 * (one.rate or 0.0), one) for one in shown
    ]
