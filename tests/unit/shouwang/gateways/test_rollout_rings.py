"""A program goes from ring to ring only while all is well; everything that looks like its fault stops it."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from shouwang.gateways.rollout import Rollout, Standing, next_step, rings_of

NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def rollout(**changed: Any) -> Rollout:
    fields: dict[str, Any] = {"version": 7, "release": "0.2.0", "rings": 2, "ring": 1, "healthy_for": DAY}
    return Rollout(**(fields | changed))


def standing(name: str, ring: int = 1, **changed: Any) -> Standing:
    fields: dict[str, Any] = {
        "state": "running", "changed_at": NOW - 2 * DAY, "online": True, "runs_it": True, "open_alert": False,
        "missing": False, "lost": False, "faults": 0, "faults_before": 0,
    }  # fmt: skip
    return Standing(gateway=name, ring=ring, **(fields | changed))


def test_rings_take_a_share_of_all_and_at_least_one() -> None:
    names = [f"gw-{number:04d}" for number in range(700)]
    rings = rings_of(names, [1, 10, 100], 7)
    assert [list(rings.values()).count(ring) for ring in (1, 2, 3)] == [7, 63, 630]
    assert list(rings_of(["gw-a", "gw-b"], [1, 10, 100], 7).values()).count(1) == 1
    assert {n for n, r in rings.items() if r == 1} != {n for n, r in rings_of(names, [1, 100], 8).items() if r == 1}
    for wrong in ([], [10, 1, 100], [1, 10], [0, 100], [1, 1, 100]):
        with pytest.raises(ValueError, match="rising percentages"):
            rings_of(names, wrong, 7)


def test_it_is_offered_to_this_ring_alone_and_not_where_something_is_open() -> None:
    step = next_step(
        rollout(),
        [
            standing("gw-a", state="waiting"),
            standing("gw-b", state="waiting", open_alert=True),
            standing("gw-c", state="waiting", online=False),
            standing("gw-d", 2, state="waiting"),
        ],
        NOW,
    )
    assert step.offer == ("gw-a",)
    assert step.waits == {"gw-b": "an alert of this home is open", "gw-c": "offline"}


def test_the_next_ring_begins_when_this_one_was_well_for_its_time() -> None:
    both = [standing("gw-a"), standing("gw-d", 2, state="waiting")]
    first = next_step(rollout(), both, NOW)
    assert (first.rollout.ring, first.rollout.whole_at) == (1, NOW)
    assert next_step(first.rollout, both, NOW + DAY / 2).rollout.ring == 1
    later = next_step(first.rollout, both, NOW + DAY)
    assert (later.rollout.ring, later.rollout.whole_at, later.offer) == (2, None, ())
    assert next_step(later.rollout, both, NOW + DAY).offer == ("gw-d",)


@pytest.mark.parametrize("change", [{"missing": True}, {"online": False, "seen_at": NOW + DAY}, {"state": "trying"}])
def test_a_ring_that_is_not_well_holds_the_next_one_back(change: dict[str, Any]) -> None:
    both = [standing("gw-a"), standing("gw-b", **change), standing("gw-d", 2, state="waiting")]
    step = next_step(rollout(whole_at=NOW), both, NOW + DAY)
    assert step.rollout.ring == 1
    assert not step.rollout.stopped


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "returned", "text": "taken back: it did not come online"}, "went back to its old program: taken"),
        ({"state": "refused", "text": "the signature is by none"}, "refuses the bundle: the signature"),
        ({"state": "silent"}, "does not answer"),
        ({"runs_it": False}, "does not any more"),
        ({"faults": 3}, "3 faults since, and had 0"),
        ({"lost": True}, "given up as lost"),
        ({"online": False, "seen_at": NOW - DAY * 1.5}, "offline since they run it"),
    ],
)
def test_what_looks_like_its_fault_stops_it_and_says_why(change: dict[str, Any], words: str) -> None:
    standings = [standing("gw-a"), standing("gw-b", **change), standing("gw-d", 2, state="waiting")]
    step = next_step(rollout(ring=2), standings, NOW)
    assert words in step.rollout.stopped
    assert step.rollout.ended_at == NOW
    assert not step.offer
    assert not next_step(step.rollout, standings, NOW).offer


def test_faults_that_were_there_before_do_not_stop_it() -> None:
    step = next_step(rollout(), [standing("gw-a", faults=8, faults_before=3)], NOW)
    assert not step.rollout.stopped


def test_one_router_in_twenty_without_power_does_not_hold_a_district() -> None:
    many = [standing(f"gw-{number}") for number in range(20)]
    many[3] = msgspec.structs.replace(many[3], online=False, seen_at=NOW - 3 * DAY)
    assert next_step(rollout(whole_at=NOW - DAY), many, NOW).rollout.ring == 2


def test_it_ends_when_the_last_ring_is_well_and_nobody_waits() -> None:
    last = rollout(ring=2, whole_at=NOW - DAY)
    waiting = next_step(last, [standing("gw-a"), standing("gw-d", 2, state="waiting", online=False)], NOW)
    assert waiting.rollout.ended_at is None
    done = next_step(last, [standing("gw-a"), standing("gw-d", 2)], NOW)
    assert done.rollout.ended_at == NOW
    assert not done.rollout.stopped
