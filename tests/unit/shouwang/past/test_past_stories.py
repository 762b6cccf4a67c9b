"""The simulated past as a plan: the same by seed, within its days, every alert closed and told from begin to end."""

import datetime as dt

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dispatch.alerts.outcomes import Particulars, complete
from shouwang.past.course import course_of
from shouwang.past.kinds import kinds
from shouwang.past.stories import story_of
from vocabulary.severity import SEVERITIES

UNTIL = dt.datetime(2026, 11, 29, 11, 14, tzinfo=dt.UTC)
homes = st.integers(1, 60)
seeds = st.integers(0, 1000)


def test_every_ending_is_one_that_a_dispatcher_could_record() -> None:
    for kind in kinds().values():
        assert kind.severity in SEVERITIES
        for end in kind.endings:
            if end.outcome is not None:
                complete(end.outcome, Particulars(end.cause, end.injury, end.hospital, end.actions))


@settings(max_examples=60, deadline=None)
@given(number=homes, seed=seeds, days=st.integers(3, 40))
@example(number=16, seed=36, days=12)  # taken between a step's pause and its call
def test_every_alert_is_closed_before_the_past_ends(number: int, seed: int, days: int) -> None:
    since = UNTIL - dt.timedelta(days=days)
    story = story_of(number, since, UNTIL, seed)
    assert story == story_of(number, since, UNTIL, seed)
    rng = np.random.default_rng([seed, number, 1])
    for incident in story.incidents:
        course = course_of(incident, rng)
        times = [step.at for step in course.steps]
        assert since <= times[0] <= times[-1] < UNTIL
        assert times == sorted(times)
        assert course.steps[0].action == "raise"
        assert course.steps[-1].action in ("resolve", "clear", "cancel")
        assert (course.at("acknowledge") is None) == (incident.ending.outcome is None)
    assert all(one.since < one.until for one in story.absences)


def test_the_first_homes_have_stories_of_their_own() -> None:
    since = UNTIL - dt.timedelta(days=30)
    outcomes = [one.ending.outcome for one in story_of(1, since, UNTIL, 4).incidents]
    assert {"helped", "hospital"} <= set(outcomes)
    silent = [one for one in story_of(4, since, UNTIL, 4).absences if one.device == "radar"]
    assert any(one.until - one.since >= dt.timedelta(days=1) for one in silent)
