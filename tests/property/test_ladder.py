"""The ladder on a real database against a model of it: no step lost or repeated, whatever people do and workers suffer.

Deadlines are moved instead of waited for; the model knows delays of tens of seconds, so that what the test itself takes
changes nothing.
"""

import uuid

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dispatch.alerts import lifecycle
from dispatch.alerts.states import TRANSITIONS, AlertAction, LifecycleError
from dispatch.core.history import Actor
from dispatch.escalation.sweeper import Sweeper
from tests.support.ladders import build_duty, ladder, raise_one, told, use

pytestmark = pytest.mark.integration

DELAYS = (0, 20, 30)
REPEAT, ACKNOWLEDGED, RESPONDING = 40, 50, 60
WHO = (["B1"], ["C1"], ["D1", "district", "R1/0755-00081"])
ANYONE = Actor(None, "某", "test")


class Model:
    """One alert as the text of docs/escalation.md has it."""

    def __init__(self) -> None:
        self.state, self.step, self.round = "raised", 0, 0
        self.left: int | None = DELAYS[0]
        self.told: list[tuple[int, int, str]] = []

    def sweep(self) -> None:
        while self.left is not None and self.left <= 0:
            if self.state in ("acknowledged", "responding"):
                self.state, self.step, self.round, self.left = "raised", 0, self.round + 1, 0
                continue
            self.told += [(self.round, self.step + 1, who) for who in WHO[self.step]]
            self.step += 1
            if self.step < len(DELAYS):
                self.left = DELAYS[self.step]
            else:
                self.step, self.round, self.left = 0, self.round + 1, REPEAT

    def reach(self, state: str) -> None:
        self.state = state
        self.left = {"acknowledged": ACKNOWLEDGED, "responding": RESPONDING}.get(state)


class Ladders(RuleBasedStateMachine):
    url = ""
    alerts = Bundle("alerts")

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[uuid.UUID, Model] = {}

    @initialize()
    def connect(self) -> None:
        self.conn = psycopg.connect(self.url, autocommit=True)
        self.conn.execute("DELETE FROM notification; UPDATE alert SET next_step_at = NULL")
        self.sweepers = [Sweeper(self.conn), Sweeper(self.conn)]

    @rule(target=alerts)
    def raised(self) -> uuid.UUID:
        alert = raise_one(self.conn, str(uuid.uuid4()))
        self.models[alert] = Model()
        return alert

    @rule(seconds=st.sampled_from([10, 20, 30, 40, 50]))
    def time_passes(self, seconds: int) -> None:
        self.conn.execute("UPDATE alert SET next_step_at = next_step_at - make_interval(secs => %s)", (seconds,))
        for model in self.models.values():
            model.left = None if model.left is None else model.left - seconds

    @rule(worker=st.sampled_from([0, 1]))
    def swept(self, worker: int) -> None:
        while self.sweepers[worker].sweep():
            pass
        for model in self.models.values():
            model.sweep()

    @rule()
    def killed_while_sweeping(self) -> None:
        with self.conn.transaction(force_rollback=True):
            self.sweepers[0].sweep()

    @rule(alert=alerts, action=st.sampled_from(["acknowledge", "respond", "arrive", "resolve", "note"]))
    def person_acts(self, alert: uuid.UUID, action: AlertAction) -> None:
        model = self.models[alert]
        now = self.conn.execute("SELECT clock_timestamp()").fetchone()
        version = self.conn.execute("SELECT version FROM alert WHERE id = %s", (alert,)).fetchone()
        assert now is not None
        assert version is not None
        sources, target = TRANSITIONS[action]
        if model.state not in sources:
            with pytest.raises(LifecycleError):
                lifecycle.act(self.conn, alert, action, ANYONE, now[0], expected_version=version[0], outcome="test")
            return
        lifecycle.act(self.conn, alert, action, ANYONE, now[0], expected_version=version[0], outcome="test")
        if target is not None or model.state != "raised":
            model.reach(target or model.state)

    @rule(alert=alerts, action=st.sampled_from(["clear", "cancel", "note"]))
    def it_is_over(self, alert: uuid.UUID, action: AlertAction) -> None:
        model = self.models[alert]
        now = self.conn.execute("SELECT clock_timestamp()").fetchone()
        assert now is not None
        lifecycle.follow_up(self.conn, alert, action, now[0], "")
        sources, target = TRANSITIONS[action]
        if target is not None and model.state in sources:
            model.reach(target)

    @invariant()
    def as_the_model(self) -> None:
        for alert, model in self.models.items():
            assert told(self.conn, alert) == model.told
            row = self.conn.execute(
                "SELECT state, step, round, extract(epoch FROM next_step_at - clock_timestamp())::float8 FROM alert"
                " WHERE id = %s",
                (alert,),
            ).fetchone()
            assert row is not None
            assert row[0] == model.state
            assert (row[3] is None) == (model.left is None)
            if model.left is not None:
                assert row[1:3] == (model.step, model.round)
                assert model.left - 9 < row[3] <= model.left + 0.001

    def teardown(self) -> None:
        if hasattr(self, "conn"):
            self.conn.close()


def test_no_step_is_lost_or_repeated(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_duty(conn)
        use(conn, ladder(DELAYS, repeat_after_s=REPEAT, acknowledged_s=ACKNOWLEDGED, responding_s=RESPONDING))
    machine = type("LaddersHere", (Ladders,), {"url": database_url})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
