"""When a desk has more than it can take in."""

import datetime as dt
from typing import Any

from dispatch.core.notice import AlertNotice
from dispatch.desk.flood import state

NOW = dt.datetime(2026, 11, 29, 18, 0, tzinfo=dt.UTC)
NOW_US = round(NOW.timestamp() * 1e6)


def alert(age_s: float, **more: Any) -> AlertNotice:
    raised = NOW_US - round(age_s * 1e6)
    values: dict[str, Any] = dict.fromkeys(AlertNotice.__struct_fields__, "") | {
        "severity": "urgent", "state": "raised", "rule_version": 1, "version": 1, "household_id": 1,
        "resident_id": None, "onset_us": raised, "sensed_us": raised, "received_us": raised, "raised_us": raised,
        "evidence": {},
        "resident_age": None, "lives_alone": None, "owner_id": None, "merged_into": None, "merged": 0,
        "snoozed_us": None, "closed_us": None, "resident_sex": None, **more,
    }  # fmt: skip
    return AlertNotice(**values)


def test_more_than_ten_that_nobody_has_taken_are_a_flood() -> None:
    old = [alert(3600) for _ in range(10)]
    assert not state(old, NOW).active
    assert state([*old, alert(3600)], NOW).active
    assert not state([*old, alert(3600, state="acknowledged")], NOW).active
    assert not state([*old, alert(3600, severity="technical")], NOW).active
    assert not state([*old, alert(3600, merged_into="x")], NOW).active
    assert not state([*old, alert(3600, snoozed_us=NOW_US + 1)], NOW).active


def test_more_than_ten_within_ten_minutes_are_a_flood_whoever_has_them() -> None:
    fresh = [alert(60, state="acknowledged", severity="technical") for _ in range(11)]
    flood = state(fresh, NOW, desks=2)
    assert (flood.active, flood.waiting, flood.new, flood.per_desk) == (True, 0, 11, 5.5)
    assert not state([alert(601, state="acknowledged") for _ in range(11)], NOW).active
    assert state([], NOW, desks=0).per_desk == 0
