"""Tables that ``shouwang dispatch`` prints."""

import datetime as dt
import uuid
from typing import Any

import msgspec
import psycopg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from care_network.access.visible import visible_households
from care_network.catalogues.ability import GRADES
from care_network.duty.spells import DutyTest
from care_network.errors import NotFoundError
from dispatch.alerts import lookup, outcomes
from dispatch.desk import calls, handover, statistics
from dispatch.desk.progress import target_words
from dispatch.escalation import duty_tests, duty_warnings, holes, status
from dispatch.escalation.dry_run.course import Compared, Course, figures
from dispatch.escalation.dry_run.loading import DryRun
from dispatch.ladders.policy import Policy, StepTarget
from dispatch.ladders.store import policies_now
from shouwang.cli.session import Session
from vocabulary.times import local

LATE_S = 5.0
GONE_S = 30.0
"""A worker that has not been heard of for so long does not climb."""


def print_status(conn: psycopg.Connection[Any]) -> bool:
    """Whether all is well."""
    oldest = status.oldest_overdue_s(conn)
    ladders = status.count_ladders(conn)
    print(
        f"未结预警 open alerts: {ladders.open}，阶梯待续 with a next step: {ladders.climbing}，到期 due: {ladders.due}"
    )
    print(f"最久逾期 oldest overdue: {oldest:.1f} s")
    table = Table("进程 worker", "最近 seen", "步数 steps", "最大延迟 latest in its last report")
    workers = status.workers(conn)
    for one in workers:
        table.add_row(one.name, f"{one.age_s:.0f} s", str(one.steps), f"{one.latest_s:.2f} s")
    Console().print(table if workers else "没有升级进程 nobody climbs: start 'shouwang dispatch'")
    for found in handover.waiting(conn):
        print(f"交班 {found.id} 待接班 hand-over {found.id} waits: {found.from_name}, {len(found.alerts)} 条 alerts")
    for zh, en in duty_warnings.warnings(conn, dt.datetime.now(dt.UTC)):
        print(f"{zh}\n{en}")
    return oldest < LATE_S and any(worker.age_s < GONE_S for worker in workers)


def print_holes(conn: psycopg.Connection[Any], since: dt.datetime, length: dt.timedelta) -> int:
    """How many there are."""
    found = holes.load(conn, since, since + length)
    for hole in found:
        print(f"{hole.text_zh}\n{hole.text_en}")
    if not found:
        span = f"{local(since)} 至 {local(since + length)}"
        print(f"{span} 任何时刻的紧急预警都有人应答 at any time somebody on duty would answer an emergency")
    return len(found)


def print_dry_run(run: DryRun) -> None:
    """Print the figures of a dry run, old and new side by side."""
    old, new = (figures([(one.alert, side(one)) for one in run.compared]) for side in (_old, _new))
    table = Table(
        "", "现行 in force", "草稿 draft", title=f"{run.draft.code}: {len(run.compared)} / {run.looked_at} 条 alerts"
    )
    for label, field in FIGURE_WORDS:
        table.add_row(label, *(_figure(getattr(one, field)) for one in (old, new)))
    Console().print(table)
    changed = sum(one.changed for one in run.compared)
    print(
        f"{changed} 条预警的呼叫会不同 alerts would call otherwise" + ("（仅最近的 newest only）" if run.more else "")
    )


FIGURE_WORDS = (
    ("呼叫 calls", "calls"), ("夜间呼叫人次 calls at night", "at_night"),
    ("夜间被叫人数 people at night", "people_at_night"),
    ("家属 family", "family"), ("外部 outside", "outside"), ("首次呼叫中位数 s first call, median", "first_median_s"),
    ("首次呼叫 P90 s", "first_p90_s"), ("无人可叫 reached nobody", "nobody"), ("无进展 lapses", "lapses"),
)  # fmt: skip


def _old(one: Compared) -> Course:
    return one.old


def _new(one: Compared) -> Course:
    return one.new


def _figure(value: float | None) -> str:
    return "—" if value is None else f"{value:g}"


def print_duty_tests(session: Session, since: dt.datetime, until: dt.datetime) -> int:
    """Print the tests before shifts in the account's area, with telephone numbers; audited. Returns how many of those
    that are due are not answered."""
    session.audit("view_duty", detail={"tests": True})
    rows = duty_tests.listed(session.conn, str(session.account.area_path), since, until)
    table = Table(
        "开始 begins", "机构 organisation", "姓名 name", "电话 phone", "已问 asked", "消息 message", "应答 answered"
    )
    missing = 0
    for row in rows:
        late = (
            row["answered_at"] is None
            and DutyTest(staff_id=0, starts_at=row["starts_at"], asked_at=row["asked_at"]).judged_at <= session.now
        )
        missing += late
        answer = "未应答 no answer" if late else "等待 waits"
        table.add_row(
            local(row["starts_at"])[5:16], Text(row["organisation_zh"]),
            Text(f"{row['code']} {row['name_zh']} {row['name_en']}"), row["phone"], local(row["asked_at"])[5:16],
            row["state"], answer if row["answered_at"] is None else local(row["answered_at"])[5:16],
        )  # fmt: skip
    Console().print(table if rows else "没有班前测试 nobody was asked")
    return missing


