"""Whatever people and the system do to alerts, in any order: no emergency is without ladder or owner, none is lost."""

import contextlib
import datetime as dt
import uuid
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dispatch.alerts import lifecycle, lookup
from dispatch.alerts.lifecycle import NewAlert
from dispatch.alerts.states import CLOSED, AlertAction, LifecycleError
from dispatch.core.history import Actor
from dispatch.desk import merging
from dispatch.desk.steps import StepDetails, take_step
from dispatch.escalation.sweeper import Sweeper
from dispatch.ladders.policy import HELD
from tests.support.orders import raise_alert, staff_city
from vocabulary.alert_state import OPEN
from vocabulary.severity import GRAVE, RANK, SEVERITIES

pytestmark = pytest.mark.integration

PEOPLE = (Actor(None, "周敏", "desk"), Actor(None, "杨敏", "link"))
STEPS: tuple[AlertAction, ...] = (
    "acknowledge", "respond", "arrive", "resolve", "cancel", "note", "own", "step", "unmerge", "snooze", "reopen",
    "undo",
)  # fmt: skip
RULES = {"emergency": "fall", "urgent": "bed_exit", "attention": "missed_morning", "technical": "device_silent"}


def machine(conn: psycopg.Connection[Any]) -> type[RuleBasedStateMachine]:
    class Alerts(RuleBasedStateMachine):
        alerts = Bundle("alerts")

        def __init__(self) -> None:
            super().__init__()
            self.mine: list[uuid.UUID] = []
            self.closed_by_people: set[uuid.UUID] = set()

        def row(self, alert: uuid.UUID) -> dict[str, Any]:
            found = lookup.load(conn, alert)
            assert found is not None
            return found

        @rule(target=alerts, severity=st.sampled_from(SEVERITIES))
        def something_happens(self, severity: str) -> uuid.UUID:
            alert = raise_alert(conn, dt.datetime.now(dt.UTC), severity, RULES[severity])
            self.mine.append(alert)
            return alert

        @rule(alert=alerts, step=st.sampled_from(STEPS), who=st.sampled_from(PEOPLE), stale=st.booleans())
        def somebody_acts(self, alert: uuid.UUID, step: AlertAction, who: Actor, stale: bool) -> None:
            before = self.row(alert)
            details = StepDetails(outcome="test", note="写", span="8h", number=1)
            version = before["version"] - stale
            try:
                take_step(conn, alert, step, who, dt.datetime.now(dt.UTC), expected_version=version, details=details)
            except LifecycleError:
                assert self.row(alert) == before, "a refusal changes nothing"
            else:
                assert not stale

        @rule(alert=alerts, who=st.sampled_from(PEOPLE), number=st.integers(0, 5))
        def somebody_merges(self, alert: uuid.UUID, who: Actor, number: int) -> None:
            offers = [one for one in merging.offers(conn, alert) if one.alert_id in self.mine]
            if offers:
                other, before = offers[number % len(offers)], self.row(alert)
                lead = merging.merge(
                    conn, alert, other.alert_id, who, dt.datetime.now(dt.UTC), expected_version=before["version"]
                )
                assert RANK[self.row(lead)["severity"]] == min(RANK[before["severity"]], RANK[other.severity])

        @rule(alert=alerts, wanted=st.sampled_from(("clear", "cancel", "end", "note", "again")))
        def the_system_learns(self, alert: uuid.UUID, wanted: Any) -> None:
            before = self.row(alert)
            lifecycle.follow_up(conn, alert, wanted, dt.datetime.now(dt.UTC), "")
            if before["state"] in HELD or before["merged_into"] or before["merged"]:
                after = self.row(alert)
                assert after["state"] == before["state"] or wanted == "cancel"

        @rule(alert=alerts, severity=st.sampled_from(("emergency", "urgent")))
        def it_becomes_graver(self, alert: uuid.UUID, severity: str) -> None:
            before, at = self.row(alert), dt.datetime.now(dt.UTC)
            if RANK[severity] < RANK[before["severity"]]:
                lifecycle.update_alert(
                    conn,
                    NewAlert(
                        id=alert, rule=before["rule"], rule_version=1, severity=severity, subject="", resident_id=None,
                        household_id=before["household_id"], onset=at, sensed_at=at, received_at=at, raised_at=at,
                        reason_zh="加重", reason_en="graver", evidence={},
                    ),
                )  # fmt: skip

        @rule()
        def time_passes(self) -> None:
            conn.execute(
                "UPDATE alert SET next_step_at = clock_timestamp() - interval '1 s' WHERE next_step_at IS NOT NULL"
            )
            with contextlib.suppress(psycopg.errors.SerializationFailure):
                Sweeper(conn).sweep()

        @invariant()
        def no_alert_is_lost(self) -> None:
            rows = conn.execute(
                "SELECT id, state, severity, owner_zh, next_step_at IS NOT NULL, merged_into, closed_at IS NOT NULL,"
                " snoozed_until IS NOT NULL FROM alert WHERE id = ANY(%s)",
                (self.mine,),
            ).fetchall()
            by_id = {row[0]: row for row in rows}
            assert len(by_id) == len(self.mine)
            for alert, state, severity, owner, calls, lead, closed, rests in rows:
                assert closed == (state in CLOSED)
                assert not rests or (severity == "technical" and state in OPEN)
                if state in CLOSED:
                    assert not calls
                elif lead is not None:
                    assert not calls
                    assert by_id[lead][5] is None, "a lead follows nobody"
                    assert by_id[lead][1] == state
                    assert RANK[by_id[lead][2]] <= RANK[severity], "never milder than any of its alerts"
                elif state in HELD:
                    assert owner, alert
                elif severity in GRAVE or rests:
                    assert calls, f"{severity} {alert} waits and calls nobody"

    return Alerts


def test_no_open_emergency_is_ever_without_ladder_or_owner(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        staff_city(conn)
        run_state_machine_as_test(
            machine(conn),
            settings=settings(
                max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
