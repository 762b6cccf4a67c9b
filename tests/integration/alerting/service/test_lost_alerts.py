"""An alert whose row is lost with the database comes back: after a restore, with alerting restarted or in two."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from alerting.service.writer import RULE_RESTORED
from tests.integration.alerting.service.test_alerting_robust import alerting, counted
from tests.integration.alerting.service.test_alerting_service import GATEWAY, Desk
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.services import wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("broker", ["nats"], indirect=True),
]
ALERTS = (
    "SELECT id::text, rule, severity, state, next_step_at IS NOT NULL FROM alert WHERE rule IN ('fall', 'sos', 'gas')"
    " ORDER BY 1"
)
HISTORY = (
    "SELECT alert_id::text, action, count(*) FROM alert_event JOIN alert a ON a.id = alert_id"
    " WHERE action <> 'note' AND rule IN ('fall', 'sos', 'gas') GROUP BY 1, 2 ORDER BY 1, 2"
)
OF_THE_LOSS = f"SELECT severity, state FROM alert WHERE rule = '{RULE_RESTORED}'"


def test_no_alert_is_missing_after_a_restore(broker: TestBroker, postgres: TestPostgres, tmp_path: Path) -> None:
    url, copy = postgres.url, tmp_path / "copy"
    add_homes(url, [GATEWAY])
    desk = Desk(broker)
    with ExitStack() as stack:
        first, second = (alerting(stack, broker, tmp_path, url, f"alerting-{n}") for n in range(2))
        fall_at = desk.report("fall_suspected")
        desk.report("gas_detected", "radar")
        wait_for(lambda: len(counted(url, ALERTS)) == 2, 30, first.log)
        postgres.back_up(copy)

        desk.report("fall_recovered", time_us=fall_at)  # a change of an alert that the copy has
        desk.report("sos_pressed", "sos-button")
        later_at = desk.report("fall_suspected", time_us=fall_at + 300_000_000)
        desk.report("fall_confirmed", time_us=later_at)  # a lost alert that has changed
        told = {"cleared": 1, "raised": 3}
        wait_for(lambda: tally(url) == told, 40, lambda: f"{counted(url, ALERTS)} {first.log()}")
        wait_for(lambda: ("emergency" in str(counted(url, ALERTS))) and tally(url) == told, 30, second.log)
        before, history = counted(url, ALERTS), counted(url, HISTORY)

        first.stop()
        postgres.restore(copy)
        assert len(counted(url, ALERTS)) in (2, 4)  # the second may have been quick
        first.start()
        wait_for(lambda: counted(url, ALERTS) == before, 40, lambda: f"{counted(url, ALERTS)} {second.log()}")
        wait_for(lambda: counted(url, HISTORY) == history, 20, lambda: f"{counted(url, HISTORY)} {history}")
        wait_for(lambda: counted(url, OF_THE_LOSS) == [("technical", "raised")], 20, second.log)

        # the same again for one that starts alone, of whose memory the spool's folder is all that is left
        first.stop()
        second.stop()
        postgres.restore(copy)
        for engine in (tmp_path / "alerting-0" / "alerting").glob("engine-*"):
            engine.unlink()
        first.start()
        wait_for(lambda: counted(url, ALERTS) == before, 40, lambda: f"{counted(url, ALERTS)} {first.log()}")
        notes = (
            "SELECT rule FROM alert a JOIN alert_event e ON e.alert_id = a.id"
            " WHERE note_en LIKE 'The database had lost this alert%' AND rule IN ('fall', 'sos', 'gas') ORDER BY 1"
        )
        wait_for(lambda: counted(url, notes) == [("fall",), ("sos",)], 20, first.log)
    desk.stop()


def tally(url: str) -> dict[str, int]:
    states: dict[str, int] = {}
    for _, _, _, state, _ in counted(url, ALERTS):
        states[str(state)] = states.get(str(state), 0) + 1
    return states
