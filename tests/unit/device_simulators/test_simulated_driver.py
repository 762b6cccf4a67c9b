"""A simulated home tells each reading once, however often its program is killed and started again."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from device_simulators.driver import SimulatedDriver
from device_simulators.homes import DEVICES
from vocabulary.times import HOUR_US

START_US = 1_700_000_000_000_000


class Ended(BaseException):
    """The program is killed."""


class Told:
    """The gateway's side: a clock that the test sets, and all that it was told."""

    def __init__(self) -> None:
        self.clock_us = START_US
        self.times: Counter[tuple[str, str, int]] = Counter()
        self.left = 0

    def now_us(self) -> int:
        return self.clock_us

    def readings(self, device: str, channel: str, times_us: Any, values: Any) -> None:
        if self.left <= 0:
            raise Ended
        self.left -= 1
        self.times.update((device, channel, int(time)) for time in times_us)

    def event(self, *_: Any) -> None: ...

    def motion(self, *_: Any) -> None: ...


def run_until_killed(told: Told, memory: Path, columns: int) -> None:
    told.left = columns
    driver = SimulatedDriver({"seed": 3, "memory": str(memory)}, DEVICES)
    with contextlib.suppress(Ended, TimeoutError, BaseExceptionGroup):
        asyncio.run(asyncio.wait_for(driver.run(told), 0.01))  # type: ignore[arg-type]


@given(kills=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1200)), min_size=2, max_size=6))
def test_nothing_is_told_twice_over_kills(tmp_path_factory: Any, kills: list[tuple[int, int]]) -> None:
    told, memory = Told(), tmp_path_factory.mktemp("home") / "told"
    for columns, seconds_away in kills:
        run_until_killed(told, memory, columns)
        told.clock_us += seconds_away * 1_000_000
    assert max(told.times.values(), default=1) == 1


def test_a_new_home_begins_with_the_last_quarter_of_an_hour_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    told = Told()
    run_until_killed(told, tmp_path / "told", 1000)
    first = set(told.times)
    assert min(time for _, _, time in first) < START_US - 800_000_000
    told.clock_us += 10_000_000
    run_until_killed(told, tmp_path / "told", 1000)
    assert {time for _, _, time in set(told.times) - first} == {
        time for _, _, time in set(told.times) - first if START_US <= time < told.clock_us
    }


@given(hour_of_clock=st.floats(0, 23.99), seed=st.integers(1, 50))
def test_a_home_told_to_begin_in_the_evening_has_its_resident_in_at_any_hour(hour_of_clock: float, seed: int) -> None:
    told = Told()
    told.clock_us += round(hour_of_clock * HOUR_US)
    told.left = 1000
    driver = SimulatedDriver({"seed": seed, "begins_at": 19.2}, DEVICES)
    with contextlib.suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(driver.run(told), 0.01))  # type: ignore[arg-type]
    newest = max(time for device, channel, time in told.times if (device, channel) == ("oximeter", "heart_rate"))
    assert told.clock_us - newest <= 10_000_000
    assert not any(channel == "in_bed" and time % 60_000_000 for _, channel, time in told.times)
