"""Climb the ladders: claim due steps, notify their people, set the next deadlines; all in one transaction.

A worker that is killed loses its transaction, so that the step is due again, for the next sweep of any worker; one that
has committed has moved the deadline, so that no step is done twice. Any number of workers share the load: a row that
one has locked is skipped by the others.
"""

import datetime as dt
import time
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg.rows import class_row

from care_network.duty.loading import load_roster
from care_network.duty.roster import Roster
from care_network.records.contacts import family_of
from dispatch.alerts import lifecycle, snoozing
from dispatch.channels import notifications
from dispatch.core import history
from dispatch.ladders import ladder
from dispatch.ladders.people import Addressee, addressees
from dispatch.ladders.policy import FamilyTarget, Move, Policy, holds, next_move
from observability import metrics
from vocabulary.synthetic import is_synthetic

log = structlog.get_logger(__name__)

BATCH = 10
"""Ladders in one transaction: few, so that the first of a storm does not wait for the last."""
ROSTER_S = 5.0
"""Greatest age of the roster by which somebody is called."""
ROSTER_SPAN = dt.timedelta(hours=1)
PUT_OFF_S = 15.0
"""Pause before a step that failed is tried again; the others go on."""


class DueLadder(msgspec.Struct, frozen=True, kw_only=True):
    """A ladder whose next step is due."""

    id: UUID
    state: str
    step: int
    round: int
    first_round: int
    """The round in which the present ladder began."""
    household_id: int
    resident_id: int | None
    place: str
    due_at: dt.datetime
    now: dt.datetime
    rests: bool
    """Whether it is the end of its rest that is due."""


_CLAIM = """
    WITH due AS MATERIALIZED (
        SELECT id, next_step_at FROM alert WHERE next_step_at <= clock_timestamp()
        ORDER BY next_step_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    UPDATE alert a SET next_step_at = NULL
    FROM due, household h, area ar
    WHERE a.id = due.id AND a.next_step_at <= clock_timestamp() AND h.id = a.household_id AND ar.id = h.area_id
    RETURNING a.id, a.state, a.step, a.round, a.first_round, a.household_id, a.resident_id, ar.path::text AS place,
              due.next_step_at AS due_at, clock_timestamp() AS now,
              a.snoozed_until IS NOT NULL AS rests
"""
"""The claim: the worker that gets the row has the step, and gives it back by rolling back."""


