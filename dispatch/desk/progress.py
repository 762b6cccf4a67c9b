"""Show the ladder of one alert: the people called on each step, the next step and its time."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import class_row

from care_network.ability.standing import of_alert
from care_network.duty.roster import KIND_WORDS
from dispatch.ladders import by_grade
from dispatch.ladders.ladder import CLOSED
from dispatch.ladders.policy import (
    FamilyTarget,
    OnDutyTarget,
    OrganisationTarget,
    Policy,
    PolicyError,
    ServiceTarget,
    StepTarget,
    decode,
    holds,
)

StepState = Literal["told", "next", "later", "nobody"]
Rest = Literal["climbs", "paused", "held", "resting", "ended", "closed", "merged"]


class StepRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is called on a step of a round."""

    step: int
    round: int
    state: str
    """Of ``notification``: waiting, sent, delivered, failed, withdrawn, acknowledged."""
    at: dt.datetime
    """Time of the state."""
    kind: str
    key: str
    name_zh: str
    name_en: str
    channel: str
    """Empty: no message was made yet."""
    instead: bool
    """Whether they are called in place of somebody who could not be reached."""


class StepProgress(msgspec.Struct, frozen=True):
    """A step of the round that is under way."""

    state: StepState
    after_s: float
    targets_zh: str
    targets_en: str
    people: tuple[StepRecipient, ...]


class SpokenTo(msgspec.Struct, frozen=True):
    """An answered call to the resident."""

    at: dt.datetime
    answer: str | None
    """``clear``, ``unclear`` or ``help``; None: not asked."""
    actor: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of an alert, the steps of its present round, and what comes next."""

    name_zh: str
    name_en: str
    round: int
    """From 1, since the ladder of this severity began."""
    steps: tuple[StepProgress, ...]
    rest: Rest
    """``held``: somebody has it, and it is called out again at ``next_at``; ``paused``: the resident was spoken to, and
    it climbs on at ``next_at``; ``resting``: a technical one until then; ``ended``: no round is left; ``merged``: its
    lead calls."""
    next_step: int | None
    """From 1; None: nothing is due."""
    next_at: dt.datetime | None
    next_zh: str = ""
    """The people of the next step."""
    next_en: str = ""
    why_zh: str = ""
    """Why this ladder, by the ability grade; empty: there was nothing to choose between."""
    why_en: str = ""
    spoken: SpokenTo | None = None
    """The last call that the resident answered: from then on nobody may say that nobody answered."""


def progress(conn: psycopg.Connection[Any], alert_id: UUID) -> Progress | None:
    """Load the ladder of one alert; None for one that is not there, or has no policy that can be read yet."""
    row = conn.execute(
        """
        SELECT policy, state, step, round, first_round, next_step_at, merged_into IS NOT NULL,
               snoozed_until IS NOT NULL, calls_paused_until > clock_timestamp(), ladder_choice, household_id,
               resident_id FROM alert WHERE id = %s
        """,
        (alert_id,),
    ).fetchone()
    if row is None or row[0] is None:
        return None
    value, state, step, round, first_round, next_at, merged, rests, paused, choice, household, resident = row
    try:
        policy = decode(value)
    except PolicyError:
        return None  # the sweeper replaces it, and says so in its log
    with conn.cursor(row_factory=class_row(StepRecipient)) as cursor:
        people = cursor.execute(_PEOPLE, (alert_id,)).fetchall()
    shown = show(policy, state, step, round, next_at, people, first_round)
    rest: Rest = shown.rest
    if rest != "closed":
        rest = "merged" if merged else "resting" if rests else "paused" if paused and rest == "climbs" else rest
    with conn.cursor(row_factory=class_row(SpokenTo)) as cursor:
        spoken = cursor.execute(_SPOKEN, (alert_id,)).fetchone()
    why = _why(conn, by_grade.read(choice), household, resident) if choice is not None else ("", "")
    return msgspec.structs.replace(
        shown, rest=rest, spoken=spoken, next_at=None if rest == "merged" else shown.next_at, why_zh=why[0],
        why_en=why[1],
    )  # fmt: skip


def _why(
    conn: psycopg.Connection[Any], choice: by_grade.Choice | None, household: int, resident: int | None
) -> tuple[str, str]:
    """The ground of the choice, and whether the grade is another by now: the alert keeps its ladder all the same."""
    if choice is None:
        return "", ""
    zh, en = by_grade.words(choice)
    now = {one.grade for one in of_alert(conn, household, resident)}
    if choice.ground in ("grade", "home", "kept") and choice.grade not in now:
        zh += "；此后等级已变更，本预警沿用升起时的策略"
        en += "; the grade was changed since, and this alert keeps the ladder that it began with"
    return zh, en


def show(
    policy: Policy,
    state: str,
    step: int,
    round: int,
    next_at: dt.datetime | None,
    people: Sequence[StepRecipient],
    first_round: int = 0,
) -> Progress:
    """Describe a ladder. Pure; ``step``, ``round`` and ``first_round`` (in which this ladder began) from 0 as in the
    alert's row."""
    # Between two rounds the one that is over is shown, with the people who were called in it.
    shown = round - 1 if step == 0 and round > first_round and not any(one.round == round for one in people) else round
    by_step: dict[int, list[StepRecipient]] = defaultdict(list)
    for one in people:
        if one.round == shown:
            by_step[one.step - 1].append(one)
    rest: Rest = "climbs"
    if state in CLOSED:
        rest = "closed"
    elif holds(policy, state):
        rest = "held"
    elif next_at is None:
        rest = "ended"
    climbs = rest == "climbs"
    past = step if shown == round else len(policy.steps)

    def state_of(number: int) -> StepState:
        if by_step[number]:
            return "told"
        if climbs and shown == round and number == step:
            return "next"
        return "nobody" if number < past else "later"

    steps = tuple(
        StepProgress(
            state_of(number), one.after_s, "、".join(zh for zh, _ in words), ", ".join(en for _, en in words),
            tuple(by_step[number]),
        )
        for number, one in enumerate(policy.steps)
        if (words := [target_words(target) for target in one.targets])
    )  # fmt: skip
    coming = steps[step] if climbs and step < len(steps) else None
    return Progress(
        name_zh=policy.name_zh,
        name_en=policy.name_en,
        round=shown - first_round + 1,
        steps=steps,
        rest=rest,
        next_step=step + 1 if climbs else None,
        next_at=None if rest in ("closed", "ended") else next_at,
        next_zh=coming.targets_zh if coming else "",
        next_en=coming.targets_en if coming else "",
    )


