"""Escalation policies: a list, an editor of drafts, versions side by side, putting in force, and a dry run."""

import datetime as dt
import uuid
from typing import Annotated, Any

import msgspec
from fastapi import Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.ability import GRADES
from care_network.duty.roster import KIND_WORDS
from care_network.errors import ChangedMeanwhileError, NotFoundError, ProvisioningError
from care_network.records.history import past
from console.access.alerts import load_alert
from console.pages.admin.frame import admin_page
from console.pages.rules.running import runs_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from dispatch.escalation.dry_run.course import HORIZON, KINDS, MOST_ROUNDS, figures, percentile, recorded
from dispatch.escalation.dry_run.loading import DryRun, dry_run, names_of
from dispatch.ladders import by_grade, desk, drafts, store
from dispatch.ladders.drafts import Raw
from dispatch.ladders.policy import HELD, Policy, PolicyError, Problem, check_all, parse
from dispatch.ladders.policy_file import write
from dispatch.ladders.words import Words, lines, pairs
from vocabulary.alert_state import STATE_WORDS
from vocabulary.severity import SEVERITIES, SEVERITY_WORDS
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, SET = needs(Action.VIEW_NETWORK), needs(Action.SET_POLICIES)
DAYS = 30
PAGE = 50
MOST_FILE = 262_144
"""Bytes of a file of policies."""
NEW = "new"
"""In an address: a policy that has no code yet."""
TARGETS: dict[str, Words] = {
    "on_duty": ("在班人员", "People on duty"), "desk": ("值班电话", "The desk's telephone"),
    "family": ("家属", "Family"),
    "service": ("外部服务", "Service outside"),
}  # fmt: skip
INTERVENED: dict[str, Words] = {
    "severity": ("级别上升：从那时算起", "its severity rose: counted from then on"),
    "merged": ("与其他预警合并", "merged with another"), "rested": ("曾暂缓", "it rested"),
    "reopened": ("曾重新打开", "opened again"), "paused": ("老人应答，暂停呼叫", "the resident answered: calls paused"),
}  # fmt: skip
WORDS: dict[str, Any] = {
    "kinds": KIND_WORDS, "targets": TARGETS, "severity_words": SEVERITY_WORDS, "severities": SEVERITIES,
    "states": {state: STATE_WORDS[state] for state in HELD}, "grade_words": GRADES,
}  # fmt: skip


@router.get("/policies", dependencies=[LOOK])
def policies_page(request: Request, console: Shared, account: CurrentAccount, as_of: str = "") -> Response:
    """List the policies in force, and drafts; or those that were in force at the end of a day."""
    return _list(request, console, account, as_of)


def _list(
    request: Request, console: Console, account: Account, as_of: str, error: ProvisioningError | None = None
) -> Response:
    moment = None
    try:
        moment = past.moment_of(as_of, dt.datetime.now(dt.UTC))
    except ValueError:
        error = ProvisioningError(en="write the day as 2026-11-29", zh="日期写法如 2026-11-29", field="as_of")
    with console.database() as conn:
        now = store.policies_now(conn, moment)
        kept, names = desk.drafts(conn), _names(conn)
        homes = {one.code: desk.concerned(conn, account, now, now, one.code).homes for one in now}
    ordered = sorted(
        now, key=lambda one: (SEVERITIES.index(one.severity), bool(one.grades), one.organisation or "", one.code)
    )
    idle = {one.code: why for one in now if (why := by_grade.not_taken(one, now)) is not None}
    return admin_page(
        request, "policies.html", account, status_of(error) if error else 200, as_of=as_of, moment=moment,
        message=message_of(request, error, account) if error else "",
        policies=[(one, lines(one, names)) for one in ordered], drafts=kept, idle=idle,
        homes=homes, known={one.code for one in now} | (kept.keys() if moment else set()), **WORDS,
    )  # fmt: skip


@router.get("/policies-file", dependencies=[LOOK])
def file(console: Shared, account: CurrentAccount, as_of: str = "") -> Response:
    """Give the policies of a day, or those in force, as the file that this page and ``set-policies`` read."""
    now = dt.datetime.now(dt.UTC)
    try:
        moment = past.moment_of(as_of, now)
    except ValueError:
        raise ProvisioningError(en="write the day as 2026-11-29", zh="日期写法如 2026-11-29", field="as_of") from None
    with console.database() as conn:
        text = write(store.policies_now(conn, moment))
    headers = {"Content-Disposition": f'attachment; filename="policies-{now.astimezone(SHANGHAI):%Y%m%d}.toml"'}
    return Response(text.encode(), media_type="application/toml", headers=headers)


