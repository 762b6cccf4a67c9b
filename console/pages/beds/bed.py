"""One home care bed: everything that belongs to it, and each step that can be taken."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.catalogues.ability import GRADES
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.core.money import in_yuan
from care_services.grants import store as grants
from care_services.grants.ending import Why
from care_services.home_beds import life
from care_services.home_beds.catalogue import DEVICE_ROOMS, PLANS, SURVEY, SURVEY_ROOMS, models_to_plan, room_words
from care_services.home_beds.desk import UNDO, BedFile, may_take
from care_services.home_beds.effects import Stop
from care_services.home_beds.equipment.desk import KINDS as EQUIPMENT_KINDS
from care_services.home_beds.equipment.desk import Equipment
from care_services.home_beds.installing import PLANNED_IN, TESTED_IN, Tested
from care_services.home_beds.orders import visits_of
from care_services.home_beds.services import WHY_NOT, chosen_of, weekly_cost
from care_services.home_beds.terms import Terms, day_of, proposed
from care_services.home_services.plans.desk import STATES as PLAN_STATES
from care_services.meals.arrangements.desk import STATES as MEAL_STATES
from care_services.meals.words import MODES
from console.pages.beds import board, paper
from console.pages.beds.board import beds_of
from console.pages.beds.paper import CHECK_WORDS, SURVEY_WORDS, said
from console.pages.care.frame import care_page
from console.pages.records.form import Filled
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_BEDS)
STEP = needs(Action.MANAGE_BEDS, Action.APPROVE_BEDS)
IN_FORM = ("reason", "number", "begins", "ends", "plan", "until", "since", "service", "time", "days", "mode", "dinner")
"""Fields of the forms of steps: what is wrong with one stands beside it."""
WEEK = tuple(enumerate((("一", "Mon"), ("二", "Tue"), ("三", "Wed"), ("四", "Thu"), ("五", "Fri"), ("六", "Sat"),
                        ("日", "Sun")), 1))  # fmt: skip


WORDS: dict[str, Any] = {
    **board.WORDS, "survey": SURVEY, "survey_rooms": SURVEY_ROOMS, "survey_words": SURVEY_WORDS, "said": said,
    "check_words": CHECK_WORDS, "step_word": life.word_of, "room_words": room_words, "plans": PLANS, "grades": GRADES,
    "equipment_kinds": EQUIPMENT_KINDS, "device_rooms": DEVICE_ROOMS,
    "yuan": in_yuan, "meal_states": MEAL_STATES, "meal_modes": MODES,
    "plan_states": PLAN_STATES, "why_not_en": WHY_NOT, "week": WEEK, "here": "/care/beds",
}  # fmt: skip


@router.get("/care/beds/at/{bed_id}", dependencies=[LOOK])
def bed_page(request: Request, console: Shared, account: CurrentAccount, bed_id: int) -> Response:
    """Everything about a bed."""
    return _bed(request, console, account, bed_id)


def _bed(
    request: Request, console: Console, account: Account, bed_id: int, error: ProvisioningError | None = None,
    sent: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        beds = beds_of(conn, request, account)
        file = beds.bed(bed_id)
        tests = beds.tests(file.bed, file.devices)
        kit = Equipment(conn, account, at=now, origin=origin_of(request)).of_bed(bed_id)
        visits = visits_of(conn, file.bed.resident_id, now)
        asks = may_do(account, Action.MANAGE_BEDS) and file.bed.state == "in_service"
        wanted = beds.offers(file.bed) if asks else []
        offices = board.organisations(conn, account) if may_do(account, Action.MANAGE_BEDS) else []
    last = file.undoable(account, now)
    steps = [one for one in life.steps_from(file.bed.state) if may_take(account, one)]
    theirs = []
    if isinstance(error, ChangedMeanwhileError) and sent:
        theirs = [
            (SURVEY[code], answer) for code, answer in file.answers.items()
            if code in SURVEY and sent.get(f"item.{code}", answer.state) != answer.state
        ]  # fmt: skip
    return care_page(
        request, "bed.html", account, status_of(error) if error else 200, file=file, bed=file.bed, tests=tests, kit=kit,
        offices=offices, wanted=wanted, week_cost=weekly_cost(wanted or []),
        visits=visits, today=_today(), steps=steps,
        blocked={one.code: life.problems(one.code, _hopeful(file)) for one in steps},
        last=last, until=last.at + UNDO if last else None, message=message_of(request, error, account) if error else "",
        field=error.field if error else "", sent=sent or {}, theirs=theirs, models=models_to_plan(),
        plans_now=file.bed.state in PLANNED_IN, tests_now=file.bed.state in TESTED_IN, **_live(file, tests), **WORDS,
    )  # fmt: skip


def _hopeful(file: BedFile) -> life.Facts:
    """The facts, as if what a form asks for were given: what is left stands in the way."""
    return life.Facts(
        grade=file.facts.grade, survey_missing=file.facts.survey_missing, needed_first=file.facts.needed_first,
        planned=file.facts.planned, not_accepted=file.facts.not_accepted, lent=file.facts.lent, has_contract=True,
        reason="-",
    )  # fmt: skip


@router.get("/care/beds/at/{bed_id}/pdf", dependencies=[LOOK])
def pdf(request: Request, console: Shared, account: CurrentAccount, bed_id: int) -> Response:
    """The file of a bed as PDF, to be printed and signed; taking it out of the platform is in the audit."""
    with console.database() as conn:
        file = beds_of(conn, request, account).bed(bed_id, action="export_bed")
        granted = grants.of_resident(conn, file.bed.resident_id)
    made = paper.pdf(file, granted, language_of(request, account), dt.datetime.now(dt.UTC))
    name = f"bed-{file.bed.resident}-{bed_id}.pdf"
    return Response(made, media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'})


@router.get("/care/beds/at/{bed_id}/confirm", dependencies=[STEP])
def confirm_page(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, step: str = "", since: str = "",
    until: str = "", reason: str = "",
) -> Response:  # fmt: skip
    """Ask for what a step needs, and name what follows from it, with the amounts of the day that is chosen."""
    sent = {"step": step, "since": since[:10], "until": until[:10], "reason": reason[:500]}
    return _confirm(request, console, account, bed_id, sent)


def _confirm(
    request: Request, console: Console, account: Account, bed_id: int, sent: dict[str, str],
    error: ProvisioningError | None = None, lists: dict[str, list[str]] | None = None,
) -> Response:  # fmt: skip
    step = life.STEPS.get(sent.get("step", ""))
    if step is None:
        raise NotFoundError(en="there is no such step", zh="没有这种操作")
    with console.database() as conn:
        beds = beds_of(conn, request, account)
        file = beds.bed(bed_id)
        fits = may_take(account, step) and file.bed.state in step.before
        more: dict[str, Any] = {"stop": None, "again": None, "offers": None, "running": 0, "week_cost": (0, 0)}
        if not fits:
            pass
        elif step.code in ("suspend", "close"):
            more["stop"], error = _stops(beds, file, sent, error, "closed" if step.code == "close" else "suspended")
        elif step.code == "resume":
            more["again"] = beds.starts_again(file)
        elif step.code in ("sign", "renew"):
            more["offers"] = beds.offers(file.bed)
            more["week_cost"] = weekly_cost(more["offers"] or [])
            more["running"] = sum(one.runs for one in file.services)
    if not fits:
        return _bed(request, console, account, bed_id, error)
    message = message_of(request, error, account) if error else ""
    known = error is not None and (error.field or "").split(".")[0] in IN_FORM
    return care_page(
        request, "bed_confirm.html", account, status_of(error) if error else 200, file=file, bed=file.bed, step=step,
        sent=sent, lists=lists or {}, wrong={error.field: message} if error and known else {},
        message="" if known else message, today=_today(), proposed=proposed(file.bed.contract_until, _today()), **more,
        **WORDS,
    )  # fmt: skip


def _stops(
    beds: Any, file: BedFile, sent: dict[str, str], error: ProvisioningError | None, why: Why
) -> tuple[Stop, ProvisioningError | None]:
    """The figures of the day that was chosen, or of today where that day is wrong."""
    try:
        return beds.stops(file.bed, day_of(sent["since"], "since") if sent.get("since") else None, why), error
    except ProvisioningError as wrong:
        return beds.stops(file.bed, None, why), error or wrong


@router.post("/care/beds/at/{bed_id}/step", dependencies=[STEP])
def step(request: Request, console: Shared, account: CurrentAccount, bed_id: int, sent: Filled) -> Response:
    """Take a step."""
    texts = {name: values[0][:500] for name, values in sent.items()}
    code, terms = texts.get("step", ""), Terms(*(texts.get(name, "") for name in ("number", "begins", "ends", "plan")))
    known = life.STEPS.get(code)
    try:
        with console.database() as conn:
            beds_of(conn, request, account).step(
                bed_id, _version(texts), code, texts.get("reason", ""), terms, _day(texts, "until"),
                _day(texts, "since"), chosen_of(sent), texts.get("shown"),
            )  # fmt: skip
    except ProvisioningError as error:
        if known is not None and (known.reason or not known.undo):
            return _confirm(request, console, account, bed_id, texts, error, sent)
        return _bed(request, console, account, bed_id, error)
    return RedirectResponse(f"/care/beds/at/{bed_id}", 303)


def _version(texts: dict[str, str]) -> int:
    return int(texts["version"]) if texts.get("version", "").isdecimal() else 0


def _day(texts: dict[str, str], name: str) -> dt.date | None:
    return day_of(texts[name], name) if texts.get(name) else None


def _today() -> dt.date:
    return dt.datetime.now(SHANGHAI).date()


@router.post("/care/beds/at/{bed_id}/services", dependencies=[MANAGE])
def add_services(request: Request, console: Shared, account: CurrentAccount, bed_id: int, sent: Filled) -> Response:
    """Make the service plans of a bed that stands and has none yet."""
    texts = {name: values[0] for name, values in sent.items()}
    return _do(
        request, console, account, bed_id, "services",
        lambda beds: beds.add_services(bed_id, _version(texts), chosen_of(sent)), texts,
    )  # fmt: skip


@router.post("/care/beds/at/{bed_id}/undo", dependencies=[MANAGE])
def undo(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, version: Annotated[int, Form()]
) -> Response:
    """Take the last step back, within 30 s."""
    return _do(request, console, account, bed_id, "", lambda beds: beds.undo(bed_id, version))


@router.post("/care/beds/at/{bed_id}/organisation", dependencies=[MANAGE])
def assign(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, version: Annotated[int, Form()],
    organisation: Annotated[str, Form(max_length=40)] = "",
) -> Response:  # fmt: skip
    """Say which organisation carries the bed."""
    return _do(request, console, account, bed_id, "", lambda beds: beds.assign(bed_id, version, organisation))


@router.post("/care/beds/at/{bed_id}/survey", dependencies=[MANAGE])
def survey(request: Request, console: Shared, account: CurrentAccount, bed_id: int, sent: Filled) -> Response:
    """Keep the answers of the survey that are given."""
    texts = {name: values[0] for name, values in sent.items()}
    answers = {
        code: (texts[f"item.{code}"], texts.get(f"note.{code}", "")) for code in SURVEY if texts.get(f"item.{code}")
    }
    return _do(
        request, console, account, bed_id, "survey", lambda beds: beds.answer(bed_id, _version(texts), answers), texts
    )  # fmt: skip


@router.post("/care/beds/at/{bed_id}/devices", dependencies=[MANAGE])
def devices(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, act: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form()], number: Annotated[int, Form()] = 0,
    room: Annotated[str, Form(max_length=40)] = "", model: Annotated[str, Form(max_length=80)] = "",
    note: Annotated[str, Form(max_length=500)] = "", device: Annotated[str, Form(max_length=80)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Add a device to the plan or take it out, begin its test, accept it."""
    acts: dict[str, Any] = {
        "add": lambda beds: beds.add(bed_id, version, room, model, note),
        "usual": lambda beds: beds.add_usual(bed_id, version),
        "drop": lambda beds: beds.drop(bed_id, version, number),
        "test": lambda beds: beds.begin_test(bed_id, version, number, device),
        "accept": lambda beds: beds.accept(bed_id, version, number, reason),
    }
    if act not in acts:
        raise NotFoundError(en="there is no such step", zh="没有这种操作")
    sent = {"number": str(number), "room": room, "model": model, "note": note, "reason": reason}
    return _do(request, console, account, bed_id, "devices", acts[act], sent)