def target_words(target: StepTarget) -> tuple[str, str]:
    """Name the people whom a target stands for, in Chinese and in English."""
    match target:
        case OnDutyTarget(kinds=kinds, most=most):
            zh, en = _kinds(kinds)
            return f"{zh}在班人员" + (f"（至多 {most} 人）" if most else ""), f"on duty at the {en}" + (
                f" (at most {most})" if most else ""
            )
        case OrganisationTarget(kinds=kinds):
            zh, en = _kinds(kinds)
            return f"{zh}值班台", f"desk of the {en}"
        case FamilyTarget(first=first, most=most):
            last = first + most - 1
            which = f"{first}" if last == first else f"{first}–{last}"
            return f"家属第 {which} 位", f"family member {which}"
        case ServiceTarget(key=key):
            return key, key


def _kinds(kinds: Sequence[str]) -> tuple[str, str]:
    words = [KIND_WORDS.get(kind, (kind, kind)) for kind in kinds]
    return "/".join(zh for zh, _ in words), ", ".join(en for _, en in words)


_PEOPLE = """
    SELECT n.step, n.round, n.state, coalesce(n.settled_at, n.at) AS at, n.recipient_kind AS kind,
           n.recipient_key AS key, coalesce(m.name_zh, n.recipient_key) AS name_zh,
           coalesce(m.name_en, n.recipient_key) AS name_en, coalesce(m.channel, '') AS channel,
           n.failover_of IS NOT NULL AS instead
    FROM notification n LEFT JOIN message m ON m.id = n.message_id
    WHERE n.alert_id = %s AND n.reason = 'escalation' ORDER BY n.id
"""
_SPOKEN = """
    SELECT c.answered_at AS at, c.answer, c.actor FROM call_attempt c
    WHERE c.alert_id = %s AND c.called_kind = 'resident' AND c.answered_at IS NOT NULL
    ORDER BY c.answered_at DESC LIMIT 1
"""
