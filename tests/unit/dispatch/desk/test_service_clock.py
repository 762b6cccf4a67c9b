"""The bar of four segments, and the nearest clock of a line of the queue."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from dispatch.desk.clock import AlertClock, next_call, next_target, segments
from dispatch.ladders.policy import FamilyTarget, Step
from dispatch.sla.clock import HistoryEntry, Story

AT = dt.datetime(2026, 11, 29, 18, 0, tzinfo=dt.UTC)


def story(*entries: tuple[int, str], severity: str = "emergency") -> Story:
    history = tuple(HistoryEntry(AT + dt.timedelta(seconds=s), action) for s, action in entries)
    return Story(alert_id="a", severity=severity, raised_at=AT, history=history)


def states(now_s: int, *entries: tuple[int, str], severity: str = "emergency") -> list[str]:
    return [part.state for part in segments(story(*entries, severity=severity), AT + dt.timedelta(seconds=now_s))]


def test_the_first_segment_runs_until_somebody_takes_it() -> None:
    assert states(30) == ["running", "not_begun", "not_begun", "not_begun"]
    assert states(61) == ["missed", "running", "not_begun", "not_begun"]
    assert states(90, (70, "acknowledge")) == ["late", "running", "not_begun", "not_begun"]
    assert states(90, (20, "acknowledge"), (50, "arrive")) == ["done", "done", "done", "running"]
    assert states(999, (20, "acknowledge"), (50, "resolve")) == ["done", "not_needed", "not_needed", "done"]
    assert states(60, severity="technical") == ["running", "not_needed", "not_needed", "not_begun"]


def test_an_alert_that_was_opened_again_runs_again() -> None:
    ended = ((20, "acknowledge"), (50, "resolve"), (100, "reopen"))
    assert states(110, *ended) == ["done", "running", "not_begun", "not_begun"]


def test_the_nearest_clock_is_a_missed_target_before_the_next_call() -> None:
    call = next_call("raised", "acknowledged", Step(20.0, (FamilyTarget(),)), AT + dt.timedelta(seconds=80), 3)
    assert call is not None
    assert (call.kind, call.zh) == ("call", "家属第 1 位")
    early = next_target(segments(story(), AT + dt.timedelta(seconds=10)))
    late = next_target(segments(story(), AT + dt.timedelta(seconds=70)))
    assert early is not None
    assert late is not None
    assert AlertClock(segments=(), target=early, call=call).nearest == early
    assert AlertClock(segments=(), target=late, call=call).nearest == late
    assert late.over
    assert AlertClock(segments=(), target=None, call=None).nearest is None
    held = next_call("acknowledged", "acknowledged", None, AT, 1)
    assert held is not None
    assert held.kind == "call_again"
    assert next_call("resolved", "acknowledged", None, AT, 1) is None


ACTIONS = st.sampled_from(["acknowledge", "respond", "arrive", "resolve", "cancel", "clear", "reopen", "undo", "note"])


@given(st.lists(st.tuples(st.integers(0, 9000), ACTIONS), max_size=8), st.integers(0, 10_000))
def test_at_most_one_segment_runs_and_every_state_has_its_times(entries: list[tuple[int, str]], now_s: int) -> None:
    parts = segments(story(*sorted(entries)), AT + dt.timedelta(seconds=now_s))
    assert sum(part.state == "running" for part in parts) <= 1
    for part in parts:
        assert (part.done_at is not None) == (part.state in ("done", "late"))
        assert part.due_at is not None or part.state in ("not_needed", "done")
