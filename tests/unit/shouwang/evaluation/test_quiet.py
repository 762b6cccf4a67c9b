"""Alerts matched to what is true: found, missed, right, false."""

from alerting.detection.detectors import all_rules
from alerting.replay.alerts import Alert, StoryEntry
from device_simulators.month.truth import MUST, Episode
from shouwang.evaluation.scoring import EXPECTED, figures, judge
from vocabulary.severity import Severity
from vocabulary.times import MINUTE_US

T0 = 1_772_380_800_000_000


def alert(rule: str, minute: float, severity: Severity = "urgent", story: list[StoryEntry] | None = None) -> Alert:
    told = T0 + int(minute * MINUTE_US)
    return Alert(
        id="id",
        rule=rule,
        rule_version=1,
        severity=severity,
        subject="resident:M0001",
        resident_id=1,
        household_id=1,
        onset_us=told,
        sensed_us=told,
        told_us=told,
        reason_zh="",
        reason_en="",
        evidence={},
        story=story or [],
    )


def episode(kind: str, begin: float, end: float) -> Episode:
    return Episode(kind, "M0001", T0 + int(begin * MINUTE_US), T0 + int(end * MINUTE_US))


def test_every_kind_has_a_rule_of_matching() -> None:
    assert set(EXPECTED) == set(MUST)


def test_rules_that_exist_are_named() -> None:
    named = set().union(*(expected.finds for expected in EXPECTED.values()))
    unknown = named - set(all_rules())
    assert not unknown


def test_found_with_its_delay() -> None:
    judged = judge("M0001", [alert("limit_spo2", 13)], [episode("hypoxia", 10, 25)], 30)
    assert judged.found[0].delay_s == 180
    assert not judged.false
    assert not judged.missed


def test_told_in_another_alert_counts_and_the_first_word_is_the_delay() -> None:
    step = StoryEntry(
        told_us=T0 + 14 * MINUTE_US,
        action="note",
        rule="limit_spo2",
        severity="urgent",
        reason_zh="",
        reason_en="",
        news=True,
    )
    judged = judge("M0001", [alert("sudden_heart_rate", 12, story=[step])], [episode("hypoxia", 10, 25)], 30)
    assert judged.found[0].delay_s == 240


def test_the_end_of_an_old_alert_finds_nothing() -> None:
    over = StoryEntry(
        told_us=T0 + 14 * MINUTE_US, action="note", rule="limit_spo2", severity="urgent", reason_zh="", reason_en=""
    )
    judged = judge("M0001", [alert("limit_spo2", -600, story=[over])], [episode("hypoxia", 10, 25)], 30)
    assert judged.missed == [episode("hypoxia", 10, 25)]
    assert [rule for _, rule in [(r, a.rule) for r, a in judged.false]] == ["limit_spo2"]


def test_early_late_and_of_another_kind() -> None:
    truth = [episode("hypoxia", 10, 25)]
    assert judge("M0001", [alert("limit_spo2", 9)], truth, 30).missed  # before it began: chance
    late = judge("M0001", [alert("limit_spo2", 40)], truth, 30)
    assert late.missed  # too late to be of use
    assert not late.false  # though right
    wrong = judge("M0001", [alert("bathroom_stay", 12)], truth, 30)
    assert wrong.missed
    assert len(wrong.false) == 1


def test_an_early_word_on_a_slow_deterioration_is_found_before_its_begin() -> None:
    judged = judge("M0001", [alert("news2", 100)], [episode("deterioration", 200, 900)], 30)
    assert judged.found[0].delay_s == -6000


def test_figures_count_by_rule_and_week() -> None:
    false = [alert("fall", 5), alert("fall", 9000), alert("device_silent", 50, "technical")]
    judged = judge("M0001", [*false, alert("smoke", 100, "emergency")], [episode("smoke", 100, 110)], 14)
    result = figures(judged)
    assert result["false_medical_per_resident_week"] == 1.0
    assert result["false_medical_by_rule"] == {"fall": {"alerts": 2, "per_resident_week": 1.0}}
    assert result["false_technical_per_resident_week"] == 0.5
    assert result["by_kind"]["smoke"] == {
        "injected": 1,
        "found": 1,
        "technical": False,
        "delay_median_s": 0.0,
        "delay_max_s": 0.0,
    }


def test_nobody_and_nothing() -> None:
    result = figures(judge("M0001", [], [episode("sos", 1, 5)], 7))
    assert result["missed"] == 1
    assert result["by_kind"]["sos"]["delay_median_s"] is None
