"""Vital signs whose answers were decided beforehand, by clinical standards (RCP NEWS2 2017, ADA, Freeman 2011)."""

import datetime as dt
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app

BEGIN = dt.datetime.fromisoformat("2026-03-02T00:00:00+08:00")
Row = tuple[float, str, str, float]
"""Minutes since midnight, device, channel, value."""
TECHNICAL = "technical"


def by_hand(minutes: float, device: str, **values: float) -> list[Row]:
    return [(minutes, device, channel, value) for channel, value in values.items()]


def stream(
    begin: float,
    end: float,
    every_s: float,
    device: str,
    channel: str,
    level: Callable[[float], float],
    sd: float = 1.0,
) -> list[Row]:
    rng = np.random.default_rng(5)
    times = np.arange(begin, end, every_s / 60)
    found = [(at, level(at)) for at in times.tolist()]
    return [(at, device, channel, round(value + rng.normal(0, sd), 1) if value else 0) for at, value in found]


def radar(begin: float, end: float, pulse: Callable[[float], float], breath: Callable[[float], float]) -> list[Row]:
    return [
        *stream(begin, end, 10, "radar", "heart_rate", pulse),
        *stream(begin, end, 10, "radar", "respiration_rate", breath, 0.4),
    ]


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """The alerts of a recording; of devices by model."""

    def replay(rows: Iterable[Row], *, resident: str = "", **models: str) -> list[dict[str, Any]]:
        lines = [
            f"{(BEGIN + dt.timedelta(minutes=at)).isoformat()},R1,{device},{channel},{value}"
            for at, device, channel, value in rows
        ]
        (tmp_path / "r.csv").write_text("\n".join(["time,resident,device,channel,value", *lines]), "utf-8")
        devices = [f'[[resident.device]]\nname = "{name}"\nmodel = "{model}"' for name, model in models.items()]
        (tmp_path / "r.toml").write_text("\n".join(['[[resident]]\ncode = "R1"', resident, *devices]), "utf-8")
        out = tmp_path / "alerts.jsonl"
        files = ["--csv", str(tmp_path / "r.csv"), "--residents", str(tmp_path / "r.toml"), "--out", str(out)]
        done = CliRunner().invoke(app, ["alerting", "replay", *files])
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in out.read_text("utf-8").splitlines()]

    return replay


def medical(alerts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(alert["rule"], alert["severity"]) for alert in alerts if alert["severity"] != TECHNICAL]


Told = Callable[..., list[dict[str, Any]]]


def test_a_set_of_three_meters_within_an_hour_is_one_score(told: Told) -> None:
    rows = [
        *by_hand(540, "ox", spo2=92, heart_rate=118),
        *by_hand(565, "thermo", body_temperature=38.6),
        *by_hand(595, "cuff", systolic_bp=98, diastolic_bp=60),
    ]
    models = {"ox": "nonin-3230", "thermo": "and-ut-201ble", "cuff": "and-ua-651ble"}
    assert ("news2", "emergency") in medical(told(rows, **models))


def test_a_clip_worn_for_half_a_minute_each_day_is_a_measurement_by_hand(told: Told) -> None:
    days = [
        stream(d * 1440 + 480, d * 1440 + 480.5, 1, "ox", "spo2", lambda at: 88 if at > 4000 else 96, 0.3)
        for d in range(4)
    ]
    (alert,) = told([row for day in days for row in day], ox="nonin-3230")
    assert alert["rule"] in ("news2", "limit_spo2")
    assert alert["onset_us"] > (BEGIN.timestamp() + 3 * 86400) * 1e6


@pytest.mark.parametrize(("channel", "bad", "good"), [("systolic_bp", 212, 140), ("spo2", 83, 96)])
def test_a_second_meter_corrects_the_first_or_confirms_it(told: Told, channel: str, bad: float, good: float) -> None:
    model = "nonin-3230" if channel == "spo2" else "and-ua-651ble"
    (corrected,) = told([(540, "a", channel, bad), (543, "b", channel, good)], a=model, b=model)
    assert (corrected["severity"], corrected["over"]) == ("attention", "end")
    (confirmed,) = told([(540, "a", channel, bad), (543, "b", channel, bad)], a=model, b=model)
    assert confirmed["severity"] == "urgent"
    assert "not measured again" not in str(confirmed["story"])


