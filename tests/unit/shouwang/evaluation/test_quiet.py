"""Alerts matched to what is true: found, missed, right, false."""

from alerting.detection.detectors import all_rules
from alerting.replay.alerts import Alert, StoryEntry
from device_simulators.month.truth import KINDS, Episode
from shouwang.evaluation.expected import EXPECTED
from shouwang.evaluation.score_figures import figures
from shouwang.evaluation.scoring import judge
from vocabulary.severity import Severity
from vocabulary.times import MINUTE_US

T0 = 1_772_380_800_000_000


def alert(
    rule: str,
    minute: float,
    severity: Severity = "urgent",
    story: list[StoryEntry] | None = None,
    subject: str = "resident:M0001",
    evidence: dict[str, object] | None = None,
) -> Alert:
    told = T0 + int(minute * MINUTE_US)
    return Alert(
        id=f"{rule}-{minute}",
        rule=rule,
        rule_version=1,
        severity=severity,
        first_severity=severity,
        subject=subject,
        resident_id=1,
        household_id=1,
        onset_us=told,
        sensed_us=told,
        told_us=told,
        reason_zh="",
        reason_en="",
        evidence=evidence or {},
        story=story or [],
    )


def episode(kind: str, begin: float, end: float) -> Episode:
    return Episode(kind, "M0001", T0 + int(begin * MINUTE_US), T0 + int(end * MINUTE_US))


def test_every_kind_has_a_rule_of_matching() -> None:
    assert set(EXPECTED) == set(KINDS)


def test_rules_that_exist_are_named() -> None:
    named = set().union(*(expected.finds | expected.also for expected in EXPECTED.values()))
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
    assert [found.episode for found in judged.missed] == [episode("hypoxia", 10, 25)]
    assert [one.alert.rule for one in judged.false] == ["limit_spo2"]


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
        "false_medical": 0,
        "missed": {},
    }


def test_nobody_and_nothing() -> None:
    result = figures(judge("M0001", [], [episode("sos", 1, 5)], 7))
    assert result["missed"] == 1
    assert result["by_kind"]["sos"]["delay_median_s"] is None


def test_told_mildly_late_or_not_at_all_is_missed_and_says_so() -> None:
    truth = [episode("hypo_severe", 100, 160)]  # an emergency within two minutes
    why = [
        judge("M0001", alerts, truth, 30).missed[0].why
        for alerts in (
            [],
            [alert("limit_glucose", 101, "urgent")],
            [alert("limit_glucose", 130, "emergency")],
        )
    ]
    assert why == ["nothing told", "too mild", "too late"]
    assert not judge("M0001", [alert("limit_glucose", 101, "emergency")], truth, 30).missed


def graver(minute: float, rule: str, *, news: bool = True, taken_back: bool = False) -> StoryEntry:
    return StoryEntry(
        told_us=T0 + int(minute * MINUTE_US),
        action="note" if taken_back else "update",
        rule=rule,
        severity="emergency",
        reason_zh="",
        reason_en="",
        news=news,
        taken_back=taken_back,
    )


def test_an_alert_that_grows_graver_in_time_is_found_when_it_does() -> None:
    step = graver(101.5, "limit_glucose")
    one = alert("limit_glucose", 100, "emergency", [step])
    one.first_severity = "urgent"
    assert judge("M0001", [one], [episode("hypo_severe", 100, 160)], 30).found[0].delay_s == 90


def test_a_call_that_another_one_took_back_is_missed() -> None:
    truth = [episode("cancelled_by_other_fall", 100, 125)]
    kept, cancelled, noted = alert("fall", 100, "emergency"), alert("fall", 100, "emergency"), None
    cancelled.over = "cancel"
    noted = alert("fall", 100, "emergency", [graver(101, "fall", news=False, taken_back=True)])
    assert not judge("M0001", [kept], truth, 30).missed
    for one in (cancelled, noted):
        assert judge("M0001", [one], truth, 30).missed[0].why == "taken back"


def test_the_own_call_must_be_taken_back() -> None:
    truth = [episode("own_cancel", 100, 115)]
    assert judge("M0001", [alert("sos", 100, "emergency")], truth, 30).missed[0].why == "not taken back"


def test_another_residents_alert_finds_nothing() -> None:
    truth = [episode("press_twice", 100, 115)]
    other = judge("M0001", [alert("sos", 100, "emergency", subject="resident:M0001b")], truth, 30)
    assert other.missed
    assert len(other.false) == 1


def test_more_alerts_than_an_episode_may_cause_are_false() -> None:
    six = [alert("smoke", 100 + 2 * turn, "emergency") for turn in range(6)]
    judged = judge("M0001", six, [episode("cooking_smoke", 100, 120)], 30)
    assert not judged.missed
    assert [one.alert.told_us for one in judged.false] == [one.told_us for one in six[1:]]


def test_a_technical_alert_is_right_where_it_names_the_device() -> None:
    truth = [Episode("stuck_motion", "M0001", T0, T0 + 600 * MINUTE_US, "pir-living")]
    named = [
        alert("x", 10, "technical", subject="device:gw-1/pir-living"),
        alert("x", 11, "technical", evidence={"devices": ["gw-1/radar", "gw-1/pir-living"]}),
        alert("x", 12, "technical", evidence={"device": "pir-living"}),
    ]
    for one in named:
        judged = judge("M0001", [one], truth, 30)
        assert not judged.missed
        assert not judged.false
    for other in (
        alert("x", 10, "technical", subject="device:gw-1/radar"),
        alert("x", 10, subject="device:pir-living"),
    ):
        judged = judge("M0001", [other], truth, 30)
        assert judged.missed
        assert judged.false[0].scene == "stuck_motion"


def test_false_alerts_are_counted_with_the_scene_they_were_told_in() -> None:
    truth = [episode("exercise", 100, 130), episode("stuck_motion", 0, 4000)]
    alerts = [alert("news2", 110), alert("bathroom_stay", 2000), alert("fall", 9000)]
    judged = judge("M0001", alerts, truth, 30, "cat")
    assert [one.scene for one in judged.false] == ["exercise", "stuck_motion", "home: cat"]
    assert figures(judged)["quiet_by_kind"] == {"exercise": {"played": 1, "false_medical": 1, "false_technical": 0}}


def test_a_frightening_value_measured_again_may_be_told_mildly() -> None:
    truth = [episode("spot_again_fine", 100, 340)]
    assert not judge("M0001", [alert("limit_spo2", 100, "attention")], truth, 30).false
    assert judge("M0001", [alert("limit_spo2", 100, "urgent")], truth, 30).false


def test_precision_and_recall_by_rule() -> None:
    truth = [episode("hypoxia", 10, 25), episode("hypoxia", 5000, 5015)]
    judged = judge("M0001", [alert("news2", 12), alert("news2", 9000)], truth, 30)
    assert figures(judged)["by_rule"]["news2"] == {
        "alerts": 2,
        "precision": 0.5,
        "episodes": 2,
        "recall": 0.5,
        "itself": 1,
    }
    assert figures(judged)["by_rule"]["limit_spo2"]["itself"] == 0