@router.post("/policies-file", dependencies=[SET])
def read_file(
    request: Request, console: Shared, account: CurrentAccount, file: UploadFile | None = None
) -> Response:  # fmt: skip
    """Make drafts of the policies of a file: nothing is in force before each was looked at."""
    body = b"" if file is None else file.file.read(MOST_FILE + 1)
    now = dt.datetime.now(dt.UTC)
    try:
        if not body or len(body) > MOST_FILE:
            raise ProvisioningError(
                en="choose a file of 256 kB at most", zh="请选择文件（不超过 256 kB）", field="file"
            )
        with console.database() as conn:
            desk.save_drafts(conn, account, parse(body.decode("utf-8-sig")), now)
    except (PolicyError, UnicodeDecodeError) as error:
        wrong = ProvisioningError(en=f"not taken: {error}", zh=f"文件未通过检查：{error}", field="file")
        return _list(request, console, account, "", wrong)
    except ProvisioningError as error:
        return _list(request, console, account, "", error)
    return RedirectResponse("/policies", 303)


@router.get("/policies/{ladder}", dependencies=[SET])
def policy_page(request: Request, console: Shared, account: CurrentAccount, ladder: str) -> Response:
    return _editor(request, console, account, ladder)


@router.post("/policies/{ladder}", dependencies=[SET])
async def edit(request: Request, console: Shared, account: CurrentAccount, ladder: str) -> Response:
    """Keep the draft as it was sent, after the press on a button that adds, removes or moves a step."""
    items = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
    return await run_in_threadpool(_edit, request, console, account, ladder, items)


@router.get("/policies/{ladder}/versions", dependencies=[LOOK])
def versions_page(
    request: Request, console: Shared, account: CurrentAccount, ladder: str, old: int = -1, new: int = -1
) -> Response:
    """Show the versions of a policy, two of them side by side."""
    with console.database() as conn:
        kept, names, drafted = desk.versions(conn, ladder), _names(conn), desk.drafts(conn).get(ladder)
        numbers = [one.version for one in kept] + [one.version for one in store.defaults() if one.code == ladder]
        if not numbers:
            raise _nothing(ladder)
        new = new if new in numbers else numbers[0]
        old = old if old in numbers else numbers[min(1, len(numbers) - 1)]
        beside = pairs(desk.version_of(conn, ladder, old), desk.version_of(conn, ladder, new), names)
    return admin_page(
        request, "policy_versions.html", account, code=ladder, versions=kept, numbers=numbers, old=old, new=new,
        pairs=beside, here="/policies", drafted=drafted, **WORDS,
    )  # fmt: skip


@router.get("/policies/{ladder}/confirm", dependencies=[SET])
def confirm_page(request: Request, console: Shared, account: CurrentAccount, ladder: str, act: str = "put") -> Response:
    """Name what follows before a draft is put in force or discarded, or a policy taken out of force."""
    return _confirm(request, console, account, ladder, act=act)


@router.post("/policies/{ladder}/apply", dependencies=[SET])
def apply(
    request: Request, console: Shared, account: CurrentAccount, ladder: str, act: Annotated[str, Form(max_length=20)],
    seen: Annotated[int, Form()] = 0, version: Annotated[int, Form(ge=0)] = 0,
) -> Response:  # fmt: skip
    """Put the draft in force, discard it, make a draft of an older version, or take the policy out of force."""
    now, origin = dt.datetime.now(dt.UTC), origin_of(request)
    try:
        with console.database() as conn:
            match act:
                case "put":
                    draft = desk.drafts(conn).get(ladder)
                    if draft is None or draft.version != seen:
                        raise ChangedMeanwhileError(
                            en="the draft was changed meanwhile; look at it again", zh="草稿刚被修改，请重新查看"
                        )
                    policy = _right(draft.fields)
                    desk.put_in_force(conn, account, [policy], now, origin)
                case "discard":
                    desk.discard(conn, account, ladder)
                case "restore":
                    kept = desk.drafts(conn).get(ladder)
                    fields = drafts.raw_of(desk.version_of(conn, ladder, version))
                    desk.save_draft(conn, account, ladder, fields, now, kept.version if kept else 0)
                    return RedirectResponse(f"/policies/{ladder}", 303)
                case "retire":
                    desk.retire(conn, account, ladder, now, origin)
                case _:
                    raise ProvisioningError(en="this is nothing that can be done", zh="没有这种操作")
    except PolicyError as error:
        wrong = ProvisioningError(en=str(error), zh=f"未通过检查：{error}")
        return _confirm(request, console, account, ladder, wrong, act=act)
    except ProvisioningError as refused:
        return _confirm(request, console, account, ladder, refused, act=act)
    return RedirectResponse("/policies", 303)