def test_leaving_and_coming_back_to_bed_is_no_arrest(told: Told) -> None:
    rows = [
        *radar(60, 180, lambda at: 0 if 120 <= at < 140 else 64, lambda at: 0 if 120 <= at < 140 else 14),
        *stream(60, 180, 10, "bed", "in_bed", lambda at: 0 if 120.3 <= at < 139.8 else 1, 0),
    ]
    assert medical(told(rows)) == []


def test_an_arrest_is_an_emergency_but_not_where_an_oximeter_counts_the_pulse(told: Told) -> None:
    rows = [
        *radar(60, 130, lambda at: 0 if at >= 120 else 64, lambda at: 0 if at >= 120 else 14),
        *stream(60, 130, 10, "bed", "in_bed", lambda at: 1, 0),
    ]
    models = {"radar": "seeed-mr60bha2", "ox": "nonin-3230"}
    assert ("breathing_pause", "emergency") in medical(told(rows, **models))
    rows += stream(60, 130, 5, "ox", "heart_rate", lambda at: 64)
    assert medical(told(rows, **models)) == []


@pytest.mark.parametrize(("every_s", "fall"), [(10, 0.4), (60, 3.0), (300, 7.0)])
def test_a_probe_that_cools_on_the_table_is_technical(told: Told, every_s: float, fall: float) -> None:
    def level(at: float) -> float:
        return 36.6 if at < 120 else max(25.0, 36.6 - fall * ((at - 120) * 60 / every_s + 1))

    alerts = told(stream(60, 180, every_s, "patch", "body_temperature", level, 0.05))
    assert medical(alerts) == []
    assert "jump_body_temperature" in [alert["rule"] for alert in alerts]


def test_a_radar_that_counts_half_the_beats_is_quiet_and_a_heart_block_is_not(told: Told) -> None:
    for minutes, expected in ((4, False), (40, True)):
        rows = radar(60, 180, lambda at, m=minutes: 33 if 120 <= at < 120 + m else 66, lambda at: 14)  # type: ignore[misc]
        assert bool(medical(told(rows, radar="seeed-mr60bha2"))) is expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((136, 84), (124, 70), True),
        ((128, 72), (104, 64), True),
        ((128, 76), (120, 74), False),
        ((214, 126), (138, 82), False),
    ],
)
def test_orthostatic(told: Told, first: tuple[int, int], second: tuple[int, int], expected: bool) -> None:
    rows = [
        row
        for at, (high, low) in ((480, first), (483, second))
        for row in by_hand(at, "cuff", systolic_bp=high, diastolic_bp=low)
    ]
    assert ("orthostatic" in [alert["rule"] for alert in told(rows)]) is expected


def test_a_pressure_as_usual_after_one_that_was_too_high_is_no_fall(told: Told) -> None:
    mornings = [
        row for day in range(8) for row in by_hand(1440 * day + 420, "cuff", systolic_bp=138 + day % 3, diastolic_bp=80)
    ]
    for second, expected in (((138, 70), False), ((134, 70), True), ((118, 70), True)):
        rows = [
            row
            for at, (high, low) in ((1440 * 9 + 420, (165, 90)), (1440 * 9 + 423, second))
            for row in by_hand(at, "cuff", systolic_bp=high, diastolic_bp=low)
        ]
        assert ("orthostatic" in [alert["rule"] for alert in told([*mornings, *rows])]) is expected


def test_low_glucose_again_within_minutes_is_told_with_its_own_time(told: Told) -> None:
    (alert,) = told([(480, "m", "glucose", 3.4), (495, "m", "glucose", 4.6), (510, "m", "glucose", 3.3)])
    assert [entry["onset_us"] for entry in alert["story"] if entry["news"]] == [
        int((BEGIN.timestamp() + 510 * 60) * 1e6)
    ]
