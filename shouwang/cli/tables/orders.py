"""Tables of work orders and of the service level for the command line."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from care_network.catalogues.services import SERVICES
from care_network.catalogues.workforce import ROLES, SKILLS
from care_network.matching.matching import Match
from dispatch.orders.states import WORDS
from dispatch.orders.store import Order
from dispatch.sla.clock import MILESTONES as IN_ORDER
from dispatch.sla.clock import WORDS as MILESTONES
from dispatch.sla.clock import ReportLine
from dispatch.sla.targets import Targets
from vocabulary.times import local


def print_orders(orders: Sequence[Order]) -> None:
    if not orders:
        print("没有工单 no work orders")
        return
    table = Table(
        "#", "紧急 urgency", "服务 service", "时间 when", "老人 resident", "地址 where", "人员 who goes", "状态 state"
    )
    for order in orders:
        table.add_row(
            str(order.number), _word(order.urgency), SERVICES[order.service].zh, local(order.due_at)[5:16],
            Text(order.resident_zh or "—"), Text(f"{order.area_zh} {order.address_zh}"),
            Text(f"{order.staff_zh} {order.staff_code}" if order.staff_zh else "—"), _word(order.state),
        )  # fmt: skip
    Console().print(table)


def print_order(order: Order, history: Sequence[dict[str, Any]]) -> None:
    print_orders([order])
    table = Table("时间 time", "步骤 step", "人员 about", "操作人 by", "来自 from", "说明 note")
    for event in history:
        note = (
            event["note"] or "; ".join(event["detail"].get("zh", [])) if event["action"] == "offer" else event["note"]
        )
        table.add_row(
            local(event["at"]), _word(event["action"]), Text(event["staff_zh"] or ""), Text(event["actor"]),
            Text(event["origin"]), Text(note),
        )  # fmt: skip
    Console().print(table)


def print_services() -> None:
    table = Table("code", "服务 service", "必备 needs", "其一 one of", "更好 likes", "岗位 roles", "分钟 minutes")
    for service in SERVICES.values():
        table.add_row(
            service.code, f"{service.zh} {service.en}", _skills(service.needs), _skills(service.one_of),
            _skills(service.likes), "、".join(ROLES[role].zh for role in sorted(service.roles)), str(service.minutes),
        )  # fmt: skip
    Console().print(table)


def print_match(service: str, found: Match) -> None:
    print(f"{SERVICES[service].zh} {SERVICES[service].en}")
    if not found.candidates:
        print("\n".join(found.explanation))
        return
    table = Table("", "代码 code", "姓名 name", "机构 organisation", "分 score", "理由 reasons", "电话 phone")
    for place, one in enumerate(found.candidates, 1):
        table.add_row(
            str(place), one.code, Text(f"{one.name_zh} {one.name_en}"), Text(one.organisation_zh),
            f"{100 * one.score:.0f}", Text("\n".join((";".join(one.reasons_zh), "; ".join(one.reasons_en)))), one.phone,
        )  # fmt: skip
    Console().print(table)


def print_sla(lines: Sequence[ReportLine], targets: Targets) -> None:
    wanted = Table("级别 severity", *("".join(words[:1]) for words in MILESTONES.values()))
    wanted.title = f"现行时限 targets in force: {100 * targets.share:g} %"
    for severity, own in targets.seconds.items():
        wanted.add_row(_word(severity), *(_length(own.get(milestone)) for milestone in IN_ORDER))
    Console().print(wanted)
    if not lines:
        print("这段时间没有预警 no alerts in that time")
        return
    table = Table("机构 organisation", "班次 shift", "级别 severity", "环节 milestone", "目标 target", "预警 alerts",
                  "达标 in time", "超时 late", "未完成 missed", "进行中 open", "P50", "P90", "P99")  # fmt: skip
    for line in lines:
        share = "—" if line.met_share is None else f"{100 * line.met_share:.1f} %"
        bad = line.met_share is not None and line.met_share < targets.share
        table.add_row(
            line.organisation or "—", line.shift or "—", _word(line.severity), "".join(MILESTONES[line.milestone][:1]),
            _length(line.target_s), str(line.alerts), Text(share, style="red" if bad else ""), str(line.late),
            str(line.missed), str(line.pending), _length(line.p50_s), _length(line.p90_s), _length(line.p99_s),
        )  # fmt: skip
    Console().print(table)


def _word(code: str) -> str:
    return " ".join(WORDS.get(code, (code,)))


def _skills(codes: frozenset[str]) -> str:
    return "、".join(SKILLS[code].zh for code in sorted(codes))


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.1f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
