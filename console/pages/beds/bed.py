"""One home care bed: everything that belongs to it, and each step that can be taken."""

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_network.catalogues.ability import GRADES
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_services.home_beds import life
from care_services.home_beds.acceptance import words_of
from care_services.home_beds.catalogue import DEVICE_ROOMS, PLANS, SURVEY, SURVEY_ROOMS, models_to_plan, room_words
from care_services.home_beds.desk import UNDO, BedFile, may_take
from care_services.home_beds.equipment.desk import KINDS as EQUIPMENT_KINDS
from care_services.home_beds.equipment.desk import Equipment
from care_services.home_beds.installing import PLANNED_IN, TESTED_IN
from care_services.home_beds.orders import visits_of
from care_services.home_beds.terms import Terms, day_of
from console.pages.beds import board
from console.pages.beds.board import beds_of
from console.pages.care.frame import care_page
from console.pages.records.form import Filled
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from firmware_profiles.channels import CHANNELS

router = APIRouter()
LOOK, MANAGE = needs(Action.VIEW_CARE), needs(Action.MANAGE_BEDS)
STEP = needs(Action.MANAGE_BEDS, Action.APPROVE_BEDS)
SURVEY_WORDS = {
    "present": ("已有", "is there"), "needed": ("需要", "needed"), "refused": ("家属不做", "refused"),
    "done": ("已完成", "done"),
}  # fmt: skip
CHECK_WORDS = {"good": ("合格", "good"), "mend": ("需整改", "to be mended")}
CLOSED_BY = ("closed", "refused", "withdrawn")


def _said(heard: Any) -> tuple[str, str]:
    """A proof in words: 'in bed 1', in Chinese and English."""
    zh, en = words_of(heard.what)
    if heard.value is None:
        return zh, en
    channel = CHANNELS.get(heard.what)
    value = f"{heard.value:.1f}" if channel is not None and channel.resolution < 1 else f"{heard.value:.0f}"
    return f"{zh} {value}", f"{en} {value}"


WORDS: dict[str, Any] = {
    **board.WORDS, "survey": SURVEY, "survey_rooms": SURVEY_ROOMS, "survey_words": SURVEY_WORDS, "said": _said,
    "check_words": CHECK_WORDS, "step_word": life.word_of, "room_words": room_words, "plans": PLANS, "grades": GRADES,
    "equipment_kinds": EQUIPMENT_KINDS, "device_rooms": DEVICE_ROOMS, "here": "/care/beds",
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
        offices=offices,
        visits=visits, steps=steps, blocked={one.code: life.problems(one.code, _hopeful(file)) for one in steps},
        last=last, until=last.at + UNDO if last else None, message=message_of(request, error, account) if error else "",
        field=error.field if error else "", sent=sent or {}, theirs=theirs, models=models_to_plan(),
        plans_now=file.bed.state in PLANNED_IN, tests_now=file.bed.state in TESTED_IN, **WORDS,
    )  # fmt: skip


def _hopeful(file: BedFile) -> life.Facts:
    """The facts, as if what a form asks for were given: what is left stands in the way."""
    return life.Facts(
        grade=file.facts.grade, survey_missing=file.facts.survey_missing, needed_first=file.facts.needed_first,
        planned=file.facts.planned, not_accepted=file.facts.not_accepted, lent=file.facts.lent, has_contract=True,
        reason="-",
    )  # fmt: skip


@router.get("/care/beds/at/{bed_id}/confirm", dependencies=[STEP])
def confirm_page(request: Request, console: Shared, account: CurrentAccount, bed_id: int, step: str = "") -> Response:
    """Ask for what a step needs, and name what follows from it."""
    return _confirm(request, console, account, bed_id, {"step": step})


def _confirm(
    request: Request, console: Console, account: Account, bed_id: int, sent: dict[str, str],
    error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    step = life.STEPS.get(sent.get("step", ""))
    if step is None:
        raise NotFoundError(en="there is no such step", zh="没有这种操作")
    with console.database() as conn:
        file = beds_of(conn, request, account).bed(bed_id)
    if not may_take(account, step) or file.bed.state not in step.before:
        return _bed(request, console, account, bed_id, error)
    message = message_of(request, error, account) if error else ""
    known = error is not None and error.field in ("reason", "number", "begins", "ends", "plan", "until")
    return care_page(
        request, "bed_confirm.html", account, status_of(error) if error else 200, file=file, bed=file.bed, step=step,
        sent=sent, wrong={error.field: message} if error and known else {}, message="" if known else message, **WORDS,
    )  # fmt: skip


@router.post("/care/beds/at/{bed_id}/step", dependencies=[STEP])
def step(
    request: Request, console: Shared, account: CurrentAccount, bed_id: int, step: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form()], reason: Annotated[str, Form(max_length=500)] = "",
    number: Annotated[str, Form(max_length=60)] = "", begins: Annotated[str, Form(max_length=10)] = "",
    ends: Annotated[str, Form(max_length=10)] = "", plan: Annotated[str, Form(max_length=20)] = "",
    until: Annotated[str, Form(max_length=10)] = "",
) -> Response:  # fmt: skip
    """Take a step."""
    sent = {
        "step": step,
        "reason": reason,
        "number": number,
        "begins": begins,
        "ends": ends,
        "plan": plan,
        "until": until,
    }
    known = life.STEPS.get(step)
    try:
        with console.database() as conn:
            back = day_of(until, "until") if until else None
            beds_of(conn, request, account).step(bed_id, version, step, reason, Terms(number, begins, ends, plan), back)
    except ProvisioningError as error:
        if known is not None and (known.reason or not known.undo):
            return _confirm(request, console, account, bed_id, sent, error)
        return _bed(request, console, account, bed_id, error)
    return RedirectResponse(f"/care/beds/at/{bed_id}", 303)


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
    version = int(texts["version"]) if texts.get("version", "").isdecimal() else 0
    return _do(
        request, console, account, bed_id, "survey", lambda beds: beds.answer(bed_id, version, answers), texts
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
