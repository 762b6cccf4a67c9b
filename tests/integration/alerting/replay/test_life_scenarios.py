"""Two weeks of ordinary lives through `alerting replay`; their answers are what a good neighbour would want to be told.

The lives are generated here from seeds (minutes since the first midnight); each scenario changes the fifteenth day.
"""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from shouwang.cli.main import app

BEGIN = dt.datetime(2026, 3, 2, tzinfo=dt.timezone(dt.timedelta(hours=8)))
ROOMS = {"bedroom": "bedroom", "bathroom": "bathroom", "kitchen": "kitchen", "living": "living_room", "hall": "hall"}
DEVICES = {**{f"pir-{name}": room for name, room in ROOMS.items()}, "door": "hall", "bed": "bedroom"}
DAY, LAST = 1440.0, 14
Row = tuple[float, str, str, float]


def at(day: int, clock: str) -> float:
    hours, minutes = map(int, clock.split(":"))
    return day * DAY + hours * 60 + minutes


def iso(minute: float) -> str:
    return (BEGIN + dt.timedelta(minutes=minute)).isoformat(timespec="milliseconds")


class Life:
    """One person's days. ``rise``, ``sleep``: minutes of the day; ``out``: each day's outings, (left, for how long)."""

    def __init__(
        self,
        seed: int,
        *,
        rise: float = 410,
        sleep: float = 1350,
        out: tuple[tuple[float, float], ...] = ((560, 95),),
        pace: float = 8,
        rises: dict[int, float] | None = None,
    ) -> None:
        self.random, self.rows, self.down = np.random.default_rng(seed), list[Row](), 0.0
        for day in range(LAST + 2):
            begin = day * DAY
            up = begin + (rises or {}).get(day, rise + self.random.normal(0, 10))
            down = begin + sleep + self.random.normal(0, 8)
            if day:
                toilet = begin + 170 + self.random.normal(0, 10)
                self.lie(self.down, toilet)
                self.see("bathroom", toilet + 1.2)
                self.see("bedroom", toilet + 4)
                self.lie(toilet + 4.5, up)
            self.see("bedroom", up + 0.3)
            self.see("bathroom", up + 4)
            breaks = [(begin + left, begin + left + lasts, False) for left, lasts in out]
            breaks.append((begin + 775 + self.random.normal(0, 6), begin + 835 + self.random.normal(0, 6), True))
            now = up + 12
            for left, back, nap in sorted(breaks):
                self.about(now, left - 2, pace)
                if nap:
                    self.see("bedroom", left - 0.7)
                    self.lie(left, back)
                    self.see("bedroom", back + 0.2)
                else:
                    self.leave(left)
                    self.rows.append((back, "door", "door_open", back + 0.1))
                    self.see("hall", back + 0.3)
                    self.see("living", back + 1.5)
                now = back + 3
            self.about(now, down - 8, pace)
            self.see("bathroom", down - 6)
            self.see("bedroom", down - 1)
            self.down = down

    def see(self, room: str, minute: float) -> None:
        self.rows.append((minute, f"pir-{room}", "motion", minute + self.random.uniform(0.3, 1.2)))

    def lie(self, begin: float, end: float) -> None:
        self.rows.append((begin, "bed", "in_bed", end))

    def leave(self, minute: float) -> None:
        self.see("hall", minute - 1.3)
        self.rows.append((minute, "door", "door_open", minute + 0.1))

    def about(self, begin: float, end: float, pace: float) -> None:
        now, visit = begin, begin + self.random.uniform(40, 100)
        while now < end:
            self.see("kitchen" if self.random.random() < 0.35 else "living", now)
            now += self.random.exponential(pace) + 1.3
            if now > visit and now + 6 < end:
                self.see("bathroom", now)
                self.see("bathroom", now + 3)
                now, visit = now + 5, visit + 190

    def without(self, begin: float, end: float = 1e9, device: str = "") -> "Life":
        self.rows = [r for r in self.rows if not (begin <= r[0] < end and device in ("", r[1]))]
        return self

    def stopped(self, minute: float) -> "Life":
        """Nothing more, and what was on goes off."""
        self.rows = [
            (begin, name, channel, min(end, minute)) for begin, name, channel, end in self.without(minute).rows
        ]
        return self


def told(life: Life, folder: Path, until: float) -> list[dict[str, object]]:
    """The alerts of a life, without the technical ones."""
    readings, residents, alerts = folder / "readings.csv", folder / "residents.toml", folder / "alerts.jsonl"
    lines = [f"{iso(begin)},R1,{name},{channel},1,{iso(end)}" for begin, name, channel, end in sorted(life.rows)]
    readings.write_text("\n".join(["time,resident,device,channel,value,end", *lines]) + "\n")
    devices = [f'[[resident.device]]\nname = "{name}"\nroom = "{room}"\n' for name, room in DEVICES.items()]
    residents.write_text("".join(['[[resident]]\ncode = "R1"\n', *devices]))
    files = ["--csv", str(readings), "--residents", str(residents), "--out", str(alerts), "--until", iso(until)]
    done = CliRunner().invoke(app, ["alerting", "replay", *files], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in alerts.read_text().splitlines()]
    return [alert for alert in found if alert["severity"] != "technical"]


CARDS = ((560.0, 60.0), (1140.0, 200.0))
QUIET: dict[str, Callable[[], Life]] = {
    "as usual": lambda: Life(1),
    "cards every evening": lambda: Life(2, out=CARDS, sleep=1400),
    "a quiet reader": lambda: Life(4, pace=13),
    "late on sundays": lambda: Life(5, rises={6: 500, 13: 505}),
    "up at 04:35 once": lambda: Life(6, rises={14: 275}),
    "the mat is dead from noon of day 9": lambda: Life(7).without(at(9, "12:00"), device="bed"),
}


@pytest.mark.parametrize("name", QUIET)
def test_ordinary_lives_are_quiet(name: str, tmp_path: Path) -> None:
    assert [(a["rule"], a["reason_en"]) for a in told(QUIET[name](), tmp_path, at(15, "12:00"))] == []


def cards_not_back() -> Life:
    life = Life(12, out=CARDS, sleep=1400).without(at(LAST, "18:55"))
    life.leave(at(LAST, "19:00"))
    return life


def nap_without_end() -> Life:
    life = Life(13).without(at(LAST, "12:20"))
    life.see("bedroom", at(LAST, "12:39"))
    life.lie(at(LAST, "12:40"), at(16, "00:00"))
    return life


def beside_the_bed() -> Life:
    life = Life(14, rises={15: 412}).stopped(at(15, "06:52"))
    life.see("bedroom", at(15, "06:52") + 0.3)
    return life


FOUND: dict[str, tuple[Callable[[], Life], set[str], str]] = {
    "the card player is not back": (cards_not_back, {"not_back", "night_wandering"}, "26:00"),
    "never up from the nap": (nap_without_end, {"inactivity"}, "23:00"),
    "falls beside the bed": (beside_the_bed, {"bed_exit", "inactivity"}, "33:00"),
    "collapses in the afternoon": (lambda: Life(15).stopped(at(LAST, "16:00")), {"inactivity"}, "18:30"),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_a_neighbour_would_see_is_told_in_time_and_nothing_before(name: str, tmp_path: Path) -> None:
    life, rules, clock = FOUND[name]
    found = told(life(), tmp_path, at(15, "12:00"))
    assert found
    assert found[0]["rule"] in rules
    assert int(str(found[0]["told_us"])) <= (BEGIN + dt.timedelta(minutes=at(LAST, clock))).timestamp() * 1e6
