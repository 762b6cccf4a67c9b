"""New rules are tried on people before they hold."""

from care_services.core.rules import read_rules
from care_services.core.trial import compare
from tests.unit.care_services.core.test_rules import DEFAULT, SUBJECT


def test_a_trial_counts_whom_new_rules_change_something_for() -> None:
    now = read_rules(DEFAULT, SUBJECT)
    new = read_rules(DEFAULT.replace("80]]", "85]]"), SUBJECT)
    known = {"low_income": False, "ability_grade": "intact"}
    tried = compare(now, new, [{"age": 82, **known}, {"age": 90, **known}, {"age": 82}, {"age": 40, **known}])
    assert (tried.residents, tried.otherwise, tried.unsettled) == (4, 2, 1)
