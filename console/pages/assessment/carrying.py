"""Carry out what was approved: through the services that thresholds and ladders have anyway, with their permissions."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from alerting.tuning import sheet
from alerting.tuning.catalogue import catalogue
from alerting.tuning.groups import group_of, heading_of
from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from care_network.catalogues.services import SERVICES
from care_network.errors import NotFoundError, ProvisioningError
from care_services.assessment import proposals
from care_services.assessment.proposals import Proposal
from dispatch.ladders import desk, drafts, store
from dispatch.ladders.policy import FamilyTarget, OnDutyTarget, Policy, Step
from vocabulary.labels import unit_of

NEEDS: dict[str, tuple[Action, ...]] = {
    "thresholds": (Action.APPROVE_PROPOSALS, Action.SET_LIMITS),
    "escalation": (Action.APPROVE_PROPOSALS, Action.SET_POLICIES),
    "service_plan": (Action.APPROVE_PROPOSALS,),
}
"""Permissions that it takes to approve a proposal of a kind; one is declined with the first alone."""
STREET = "street_elder_center"


class Line(msgspec.Struct, frozen=True):
    """A line of what a proposal changes: what, as it is now, as it would be."""

    zh: str
    en: str
    now: str
    then: str
    unit: tuple[str, str] = ("", "")


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """The consequences of approving, and whether this account may."""

    lines: list[Line]
    may: bool
    may_decline: bool
    address: str = ""
    """Where it is seen once it is carried out."""


def outlook(conn: Connection[Any], account: Account, one: Proposal) -> Outlook:
    """List what a proposal would change, from which value to which."""
    lines, address = [], ""
    match one.kind:
        case "thresholds":
            address = f"/parameters/resident/{one.resident}"
            lines = _thresholds(conn, one)
        case "service_plan":
            address = f"/care/residents/{one.resident}"
            lines = [
                Line(SERVICES[code].zh, SERVICES[code].en, "—", str(times), ("次/周", "a week"))
                for code, times in one.content.get("services", {}).items()
                if code in SERVICES
            ]
        case "escalation":
            center = _center(conn, one.resident_id)
            address = f"/policies/{_code(one, center[0])}" if center else "/policies"
            lines = [] if center is None else [Line(center[1], center[2], "", "")]
    return Outlook(
        lines=lines, address=address, may=all(may_do(account, action) for action in NEEDS[one.kind]),
        may_decline=may_do(account, Action.APPROVE_PROPOSALS),
    )  # fmt: skip


def _thresholds(conn: Connection[Any], one: Proposal) -> list[Line]:
    row = conn.execute("SELECT ability_grade, household_id FROM resident WHERE id = %s", (one.resident_id,)).fetchone()
    grade, home = row if row is not None else (None, None)
    values = sheet.load_layers(conn).values(grade, home, one.resident_id)
    lines = []
    for name, value in one.content.get("settings", {}).items():
        known = catalogue().get(name)
        if known is not None:
            zh, en = heading_of(group_of(name))
            now = f"{values.get(name, known.default):g}"
            both = f"{zh}：{known.zh}", f"{en}: {known.en}"
            lines.append(Line(*both, now, f"{value:g}", unit_of(known.unit)))
    return lines


def approve(
    conn: Connection[Any], account: Account, number: int, seen: int, note: str, at: dt.datetime, origin: str
) -> None:
    """Approve a proposal and carry it out in one transaction.

    Raises NotPermittedError where the account may not set what it changes, ProvisioningError where it cannot be done.
    """

    def carry(one: Proposal) -> None:
        for action in NEEDS[one.kind]:
            require(account, action)
        draft = one.draft
        because = f"能力评估 {one.assessment_id}：{draft.zh if draft else one.code}"
        if one.kind == "thresholds":
            for name, value in one.content["settings"].items():
                sheet.change(conn, account, "resident", one.resident, name, value, because, at, origin)
        elif one.kind == "escalation":
            _draft_policy(conn, account, one, at)

    proposals.approve(conn, account, number, seen, note, at, origin, carry)


def _draft_policy(conn: Connection[Any], account: Account, one: Proposal, at: dt.datetime) -> None:
    """Keep a draft of a ladder for the street: the one in force there, whose first step reaches more people."""
    center = _center(conn, one.resident_id)
    if center is None:
        raise NotFoundError(
            en="no street center serves this home: set a policy by hand", zh="没有街道中心服务这户，请直接编辑呼叫策略"
        )
    code, severity = _code(one, center[0]), one.content["severity"]
    if code in desk.drafts(conn):
        raise ProvisioningError(
            en=f"there is a draft {code} already: go on with it, or discard it first",
            zh=f"已有草稿 {code}，请先启用或放弃",
        )
    known = [each for each in store.policies_now(conn) if each.severity == severity and each.starts is None]
    base = next((each for each in known if each.organisation == center[0]), None) or next(
        each for each in known if each.organisation is None
    )
    desk.save_draft(conn, account, code, drafts.raw_of(_broader(base, code, center, one.content)), at, 0)


def _broader(base: Policy, code: str, center: tuple[str, str, str], content: dict[str, Any]) -> Policy:
    first = base.steps[0]
    more = (OnDutyTarget((STREET,), most=content["people"]), FamilyTarget(1, content["family"]))
    targets = (*first.targets, *(target for target in more if target not in first.targets))
    return msgspec.structs.replace(
        base, code=code, organisation=center[0], version=0, steps=(Step(first.after_s, targets), *base.steps[1:]),
        name_zh=f"{base.name_zh}（{center[1]}）"[:80], name_en=f"{base.name_en} ({center[2]})"[:80],
    )  # fmt: skip


def _code(one: Proposal, center: str) -> str:
    return f"{one.content['severity']}-{center}"[:40]


def _center(conn: Connection[Any], resident_id: int) -> tuple[str, str, str] | None:
    """(code, Chinese, English) of the street's center that serves a resident's home."""
    return conn.execute(
        "SELECT o.code, o.name_zh, o.name_en FROM resident r JOIN household h ON h.id = r.household_id"
        " JOIN area home ON home.id = h.area_id JOIN area a ON a.path @> home.path"
        " JOIN organisation o ON o.area_id = a.id AND o.active AND o.kind = %s"
        " WHERE r.id = %s ORDER BY nlevel(a.path) DESC, o.code LIMIT 1",
        (STREET, resident_id),
    ).fetchone()
