"""The judgement of a soak: what grows is named, and what is flat is not. Pure."""

from typing import Any

import msgspec
import numpy as np
import pytest

from device_simulators.home import Column, Home
from shouwang.drills.soak import REGISTERED, Sample, SoakResult, Story, judge, report

FLAT = Sample(
    at_s=0, memory_mib={"ingest": 150.0}, pending=3, readings=1000, reading_bytes=100_000, tables_bytes={},
    broker_bytes=0, files={"ingest": 20}, delay_s=0.3,
)  # fmt: skip


def run(**last: Any) -> list[Sample]:
    """Forty looks; the last quarter differs by these fields."""
    return [FLAT] * 30 + [msgspec.structs.replace(FLAT, **last)] * 10


@pytest.mark.parametrize(
    ("last", "grown"),
    [
        ({}, []),
        ({"memory_mib": {"ingest": 170.0}}, []),
        ({"memory_mib": {"ingest": 190.0}}, ["memory of ingest"]),
        ({"files": {"ingest": 45}}, ["open files of ingest"]),
        ({"delay_s": 0.9}, []),
        ({"delay_s": 3.0}, ["delay of alerts"]),
        ({"pending": 400}, ["messages that wait"]),
        ({"readings": 2000, "reading_bytes": 200_000}, []),
        ({"reading_bytes": 150_000}, ["bytes of a reading"]),
    ],
)
def test_what_grows_is_named(last: dict[str, Any], grown: list[str]) -> None:
    assert [one.split(":")[0] for one in judge(run(**last))] == grown


def test_the_report_has_a_line_for_each_look() -> None:
    samples = run(delay_s=None)
    result = SoakResult(homes=1, hours=8, minutes=30, presses=5, untold=0, samples=samples, grown=judge(samples))
    assert report(result).count("| 0 | 1,000 | 100 |") == 40


def test_a_story_told_in_pieces_is_the_whole_story() -> None:
    begin_us, hour_us = 1_764_000_000_000_000, 3_600_000_000
    told: list[Column] = []
    story = Story(Home(3), begin_us, 200_000_000)
    for end_us in range(begin_us + 7_000_000, begin_us + hour_us + 7_000_000, 7_000_000):
        told += story.until(min(end_us, begin_us + hour_us))
    whole = [column for column in Home(3).columns(begin_us, begin_us + hour_us) if column.device in REGISTERED]
    assert all(len(column.times_us) for column in told)
    for name in {(column.device, column.channel) for column in whole}:
        times, again = (
            np.sort(np.concatenate([c.times_us for c in columns if (c.device, c.channel) == name]))
            for columns in (whole, told)
        )
        np.testing.assert_array_equal(times, again)