@router.get("/care/beds/at/{bed_id}/devices/now", dependencies=[LOOK])
def tests_now(request: Request, console: Shared, account: CurrentAccount, bed_id: int) -> Response:
    """How all tests stand, for the office that follows those in the flat."""
    with console.database() as conn:
        beds = beds_of(conn, request, account)
        file = beds.bed(bed_id, audited=False)
        tests = beds.tests(file.bed, file.devices)
    return care_page(request, "_bed_live.html", account, bed=file.bed, tests=tests, **_live(file, tests), **WORDS)


def _live(file: BedFile, tests: list[Tested]) -> dict[str, bool]:
    return {
        "live": file.bed.state in TESTED_IN,
        "all_accepted": all(one.planned.accepted_at is not None for one in tests),
    }


@router.get("/care/beds/at/{bed}/devices/{number}/now", dependencies=[LOOK])
def test_now(request: Request, console: Shared, account: CurrentAccount, bed: int, number: int) -> Response:
    """How the test of one device stands, for the page that waits for it."""
    with console.database() as conn:
        beds = beds_of(conn, request, account)
        file = beds.bed(bed, audited=False)
        found = [one for one in beds.tests(file.bed, file.devices) if one.planned.id == number]
    if not found:
        raise NotFoundError(en="this device is not in the plan", zh="方案中没有这台设备")
    return care_page(
        request, "_bed_test.html", account, bed=file.bed, one=found[0], tests_now=file.bed.state in TESTED_IN, **WORDS
    )


@router.post("/care/beds/at/{bed_id}/check", dependencies=[MANAGE])
def check(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, version: Annotated[int, Form()],
    result: Annotated[str, Form(max_length=10)] = "", findings: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Enter a quality check."""
    sent = {"result": result, "findings": findings}
    return _do(
        request, console, account, bed_id, "checks", lambda beds: beds.check(bed_id, version, result, findings), sent
    )


def _do(
    request: Request, console: Console, account: Account, bed_id: int, part: str, act: Any,
    sent: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    try:
        with console.database() as conn:
            act(beds_of(conn, request, account))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _bed(request, console, account, bed_id, error, sent)
    return RedirectResponse(f"/care/beds/at/{bed_id}{f'#{part}' if part else ''}", 303)