@router.get("/policies/{ladder}/dry-run", dependencies=[SET])
def dry_run_page(
    request: Request, console: Shared, account: CurrentAccount, ladder: str, show: str = "changed", after: str = ""
) -> Response:
    """Show whom the draft would have called about the alerts of the last 30 days, beside the policies in force."""
    with console.database() as conn:
        draft, run = _run(console, conn, account, ladder, request)
        drafted = ladder in desk.drafts(conn)
    show = show if show in KINDS else "changed"
    chosen = [one for one in run.compared if KINDS[show](one)]
    start = next((place + 1 for place, one in enumerate(chosen) if one.alert.id == after), 0)
    waits = [(one.alert.taken_at - one.alert.raised_at).total_seconds() for one in run.compared if one.alert.taken_at]
    return admin_page(
        request, "policy_dry_run.html", account, code=ladder, draft=draft, run=run, show=show, chosen=len(chosen),
        drafted=drafted,
        page_of=chosen[start : start + PAGE], more=start + PAGE < len(chosen),
        old=figures([(one.alert, one.old) for one in run.compared]),
        new=figures([(one.alert, one.new) for one in run.compared]),
        real=figures([(one.alert, recorded(one.alert)) for one in run.compared]),
        counts={name: sum(map(holds, run.compared)) for name, holds in KINDS.items()},
        taken=len(waits), taken_median=percentile(waits, 50), taken_p90=percentile(waits, 90), horizon=HORIZON,
        most_rounds=MOST_ROUNDS, here="/policies", intervened=INTERVENED, days=DAYS, **WORDS,
    )  # fmt: skip


@router.get("/policies/{ladder}/dry-run/{alert_id}", dependencies=[SET])
def ladder_page(
    request: Request, console: Shared, account: CurrentAccount, ladder: str, alert_id: uuid.UUID
) -> Response:
    """Show one alert's ladder under both, and as it was recorded."""
    with console.database() as conn:
        notice, _ = load_alert(conn, console.board, account, alert_id, origin_of(request))
        draft, run = _run(console, conn, account, ladder, request, str(alert_id))
        one = next((each for each in run.compared if each.alert.id == str(alert_id)), None)
        if one is None:
            raise NotFoundError(en="this alert is not in the dry run", zh="这条预警不在试算范围内")
        names = names_of(
            conn, [told for call in (*one.old.calls, *one.new.calls, *one.alert.calls) for told in call.told]
        )
    return admin_page(
        request, "policy_ladder.html", account, code=ladder, draft=draft, one=one, notice=notice, names=names,
        intervened=INTERVENED, here="/policies", **WORDS,
    )  # fmt: skip


def _run(
    console: Console, conn: Any, account: Account, code: str, request: Request, alert: str = ""
) -> tuple[Policy, DryRun]:
    """The draft (or what is in force) and its dry run."""
    kept = desk.drafts(conn).get(code)
    now = dt.datetime.now(dt.UTC)
    draft = _right(kept.fields) if kept else next((one for one in store.policies_now(conn) if one.code == code), None)
    if draft is None:
        raise _nothing(code)
    policy = draft
    in_force = msgspec.json.encode([*store.policies_now(conn), policy]).decode()
    return policy, runs_of(console).get(
        (account.id, in_force), now,
        lambda: dry_run(conn, account, policy, now - dt.timedelta(days=DAYS), now, origin_of(request)),
        alert,
    )  # fmt: skip


