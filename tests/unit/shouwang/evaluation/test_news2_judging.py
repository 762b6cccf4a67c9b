"""NEWS2 alerts held against the plain score: reached, told, missed, and stated otherwise."""

from pathlib import Path

import msgspec
import numpy as np

from alerting.detection.kit.columns import STEP_US
from alerting.replay.files import recording_of
from alerting.replay.recording import Recording
from alerting.replay.residents import ResidentsFile
from alerting.replay.rows import read_rows
from alerting.replay.run import TimedFinding, replay
from shouwang.cli.actions.judge_news2 import figures, fresh_us
from shouwang.evaluation.news2_judging import Judged, Moment, judge, readings_of, walk
from shouwang.evaluation.news2_standard import PARAMETERS

T0 = 1_772_323_200_000_000
MINUTE = 60_000_000
ILL = {"systolic_bp": 88, "body_temperature": 39.5, "consciousness": 1}
"""3 + 2 + 3 points, of measurements by a person."""


def recording(tmp_path: Path, *rows: tuple[float, str, float]) -> Recording:
    """Of one person; rows are (minute, channel, value)."""
    file = tmp_path / "stay.csv"
    lines = [f"{T0 + int(minute * MINUTE)},R1,monitor,{channel},{value}\n" for minute, channel, value in rows]
    file.write_text("time,resident,device,channel,value\n" + "".join(lines))
    return recording_of(read_rows(file), ResidentsFile([])).recording


def judged(tmp_path: Path, *rows: tuple[float, str, float], lost: int = 0, late_min: float = 0) -> Judged:
    """Of the real engine's findings, of which the first are lost or all come late."""
    record = recording(tmp_path, *rows)
    findings = [TimedFinding(timed.finding, timed.told_us + int(late_min * MINUTE)) for timed in replay(record)[lost:]]
    return judge(record, findings, fresh_us())


ROWS = [(0.0, "systolic_bp", 120.0), *((60.0, channel, value) for channel, value in ILL.items())]


def test_told_at_the_reading(tmp_path: Path) -> None:
    found = judged(tmp_path, *ROWS)
    assert [(one.threshold, one.delay_s) for one in found.reached] == [("3 in one", 7.5), ("5", 7.5), ("7", 7.5)]
    assert not found.differences
    assert found.statements == 1
    assert figures(found)["good"]


def test_never_told(tmp_path: Path) -> None:
    found = judged(tmp_path, *ROWS, lost=1)
    assert [one.delay_s for one in found.reached] == [None] * 3
    assert [one.said for one in found.reached] == [""] * 3
    result = figures(found)
    assert (result["reached"]["7"]["told"], result["good"]) == (0, False)
    assert len(result["missed"]) == 3


def test_told_late(tmp_path: Path) -> None:
    found = judged(tmp_path, *ROWS, late_min=30)
    assert [one.delay_s for one in found.reached] == [1807.5] * 3
    assert found.reached[0].said.startswith("Vital signs abnormal (NEWS2 8)")
    result = figures(found)
    assert (result["reached"]["7"]["told"], result["reached"]["7"]["told_at_the_reading"]) == (1, 0)
    assert not result["good"]


def test_every_other_word_is_a_difference(tmp_path: Path) -> None:
    record = recording(tmp_path, *ROWS)
    (timed,) = replay(record)
    evidence = timed.finding.evidence
    parts = [
        {"channel": "heart_rate", "state": "stale", "value": 70.0},
        *({**part, "points": 1} if part["channel"] == "systolic_bp" else part for part in evidence["parts"]),
    ]
    wrong = msgspec.structs.replace(timed.finding, evidence={**evidence, "total": 6, "complete": True, "parts": parts})
    found = judge(record, [TimedFinding(wrong, timed.told_us)], fresh_us())
    whats = [difference.what for difference in found.differences]
    assert "total 6, not 8" in whats
    assert "complete True, not False" in whats
    assert "systolic_bp fresh 88 (1), not fresh 88 (3)" in whats
    assert found.statements_differ == 1


def test_a_value_that_no_body_gives_is_counted_and_not_scored(tmp_path: Path) -> None:
    record = recording(tmp_path, (0, "systolic_bp", 120), (1, "heart_rate", 0), (2, "spo2", 12))
    readings, impossible = readings_of(record)
    assert ([reading.channel for reading in readings[0]], impossible) == (["systolic_bp"], 2)


def moments(tmp_path: Path, *rows: tuple[float, str, float]) -> list[Moment]:
    record = recording(tmp_path, *rows)
    return list(walk(readings_of(record)[0][0], record.district.people[0], dict.fromkeys(PARAMETERS, 15 * MINUTE)))


def test_readings_of_one_time_are_one_moment_and_values_grow_old(tmp_path: Path) -> None:
    found = moments(
        tmp_path, (0, "systolic_bp", 88), (0, "heart_rate", 120), (15, "heart_rate", 120), (15.1, "heart_rate", 120)
    )
    assert [moment.score.total for moment in found] == [5, 5, 2]
    assert np.diff([moment.time_us for moment in found]).tolist() == [15 * MINUTE, STEP_US]
