"""``shouwang evaluate news2``: what it prints, what it refuses, and when its status is not 0."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shouwang.cli.main import app

HEADER = "time,resident,device,channel,value\n"
ROUND = """\
2026-03-01T{hour:02}:00:00+08:00,{who},monitor,systolic_bp,{systolic}
2026-03-01T{hour:02}:00:00+08:00,{who},monitor,body_temperature,{temperature}
2026-03-01T{hour:02}:00:00+08:00,{who},monitor,consciousness,{consciousness}
"""


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", "news2", *map(str, arguments)], env={"COLUMNS": "160", "TERM": "dumb"})


def rounds(who: str, *values: tuple[int, float, int]) -> str:
    return "".join(
        ROUND.format(hour=8 + n, who=who, systolic=systolic, temperature=temperature, consciousness=consciousness)
        for n, (systolic, temperature, consciousness) in enumerate(values)
    )


@pytest.fixture
def stays(tmp_path: Path) -> Path:
    file = tmp_path / "stays.csv"
    ill = rounds("ILL", (125, 36.6, 0), (105, 38.4, 0), (88, 39.5, 1))
    file.write_text(HEADER + ill + rounds("WELL", (125, 36.6, 0), (130, 36.9, 0)) + rounds("DROWSY", (120, 36.6, 1)))
    return file


def test_the_table_says_who_reached_what_and_was_told(stays: Path) -> None:
    done = evaluate(stays)
    assert done.exit_code == 0, done.output
    assert "3 people, 18 scored readings; 6 moments scored, 0 of them complete" in done.output
    rows = [line for line in done.output.splitlines() if "→" in line]
    cells = [[cell.strip() for cell in row.split("│")[1:5]] for row in rows]
    assert cells == [
        ["3 in one → urgent", "2", "2", "2 (100.0%)"],
        ["5 → urgent", "1", "1", "1 (100.0%)"],
        ["7 → emergency", "1", "1", "1 (100.0%)"],
    ]
    assert "points by a plain scorer: 18 values, 0 differ" in done.output


def test_the_figures_as_json(stays: Path) -> None:
    done = evaluate(stays, "--json")
    result = json.loads(done.stdout)
    assert {threshold: (one["people"], one["told_at_the_reading"]) for threshold, one in result["reached"].items()} == {
        "3 in one": (2, 2),
        "5": (1, 1),
        "7": (1, 1),
    }
    assert result["reached"]["7"]["max_s"] == 7.5
    assert (result["values"], result["values_that_differ"], result["missed"]) == (18, 0, [])


def test_scale_and_oxygen_come_from_the_residents_file(stays: Path, tmp_path: Path) -> None:
    file = tmp_path / "residents.toml"
    file.write_text('[[resident]]\ncode = "DROWSY"\non_oxygen = true\n')
    with_oxygen = json.loads(evaluate(stays, "--residents", file, "--json").stdout)
    assert with_oxygen["reached"]["5"]["people"] == 2  # 3 for consciousness, 2 for oxygen
    assert not with_oxygen["differences"]


def test_rows_that_make_no_sense_are_told_and_the_others_judged(stays: Path) -> None:
    stays.write_text(stays.read_text() + "2026-03-01T12:00:00Z,WELL,monitor,hart_rate,72\n")
    done = evaluate(stays)
    assert done.exit_code == 0
    assert "line 20 is not used: no channel or event 'hart_rate'" in done.output


def test_a_file_without_vital_signs_is_refused_in_both_languages(tmp_path: Path) -> None:
    file = tmp_path / "doors.csv"
    file.write_text(HEADER + "2026-03-01T08:00:00+08:00,R1,door,door_open,1\n")
    done = evaluate(file)
    assert done.exit_code == 2
    chinese, english = done.output.strip().splitlines()
    assert "没有 NEWS2 评分所需的数值" in chinese
    assert "no value that NEWS2 scores" in english


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = evaluate(tmp_path / "nowhere.csv")
    assert done.exit_code == 2
    assert "nowhere.csv" in done.output


def test_the_help_teaches() -> None:
    done = evaluate("--help")
    assert done.exit_code == 0
    for word in ("shouwang evaluate news2 stays.csv", "97", "Exit status", "--residents", "docs/replay.md"):
        assert word in done.output