def print_policies(conn: psycopg.Connection[Any]) -> None:
    for policy in policies_now(conn):
        hours = "" if policy.starts is None else f" {policy.starts:%H:%M}–{policy.ends:%H:%M}"
        where = "" if policy.organisation is None else f" @{policy.organisation}"
        who = f" {'/'.join(GRADES[grade][0] for grade in policy.grades)}" if policy.grades else ""
        version = f"v{policy.version}" if policy.version else "程序自带 built in"
        table = Table(
            "级 step",
            "延迟 after",
            "通知 tells",
            title=f"{policy.name_zh} {policy.code} ({policy.severity}{where}{hours}{who}, {version})",
        )
        for number, step in enumerate(policy.steps, 1):
            table.add_row(
                str(number), f"{step.after_s:g} s", Text("; ".join(_target(target) for target in step.targets))
            )
        Console().print(table)
        print(_rest(policy))


def print_handover(found: handover.Handover) -> None:
    state = f"接班 accepted: {found.to_name}" if found.accepted_at else "待接班 waits"
    if found.withdrawn_at:
        state = "已撤回 taken back"
    table = Table("级别", "原因 reason", "住户", "老人", "交班时 then", "现在 now", "开始 since",
                  title=f"交班 hand-over {found.id}: {found.from_name} → {state}")  # fmt: skip
    for alert in found.alerts:
        table.add_row(
            alert.severity, Text(alert.reason_zh), alert.household, Text(alert.resident_zh or ""), alert.state_then,
            alert.state_now, local(alert.onset),
        )  # fmt: skip
    Console().print(table)
    if found.note:
        print(found.note)


def print_report(session: Session, alert_id: uuid.UUID) -> None:
    """Print an alert's record; audited. Raises NotFoundError for an alert that is not there or not theirs to see."""
    row, found = lookup.load(session.conn, alert_id), calls.report(session.conn, alert_id)
    visible = visible_households(session.conn, session.account)
    if row is None or found is None or row["household_id"] not in visible:
        raise NotFoundError(en=f"there is no alert {alert_id}", zh=f"没有预警 {alert_id}")
    session.audit("view_alert_report", resident_id=found.resident_id, detail={"alert": str(alert_id)})
    table = Table("", "", show_header=False)
    table.add_row("姓名 name", Text(found.name))
    table.add_row("事件 incident", Text(found.incident))
    table.add_row("收到 received", local(found.received_at))
    table.add_row("响应 response", "—" if found.response_s is None else f"{found.response_s:.1f} s")
    table.add_row("响应人 responder", Text(found.responder or "—"))
    outcome = outcomes.OUTCOMES.get(found.resolution or "")
    table.add_row("处置 resolution", "—" if outcome is None else f"{outcome.zh} {outcome.en}")
    Console().print(table)
    for one in found.attempts:
        print(f"+{one.after_s:.0f} s {one.actor} → {one.called_kind} {one.called_key}: {one.result},"
              f" 振铃 rang {one.rang_s:.0f} s, 通话 talked {one.talked_s:.0f} s {one.note}")  # fmt: skip


def print_statistics(
    conn: psycopg.Connection[Any], since: dt.datetime, until: dt.datetime, under: str | None, as_json: bool
) -> None:
    found = statistics.summarise(statistics.load_cases(conn, since, until, under))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    table = Table("", *found, title=f"{local(since)} — {local(until)}")
    rows: dict[str, Any] = {
        "预警 alerts": lambda s: str(s.alerts),
        "未结 open": lambda s: str(s.open),
        "60 s 内应答 answered in 60 s": lambda s: _share(s.answered_in_time),
        "应答 acknowledged p50/p90/p99": lambda s: _spans(s.acknowledged_s),
        "到场 arrived p50/p90/p99": lambda s: _spans(s.arrived_s),
        "结束 closed p50/p90/p99": lambda s: _spans(s.closed_s),
        "误报率 false alarms": lambda s: _share(s.false_share),
        "结果 outcomes": lambda s: _counts(s.outcomes, outcomes.OUTCOMES),
        "原因 causes": lambda s: _counts(s.causes, outcomes.CAUSES),
        "受伤 injuries": lambda s: _counts(s.injuries, outcomes.INJURIES),
        "送医 hospital": lambda s: _counts(s.hospital, outcomes.HOSPITAL),
        "措施 actions": lambda s: _counts(s.actions, outcomes.ACTIONS),
        "呼叫次数 call-outs": lambda s: str(s.steps),
        "接警后超时 taken and left": lambda s: str(s.lapses),
    }
    for label, value in rows.items():
        table.add_row(label, *(value(summary) for summary in found.values()))
    Console().print(table)


def _share(share: float | None) -> str:
    return "—" if share is None else f"{share:.1%}"


def _spans(spans: dict[str, float]) -> str:
    return " / ".join(f"{value:.0f} s" for value in spans.values()) or "—"


def _counts(counts: dict[str, int], words: Any) -> str:
    return "\n".join(f"{words[code].zh if code in words else code} {n}" for code, n in counts.items()) or "—"


def _target(target: StepTarget) -> str:
    return " ".join(dict.fromkeys(target_words(target)))


def _rest(policy: Policy) -> str:
    rounds = f"共 {policy.rounds} 轮 {policy.rounds} rounds" if policy.rounds else "直到有人应答 until somebody answers"
    left = f"，到场 on the way {policy.responding_s:g} s" if policy.responding_s else ""
    return (
        f"  {policy.repeat_after_s:g} s 后重复，{rounds}；接手后无进展再呼叫 called out again after acknowledged"
        f" {policy.acknowledged_s:g} s{left}"
    )
