"""Carry out what was approved: through the services that thresholds and ladders have anyway, with their permissions."""

import datetime as dt
from typing import Any

import msgspec
from psycopg import Connection

from alerting.tuning import sheet
from alerting.tuning.catalogue import catalogue
from alerting.tuning.groups import group_of, heading_of
from care_network.ability import standing
from care_network.ability.standing import Standing
from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do, require
from care_network.catalogues.ability import Grade
from care_network.catalogues.services import SERVICES
from care_network.errors import ProvisioningError
from care_services.assessment import proposals
from care_services.assessment.proposals import Proposal
from dispatch.ladders import by_grade, store
from dispatch.ladders.words import Pair, pairs
from vocabulary.labels import unit_of
from vocabulary.severity import SEVERITIES, SEVERITY_WORDS
from vocabulary.times import SHANGHAI

NEEDS: dict[str, tuple[Action, ...]] = {
    "thresholds": (Action.APPROVE_PROPOSALS, Action.SET_LIMITS),
    "escalation": (Action.APPROVE_PROPOSALS, Action.SET_POLICIES),
    "service_plan": (Action.APPROVE_PROPOSALS,),
}
"""Permissions that it takes to approve a proposal of a kind; one is declined with the first alone."""


class Line(msgspec.Struct, frozen=True):
    """A line of what a proposal changes: what, as it is now, as it would be."""

    zh: str
    en: str
    now: str
    then: str
    unit: tuple[str, str] = ("", "")


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder of one severity as it is now and as it would be."""

    severity: tuple[str, str]
    now: tuple[str, str]
    then: tuple[str, str]
    pairs: list[Pair]
    why: tuple[str, str]
    """Why it would be this one."""

    @property
    def changes(self) -> bool:
        """Whether alerts would climb another ladder."""
        return self.now != self.then


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """The consequences of approving, and whether this account may."""

    lines: list[Line]
    may: bool
    may_decline: bool
    address: str = ""
    """Where it is seen once it is carried out."""
    ladders: list[Ladder] = []
    open_alerts: int = 0
    """Alerts of the resident that are open, and keep the ladder that they climb."""
    until: dt.date | None = None
    """The last day on which a ladder by grade is taken without a newer assessment."""


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
            address = f"/care/residents/{one.resident}/assessments"
            grade, until = _graded(conn, one)
            return Outlook(
                lines=[], address=address, may=all(may_do(account, action) for action in NEEDS[one.kind]),
                may_decline=may_do(account, Action.APPROVE_PROPOSALS), until=until,
                ladders=ladders(conn, one.resident_id, grade, until, one.assessment_id),
                open_alerts=open_alerts(conn, one.resident_id),
            )  # fmt: skip
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
            _set_ladder(conn, account, one, because, at, origin)

    proposals.approve(conn, account, number, seen, note, at, origin, carry)


def _set_ladder(
    conn: Connection[Any], account: Account, one: Proposal, because: str, at: dt.datetime, origin: str
) -> None:
    """Put the ladder of the grade in force for the resident, or take it back."""
    grade, until = _graded(conn, one)
    if grade is None or until is None:
        standing.withdraw(conn, account, one.resident_id, because, at, origin)
        return
    if until < at.astimezone(SHANGHAI).date():
        raise ProvisioningError(
            en=f"the assessment was due again on {until}: its grade is not known to hold any more; assess anew first",
            zh=f"这次评估已于 {until} 到期，等级不再有效，请先重新评估",
        )
    standing.approve(conn, account, one.resident_id, grade, until, one.assessment_id, because, at, origin)


def _graded(conn: Connection[Any], one: Proposal) -> tuple[Grade | None, dt.date | None]:
    """The grade whose ladder is proposed and the last day of its assessment; None: the ordinary ladder."""
    if one.content == proposals.ORDINARY:
        return None, None
    row = conn.execute("SELECT grade, due_on FROM assessment WHERE id = %s", (one.assessment_id,)).fetchone()
    return row if row is not None else (None, None)


def ladders(
    conn: Connection[Any], resident_id: int, grade: Grade | None, until: dt.date | None, assessment: int
) -> list[Ladder]:
    """The ladders of a resident as they are now, and as they would be with an approved grade (None: without)."""
    is_now = standing.of_resident(conn, resident_id)
    if is_now is None:
        return []
    act: standing.Act = "approved" if grade else "withdrawn"
    then = msgspec.structs.replace(is_now, grade=grade, until=until, act=act, assessment=assessment)
    return ladders_of(conn, resident_id, is_now, then)


def ladders_of(conn: Connection[Any], resident_id: int, is_now: Standing, then: Standing) -> list[Ladder]:
    """The ladders of a resident with one standing and with another, for each severity that has one by grade."""
    now = dt.datetime.now(dt.UTC)
    row = conn.execute("SELECT household_id FROM resident WHERE id = %s", (resident_id,)).fetchone()
    if row is None:
        return []
    found = []
    for severity in SEVERITIES:
        before = store.chosen_with(conn, severity, row[0], now, lambda: [is_now])
        after = store.chosen_with(conn, severity, row[0], now, lambda: [then])
        if before.ground is None and after.ground is None:
            continue  # no ladder by grade is set up for this severity
        noted = by_grade.read(msgspec.json.decode(after.noted() or "null"))
        found.append(
            Ladder(
                severity=SEVERITY_WORDS[severity], now=(before.policy.name_zh, before.policy.name_en),
                then=(after.policy.name_zh, after.policy.name_en),
                pairs=[one for one in pairs(before.policy, after.policy)[1:] if one.changed],
                why=by_grade.words(noted) if noted is not None else ("", ""),
            )
        )  # fmt: skip
    return found


def others_at_home(conn: Connection[Any], resident_id: int) -> int:
    """How many other residents live in the home: an alert of the home takes the worst approved grade of them all."""
    row = conn.execute(
        "SELECT count(*) FROM resident o JOIN resident me ON me.household_id = o.household_id"
        " JOIN household h ON h.id = me.household_id AND NOT h.synthetic"
        " WHERE me.id = %s AND o.id <> me.id AND o.gone IS NULL",
        (resident_id,),
    ).fetchone()
    return row[0] if row else 0


def open_alerts(conn: Connection[Any], resident_id: int) -> int:
    """The resident's open alerts: they keep the ladder that they climb."""
    row = conn.execute(
        "SELECT count(*) FROM alert WHERE resident_id = %s AND state NOT IN ('resolved', 'cancelled', 'cleared')",
        (resident_id,),
    ).fetchone()
    return row[0] if row else 0
