"""A real home as a file of intervals, through the door that anybody uses: quiet days, and a stop that is found."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app
from tests.support import ordonez

CHANNELS = {"Magnetic": "door_open", "Pressure": "presence", "PIR": "motion", "Flush": "motion", "Electric": "motion"}
HOUR = 3_600_000_000


def told(tmp_path: Path, until_us: int | None = None, *, residents: str = "") -> list[dict[str, object]]:
    """The alerts of the home; after ``until_us`` the file holds nothing. No zone, no rooms, no residents file."""
    lines = ["start,end,resident,device,channel"]
    for s in ordonez.stretches():
        if until_us is None or s.begin_us < until_us:
            channel = "in_bed" if s.sensor == "Bed" else CHANNELS[s.kind]
            end_us = s.end_us if until_us is None else min(s.end_us, until_us)
            lines.append(f"{s.begin_us},{end_us},A,{s.sensor},{channel}")
    (tmp_path / "readings.csv").write_text("\n".join(lines) + "\n")
    files = ["--csv", str(tmp_path / "readings.csv"), "--out", str(tmp_path / "alerts.jsonl")]
    if residents:
        (tmp_path / "residents.toml").write_text(residents)
        files += ["--residents", str(tmp_path / "residents.toml")]
    done = CliRunner().invoke(app, ["alerting", "replay", *files], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]


def test_ordinary_days_bring_no_inactivity(tmp_path: Path) -> None:
    end = ordonez.local("2011-12-12 00:00")
    assert [a for a in told(tmp_path) if a["rule"] == "inactivity" and int(str(a["told_us"])) < end] == []


@pytest.mark.parametrize("stop", ["2011-12-05 11:00", "2011-12-07 14:00", "2011-12-10 19:00"])
def test_a_file_that_ends_in_a_stop_tells_it_within_two_hours(tmp_path: Path, stop: str) -> None:
    stop_us = ordonez.local(stop)
    found = [a for a in told(tmp_path, stop_us) if a["rule"] == "inactivity"]
    assert len(found) == 1
    assert stop_us < int(str(found[0]["told_us"])) <= stop_us + 2 * HOUR


def test_a_residents_file_without_rooms_changes_nothing(tmp_path: Path) -> None:
    stop_us = ordonez.local("2011-12-07 14:00")
    residents = '[[resident]]\ncode = "A"\n[[resident.device]]\nname = "Seat"\nmodel = "aqara-rtcgq11lm"\n'
    assert [a["rule"] for a in told(tmp_path, stop_us, residents=residents)] == ["inactivity"]
