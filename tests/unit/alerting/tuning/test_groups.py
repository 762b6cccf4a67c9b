"""Each threshold stands under a heading that a person can read."""

from alerting.tuning.catalogue import catalogue
from alerting.tuning.conditions import conditions
from alerting.tuning.groups import GROUPS, group_of, heading_of, place_of


def test_each_group_has_a_heading_and_no_heading_is_left_over() -> None:
    found = {group_of(name) for name in catalogue() if name not in conditions()}
    assert found == set(GROUPS)
    assert len(set(GROUPS.values())) == len(GROUPS)


def test_a_group_that_nobody_knows_comes_last_under_its_own_name() -> None:
    assert heading_of("unheard_of") == ("unheard_of", "unheard_of")
    assert place_of("unheard_of") > place_of("sla") > place_of("limit")
