"""Pure parts of the audit's search: the place of a line, kinds of actions, days of looks."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.access.auditing.kinds import KINDS, Choice, choice_of, kind_of
from care_network.access.auditing.looks import DayOfLooks, judge
from care_network.access.auditing.search import Place, place_of

MOMENTS = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 1, 1), timezones=st.just(dt.UTC))


@given(MOMENTS, st.sampled_from(["audit", "alert_event"]), st.integers(0, 2**59))
def test_a_place_is_read_as_it_was_written(at: dt.datetime, log: str, number: int) -> None:
    place = Place(at, log, number)  # type: ignore[arg-type]
    assert place_of(str(place)) == place


@given(st.text(max_size=80))
def test_another_text_is_no_place(text: str) -> None:
    found = place_of(text)
    assert found is None or str(found) == text


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("view_page", "looks"), ("list_resident", "looks"), ("change_contact", "changes"), ("login_failed", "refusals"),
        ("refused_view_order", "refusals"), ("export_vitals", "exports"), ("login", "logins"),
        ("change_account", "accounts"),
    ],
)  # fmt: skip
def test_each_action_is_of_one_kind(action: str, kind: str) -> None:
    assert kind_of(action) == kind
    assert kind in KINDS


def test_a_choice_is_a_kind_a_step_or_an_action() -> None:
    assert choice_of("kind:looks") == Choice(kind="looks")
    assert choice_of("step:arrive") == Choice(step="arrive")
    assert choice_of("kind:nothing") == Choice(action="kind:nothing")
    assert choice_of("") == Choice()


@pytest.mark.parametrize(
    ("residents", "refused", "before", "out"),
    [(61, 0, [20, 10, 30], True), (60, 0, [20, 10, 30], False), (19, 0, [], False), (20, 0, [], True),
     (1, 5, [1], True), (18, 4, [2, 2], False)],
)  # fmt: skip
def test_a_day_stands_out_by_many_residents_or_by_refusals(
    residents: int, refused: int, before: list[int], out: bool
) -> None:
    day = DayOfLooks(
        day=dt.date(2026, 3, 1), login="x", name_zh="", name_en="", role="carer", looks=1, residents=residents,
        exports=0, refused=refused,
    )  # fmt: skip
    assert judge(day, before).sticks_out is out