class Sweeper:
    """The sweeps of one worker. ``steps``: number of steps done; ``latest_s``: greatest delay in the last sweep."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn
        self._roster: Roster | None = None
        self._roster_at = 0.0
        self.steps = 0
        self.latest_s = 0.0

    def sweep(self) -> int:
        """Do due steps, the longest overdue first, at most BATCH; gives their number.

        Raises psycopg.OperationalError while the database is away: nothing of the batch is done then.
        """
        with self._conn.transaction():
            with self._conn.cursor(row_factory=class_row(DueLadder)) as cursor:
                claimed = sorted(cursor.execute(_CLAIM, (BATCH,)).fetchall(), key=lambda due: due.due_at)
            for due in claimed:
                self._do(due)
        self.steps += len(claimed)
        if claimed:
            self.latest_s = max((due.now - due.due_at).total_seconds() for due in claimed)
        return len(claimed)

    def _do(self, due: DueLadder) -> None:
        try:
            with self._conn.transaction():
                self._climb(due)
        except psycopg.OperationalError:
            raise  # the database is going away: the whole batch is given back
        except Exception as error:  # one that cannot be climbed must not stop the others
            log.error("a step is put off", alert_id=str(due.id), step=due.step + 1, error=str(error), again_s=PUT_OFF_S)
            ladder.set_next_step(self._conn, due.id, Move(due.step, due.round, PUT_OFF_S))

    def _climb(self, due: DueLadder) -> None:
        if due.state in ladder.CLOSED:
            return
        if due.rests:
            snoozing.wake(self._conn, due.id, due.now)
            return
        policy = ladder.load_policy(self._conn, due.id)
        if holds(policy, due.state):
            zh, en = span(policy.acknowledged_s if due.state == "acknowledged" else policy.responding_s)
            lifecycle.lapse(
                self._conn,
                due.id,
                due.now,
                f"{zh}内无进展，重新呼叫",
                f"no progress within {en}, called out again",
            )
            return
        if due.step >= len(policy.steps):
            # The copy was replaced by a shorter ladder.
            ladder.set_next_step(self._conn, due.id, Move(0, due.round + 1, 0.0))
            return
        step, people, passed = self._reach(policy, due)
        if people:
            notifications.enqueue(
                self._conn,
                alert_id=due.id,
                step=step + 1,
                round=due.round,
                recipients=[one.recipient for one in people],
                reason="escalation",
                at=due.now,
            )
        history.record(
            self._conn, [due.id], due.now, "call_out", *_words(step, due.round - due.first_round, people, passed)
        )
        move = next_move(policy, step, due.round - due.first_round)
        move = msgspec.structs.replace(move, round=move.round + due.first_round)
        ladder.set_next_step(self._conn, due.id, move)
        if not is_synthetic(due.place):
            metrics.steps.inc()
            metrics.step_late_seconds.observe(max(0.0, (due.now - due.due_at).total_seconds()))
        log.info(
            "step", alert_id=str(due.id), step=step + 1, round=due.round, told=len(people), next_s=move.delay_s,
            late_s=round((due.now - due.due_at).total_seconds(), 3),
        )  # fmt: skip
        if move.delay_s is None and not is_synthetic(due.place):
            log.warning("the ladder has ended without an answer", alert_id=str(due.id), rounds=move.round)

    def _reach(self, policy: Policy, due: DueLadder) -> tuple[int, tuple[Addressee, ...], list[int]]:
        """Find the first step from here on with people; gives it, its people, and the steps passed over.

        The last step of the round where there is nobody at all."""
        roster = self._current_roster(due.now)
        passed: list[int] = []
        for step in range(due.step, len(policy.steps)):
            wants_family = any(isinstance(target, FamilyTarget) for target in policy.steps[step].targets)
            family = family_of(self._conn, due.household_id, due.resident_id, due.now) if wants_family else ()
            people = addressees(policy.steps[step], roster, due.place, family, due.now)
            if people:
                return step, people, passed
            passed.append(step)
        log.error("nobody is there on the rest of the ladder", alert_id=str(due.id), place=due.place)
        return passed.pop(), (), passed

    def _current_roster(self, now: dt.datetime) -> Roster:
        old = time.monotonic() - self._roster_at > ROSTER_S
        if self._roster is None or old or not self._roster.since <= now < self._roster.until:
            self._roster = load_roster(self._conn, now - ROSTER_SPAN, now + ROSTER_SPAN)
            self._roster_at = time.monotonic()
        return self._roster


def span(seconds: float) -> tuple[str, str]:
    """A span in words, in Chinese and English: seconds below two minutes, else minutes."""
    if seconds < 120:
        return f"{seconds:.0f} 秒", f"{seconds:.0f} s"
    return f"{round(seconds / 60, 1):g} 分钟", f"{round(seconds / 60, 1):g} min"


def _words(step: int, round: int, people: tuple[Addressee, ...], passed: list[int]) -> tuple[str, str]:
    """Describe a step for the alert's history, in Chinese and in English."""
    zh = "".join(f"第 {number + 1} 级无人值班；" for number in passed)
    en = "".join(f"nobody on step {number + 1}; " for number in passed)
    zh += f"第 {step + 1} 级" + (f"（第 {round + 1} 轮）" if round else "")
    en += f"step {step + 1}" + (f" (round {round + 1})" if round else "")
    if not people:
        return f"{zh}无人值班", f"{en}: nobody is there"
    return f"{zh}通知 " + "、".join(one.name_zh for one in people), f"{en}: " + "; ".join(one.name_en for one in people)
