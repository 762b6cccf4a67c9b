"""Each duty names a page and tests that are there; the impact assessment speaks of each use of sensitive data."""

import re
from pathlib import Path

import pytest

from care_network.consents.purposes import PURPOSES
from care_services.privacy.duties import DUTIES, RISKS, Duty
from care_services.privacy.retention import _DUE, CLASSES, PERIODS
from care_services.registers.data.classes import groups

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("duty", DUTIES, ids=lambda duty: duty.article)
def test_each_test_that_a_duty_names_exists(duty: Duty) -> None:
    assert bool(duty.tests) == (duty.state != "not")
    for named in duty.tests:
        file, _, function = named.partition("::")
        text = (ROOT / file).read_text("utf-8")
        assert not function or re.search(rf"^(?:async )?def {function}\(", text, re.MULTILINE), named


def test_each_page_exists_and_what_is_not_met_says_what_is_missing() -> None:
    from console.app import ROUTERS  # the console stands above this folder; its routes are the pages

    paths = {getattr(route, "path", "") for router in ROUTERS for route in router.routes}
    for duty in DUTIES:
        kinds = re.sub(r"^/records/\w+$", "/records/{kind}", duty.where)
        assert kinds in paths, duty.where
        assert (duty.state == "met") == (duty.open_zh == duty.open_en == ""), duty.article


def test_the_impact_assessment_names_each_use_of_sensitive_data() -> None:
    assert {risk.purpose for risk in RISKS} == {one.code for one in PURPOSES.values() if one.sensitive}


def test_each_period_has_a_class_and_what_is_counted_is_known() -> None:
    assert {one.kind for one in PERIODS} == set(CLASSES)
    assert {one.due for one in PERIODS} - {""} == set(_DUE)
    told = {one.rule for one in PERIODS} - {""}
    assert {rule for group in groups() for rule in group.ends.split()} | {"ended_residents"} == told
    assert {one.itself for one in PERIODS if one.rule} == {True}
    assert all(one.days.isdecimal() or one.days in ("", "raw", "minute", "hour") for one in PERIODS)
