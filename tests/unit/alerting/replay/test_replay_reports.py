"""Small recordings after public bug reports, through the replay that anybody uses.

Doors: zigbee2mqtt#4225 and #3496 (a cached state is published after a restart). Clocks: blood-pressure-monitor-fl#410,
#439, #450 (cuffs whose clock falls back, or runs in UTC). Rooms: a motion sensor of which no room is known.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app

ROOMS = """
[[resident]]
code = "R1"
[[resident.device]]
name = "front-door"
room = "hall"
[[resident.device]]
name = "pir-living"
room = "living_room"
[[resident.device]]
name = "pir-bed"
room = "bedroom"
"""


def alerts(tmp_path: Path, rows: list[str], residents: str, *more: str) -> list[dict[str, object]]:
    (tmp_path / "r.csv").write_text("time,resident,device,channel,value,received\n" + "\n".join(rows) + "\n")
    (tmp_path / "r.toml").write_text(residents)
    files = ["--csv", str(tmp_path / "r.csv"), "--residents", str(tmp_path / "r.toml"), "--out", str(tmp_path / "a")]
    done = CliRunner().invoke(app, ["alerting", "replay", *files, *more], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in (tmp_path / "a").read_text().splitlines()]


def at(clock: str) -> str:
    return f"2026-03-{clock.replace(' ', 'T')}:00+08:00"


def evening(*door: str) -> list[str]:
    """The evening of the first and the morning of the second, with what the door said."""
    rows = [f"{at(f'01 19:{m:02d}')},R1,pir-living,motion,{int(m % 2 == 0)}," for m in range(6, 60)]
    rows += [f"{at(f'0{clock}')},R1,pir-bed,motion,{value}," for clock, value in (("1 22:00", 1), ("1 22:01", 0))]
    return [*rows, *door, f"{at('02 07:00')},R1,pir-bed,motion,1,", f"{at('02 07:01')},R1,pir-bed,motion,0,"]


def door(clock: str, value: int) -> list[str]:
    kind = "door_opened" if value else "door_closed"
    return [f"{at(clock)},R1,front-door,door_open,{value},", f"{at(clock)},R1,front-door,{kind},,"]


def test_a_state_of_a_door_that_is_said_again_is_no_news(tmp_path: Path) -> None:
    cached = [*door("01 19:00", 1), *door("02 03:00", 1)]
    assert alerts(tmp_path, evening(*cached), ROOMS) == []
    shut = [*door("01 19:00", 1), *door("01 19:01", 0), *door("02 03:00", 0)]
    assert alerts(tmp_path, evening(*shut), ROOMS) == []
    went_out = [*door("01 19:00", 1), *door("01 19:01", 0), *door("02 03:00", 1)]
    assert [a["rule"] for a in alerts(tmp_path, evening(*went_out), ROOMS)] == ["night_wandering"]


def test_the_first_state_of_a_door_is_no_news(tmp_path: Path) -> None:
    first = [f"{at('02 03:00')},R1,front-door,door_open,1,"]
    assert alerts(tmp_path, evening(*first), ROOMS) == []


def pressures(*given: tuple[str, str, int, int]) -> list[str]:
    """By (own time, arrival, systolic, diastolic)."""
    return [
        f"{own},R1,cuff,{channel},{value},{at(arrival)}"
        for own, arrival, systolic, diastolic in given
        for channel, value in (("systolic_bp", systolic), ("diastolic_bp", diastolic))
    ]


@pytest.mark.parametrize(
    ("own", "clock"),
    [
        ("2026-03-02T08:0{}:00+08:00", []),
        ("2021-01-01T00:0{}:00+08:00", ["device:gw-R1/R1.cuff"]),
        ("1970-01-01T00:0{}:00+08:00", ["device:gw-R1/R1.cuff"]),
        ("2026-03-02T00:0{}:00+08:00", ["device:gw-R1/R1.cuff"]),
        ("2026-03-02T16:0{}:00+08:00", ["device:gw-R1/R1.cuff"]),
    ],
    ids=["right", "2021", "1970", "8 h behind", "8 h ahead"],
)
def test_a_crisis_is_told_whatever_the_cuffs_clock_says(tmp_path: Path, own: str, clock: list[str]) -> None:
    before = (at("02 07:30"), "02 07:30", 130, 80)
    rows = pressures(before, *((own.format(m), f"02 08:0{m}", 212, 126) for m in (0, 3, 6)))
    found = alerts(tmp_path, rows, '[[resident]]\ncode = "R1"\n')
    assert [a["subject"] for a in found if a["rule"] == "clock_off"] == clock
    crisis = [a for a in found if str(a["rule"]).startswith("limit_")]
    assert crisis
    assert min(int(str(a["told_us"])) for a in crisis) < 1_772_409_600_000_000 + 7 * 60_000_000


def test_no_comma_nor_space_where_a_room_is_missing(tmp_path: Path) -> None:
    rows = [f"{at(f'0{day} {hour:02d}:{m}')},R1,pir,motion,{v}," for day in (1, 2) for hour in range(7, 21)
            for m, v in (("00", 1), ("01", 0), ("30", 1), ("31", 0))]  # fmt: skip
    found = alerts(tmp_path, rows, '[[resident]]\ncode = "R1"\n', "--until", at("03 18:00"))
    (told,) = [a for a in found if a["rule"] == "inactivity"]
    assert "（最后一次 20:31）" in str(told["reason_zh"])
    assert "(last 20:31)" in str(told["reason_en"])
