"""Tables and trees that ``shouwang network`` prints."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from care_network.catalogues.workforce import CERTIFICATES, LANGUAGES, ROLES, SKILLS, Certificate, effective_skills
from care_network.duty import roster as duty
from care_network.duty.loading import load_roster
from care_network.errors import NotFoundError
from care_network.records import registry
from care_network.records.history.changes import Change
from care_network.records.network import Network
from care_network.records.staff_records import NewCertificate, NewStaff
from care_network.records.store import Stored
from shouwang.cli.session import Session
from vocabulary.times import SHANGHAI, local


def print_tree(conn: psycopg.Connection[Any], under: str | None) -> None:
    """Print areas with their organisations. Raises NotFoundError where there is no such area, or none at all."""
    if under is not None and not registry.area_exists(conn, under):
        raise NotFoundError(en=f"there is no area {under!r}", zh=f"没有区域 {under}")
    organisations = defaultdict(list)
    for path, *row in registry.count_staff(conn, under):
        organisations[path].append(row)
    branches: dict[str, Tree] = {}
    tops = []
    for path, zh, en, level, homes, residents in registry.count_by_area(conn, under):
        label = f"{escape(f'{zh} {en}')} [dim]{level} {path}[/]  {homes} 户 homes, {residents} 位老人 residents"
        parent = branches.get(path.rpartition(".")[0])
        branches[path] = Tree(label) if parent is None else parent.add(label)
        if parent is None:
            tops.append(branches[path])
        for code, name_zh, name_en, staff, active in organisations[path]:
            closed = "" if active else " [red]停用 closed[/]"
            branches[path].add(f"[cyan]{escape(f'{name_zh} {name_en}')}[/] [dim]{code}[/]  {staff} 人 staff{closed}")
    if not tops:
        raise NotFoundError(
            en="there is no area yet; add them: shouwang provision district FILE",
            zh="还没有任何区域，请先添加：shouwang provision district FILE",
        )
    for top in tops:
        Console().print(top)


def print_people(network: Network, under: str | None, now: dt.datetime) -> None:
    certificates = defaultdict(list)
    for stored in network.list("certificate", under):
        if isinstance(stored.record, NewCertificate):
            certificates[stored.record.staff].append(Certificate(stored.record.kind, stored.record.expires_on))
    today = now.astimezone(SHANGHAI).date()
    table = Table(
        "编号 code", "姓名 name", "岗位 role", "机构 at", "电话 phone", "技能 skills", "语言", "证书 certificates"
    )
    for stored in network.list("staff", under):
        person = stored.record
        if not isinstance(person, NewStaff):
            continue
        held = certificates[person.code]
        good, lapsed = effective_skills(person.skills, held, today)
        skills = Text("、".join(SKILLS[code].zh for code in good))
        if lapsed:
            skills.append(" " + "、".join(SKILLS[code].zh for code in lapsed), style="red strike")
        papers = Text()
        for one in held:
            until = f"（至 {one.expires_on}）" if one.expires_on else ""
            papers.append(f"{CERTIFICATES[one.kind].zh}{until} ", style="" if one.valid(today) else "red")
        name = f"{person.name_zh} {person.name_en}" + ("" if person.active else "（离岗 inactive）")
        table.add_row(
            person.code, Text(name), ROLES[person.kind].zh, person.organisation, person.phone, skills,
            "、".join(LANGUAGES[code].zh for code in person.languages), papers,
        )  # fmt: skip
    Console().print(table)


def print_records(kind: str, records: Sequence[Stored]) -> None:
    """Print a table of the records' fields."""
    if not records:
        Console().print(f"no {kind}")
        return
    table = Table(*msgspec.structs.asdict(records[0].record), "version")
    for stored in records:
        table.add_row(*(_shown(value) for value in msgspec.structs.asdict(stored.record).values()), str(stored.version))
    Console().print(table)


def print_record(kind: str, stored: Stored) -> None:
    table = Table(kind, "", show_header=False)
    for name, value in msgspec.structs.asdict(stored.record).items():
        table.add_row(name, _shown(value))
    table.add_row("version", str(stored.version))
    table.add_row("area", stored.path)
    Console().print(table)


def print_changes(found: Sequence[Change]) -> None:
    """Print the changes of a record, the newest first, with the values that differ."""
    table = Table("时间 when", "人员 who", "来源 from", "操作 what", "字段 field", "之前 before", "之后 after")
    for change in found:
        told = [name for name in change.before or {} if name != "version"] if change.operation == "change" else []
        first = [local(change.at), change.login or "-", change.origin or "-", change.operation]
        for number, name in enumerate(told or [""]):
            values = [_shown(side.get(name)) if side and name else "" for side in (change.before, change.after)]
            table.add_row(*(first if number == 0 else [""] * 4), name, *values)
    Console().print(table)


def print_duty(session: Session, at: dt.datetime, place: str | None, organisation: str | None) -> None:
    """Print who is on duty, with telephone numbers; audited. Raises NotFoundError where there is no such area."""
    conn = session.conn
    session.audit("view_duty", detail={"at": at.isoformat(), "place": place, "organisation": organisation})
    if place is not None and not registry.area_exists(conn, place):
        raise NotFoundError(en=f"there is no area {place!r}; see: shouwang network tree", zh=f"没有区域 {place}")
    roster = load_roster(conn, at, at + dt.timedelta(minutes=1))
    found = duty.on_duty(roster, at, place=place, organisation=organisation)
    table = Table("机构 organisation", "姓名 name", "岗位 role", "班次 shift", "至 until", "技能 skills", "电话 phone",
                  title=f"{local(at)} 值班 on duty")  # fmt: skip
    for one in found:
        person = one.person
        role = ROLES[person.role].zh + ("" if one.qualified else "（证书失效 certificate lapsed）")
        table.add_row(
            Text(one.post.name_zh), Text(f"{person.name_zh} {person.name_en}"), role, one.shift, local(one.until)[5:16],
            "、".join(SKILLS[code].zh for code in one.skills), person.phone,
        )  # fmt: skip
    Console().print(table if found else f"{local(at)}: 无人值班 nobody is on duty")


def print_holes(
    conn: psycopg.Connection[Any],
    since: dt.datetime,
    length: dt.timedelta,
    organisations: Sequence[str] | None,
    together: bool,
) -> int:
    """Print times without anybody on duty; returns how many there are."""
    until = since + length
    roster = load_roster(conn, since, until)
    codes = list(organisations or [])
    if not codes:
        rostered = {entry.organisation_id for entry in roster.weekly} | {e.organisation_id for e in roster.extras}
        codes = sorted(post.code for post in roster.posts.values() if post.id in rostered)
    if not codes:
        raise NotFoundError(en="no organisation has a roster yet", zh="还没有任何机构排班")
    groups = [codes] if together else [[code] for code in codes]
    found = duty.find_holes(roster, since, until, groups)
    for hole in found:
        print("\n".join(duty.describe(hole)))
    if not found:
        print(
            f"{local(since)} 至 {local(until)} 每时都有人值班 somebody is on duty at any time ({len(groups)} checked）"
        )
    return len(found)


def _shown(value: Any) -> Text:
    """Format a value as plain text, so that brackets in a name are not taken for colours."""
    if value is None:
        return Text()
    if isinstance(value, dt.datetime):
        return Text(local(value))
    if isinstance(value, tuple):
        return Text(";".join(str(part) for part in value))
    return Text(str(value))
