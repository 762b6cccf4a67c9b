"""The states of a service order, and that no sequence of steps leads out of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.errors import ChangedMeanwhileError
from care_services.home_services.orders.states import (
    DONE,
    LIVE,
    STATES,
    TRANSITIONS,
    WORDS,
    State,
    next_state,
    steps_from,
)


def test_a_visit_goes_from_the_plan_to_the_rating() -> None:
    state: State = "planned"
    for step in ("assign", "check_in", "check_out", "confirm"):
        state = next_state(state, step)  # type: ignore[arg-type]
    assert state == "confirmed"


@given(st.lists(st.sampled_from(sorted(TRANSITIONS)), max_size=30))
def test_whatever_is_pressed_what_was_done_is_never_undone(steps: list[str]) -> None:
    state: State = "planned"
    seen = []
    for step in steps:
        if step in steps_from(state):
            before, state = state, next_state(state, step)  # type: ignore[arg-type]
            assert before not in DONE or state in DONE
        else:
            with pytest.raises(ChangedMeanwhileError):
                next_state(state, step)  # type: ignore[arg-type]
        seen.append(state)
    assert set(seen) <= set(STATES)


def test_every_state_and_step_has_words_and_only_live_ones_are_begun() -> None:
    assert set(STATES) | set(TRANSITIONS) <= set(WORDS)
    assert {state for state in STATES if "check_out" in steps_from(state)} == {"checked_in"}
    assert all("cancel" in steps_from(state) for state in LIVE if state != "checked_in")