def _edit(request: Request, console: Console, account: Account, code: str, items: list[tuple[str, str]]) -> Response:
    sent = dict(items)
    raw = drafts.edited(drafts.from_form(items), sent.get("act", ""))
    if code != NEW:
        raw["code"] = code
    seen = int(sent["seen"]) if sent.get("seen", "").isascii() and sent.get("seen", "").isdecimal() else 0
    policy, wrong = drafts.read(raw)
    if code == NEW and any(problem.field == "code" for problem in wrong):
        return _editor(request, console, account, code, raw=raw, status=422 if sent.get("act") == "save" else 200)
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            known = {one.code for one in store.policies_now(conn)} | desk.drafts(conn).keys()
            taken = code == NEW and raw["code"] in known
            if not taken:
                desk.save_draft(conn, account, raw["code"], raw, now, seen)
    except ChangedMeanwhileError as error:
        return _editor(request, console, account, code, raw=raw, status=409, error=error)
    if taken:
        problem = Problem("code", "编号已被占用", "the code is taken")
        return _editor(request, console, account, code, raw=raw, status=422, more=[problem])
    goes_on = sent.get("act") == "save" and policy is not None and not wrong
    place = sent.get("act", "").split(".")
    fragment = f"#step-{place[1]}" if len(place) > 1 and place[1].isdecimal() else ""
    return RedirectResponse(f"/policies/{raw['code']}" + ("/confirm" if goes_on else fragment), 303)


def _editor(
    request: Request, console: Console, account: Account, code: str, *, raw: Raw | None = None, status: int = 200,
    error: ProvisioningError | None = None, more: list[Problem] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        kept = desk.drafts(conn).get(code)
        now = next((one for one in store.policies_now(conn) if one.code == code), None)
        places, names = desk.organisations(conn), _names(conn)
    if raw is None:
        raw = kept.fields if kept else drafts.raw_of(now) if now else drafts.empty() if code == NEW else None
    if raw is None:
        raise _nothing(code)
    policy, wrong = drafts.read(raw)
    wrong = [*wrong, *(more or [])]
    theirs = drafts.read(kept.fields)[0] if kept and error else None
    return admin_page(
        request, "policy.html", account, status, code=code, raw=raw, problems={one.field: one for one in wrong},
        fresh=code == NEW and status == 200, kept=kept, in_force=now, organisations=places, policy=policy,
        message=message_of(request, error, account) if error else "", here="/policies",
        beside=pairs(theirs, policy, names) if theirs else [], **WORDS,
    )  # fmt: skip


def _confirm(
    request: Request, console: Console, account: Account, code: str, error: ProvisioningError | None = None, *,
    act: str = "put",
) -> Response:  # fmt: skip
    with console.database() as conn:
        kept = desk.drafts(conn).get(code)
        if act == "retire":
            kept = None  # it is forgotten with the policy
        elif kept is None and error is None:
            return RedirectResponse(f"/policies/{code}", 303)  # nothing to put in force, or to discard
        in_force = store.policies_now(conn)
        now, names = next((one for one in in_force if one.code == code), None), _names(conn)
        if kept is None and now is None:
            raise _nothing(code)
        policy, wrong = drafts.read(kept.fields) if kept else (None, [])
        then = [one for one in in_force if one.code != code] + ([policy] if policy else [])
        concerned = desk.concerned(conn, account, in_force, then, code)
        gaps = check_all(then) if act == "retire" else []
        idle = by_grade.not_taken(policy, then) if policy else None
    return admin_page(
        request, "policy_confirm.html", account, status_of(error) if error else 200, code=code, kept=kept,
        policy=policy, in_force=now, wrong=wrong, act=act, gaps=gaps, idle=idle,
        pairs=pairs(now, policy, names), concerned=concerned,
        message=message_of(request, error, account) if error else "", here="/policies", **WORDS,
    )  # fmt: skip


def _right(fields: Raw) -> Policy:
    """The policy of a draft. Raises ProvisioningError where something is wrong with it."""
    policy, wrong = drafts.read(fields)
    if policy is None or wrong:
        raise ProvisioningError(en=f"mend the draft first: {wrong[0].en}", zh=f"请先修正草稿：{wrong[0].zh}")
    return policy


def _names(conn: Any) -> dict[str, Words]:
    return {code: (zh, en) for code, _, _, zh, en in desk.organisations(conn)}


def _nothing(code: str) -> NotFoundError:
    return NotFoundError(en=f"there is no policy {code!r}", zh=f"没有呼叫策略 {code}", field="code")
