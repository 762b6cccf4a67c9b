"""Simulated months as recordings: homes of one and of two people, devices with and without a model."""

from functools import cache
from pathlib import Path

import pytest

from alerting.replay.residents import district_of, read_residents
from device_simulators.month.month import MonthOptions, ResidentMonth, simulate
from device_simulators.month.outside.programme import programme
from shouwang.cli.actions.write_month import write_month
from shouwang.evaluation.month_recording import recording_of

OPTIONS = MonthOptions(seed=5, days=10, rate_s=300, outside=True)
"""Short and slow: what the homes are like does not depend on it."""
COUPLE = 9


def first(trait: str) -> int:
    return next(number for number in range(100) if programme(number, 30).trait == trait)


@cache
def homes() -> tuple[ResidentMonth, ...]:
    numbers = (first("copd"), COUPLE)
    return (simulate(0, MonthOptions(seed=5, days=10, rate_s=300)), *(simulate(n, OPTIONS) for n in numbers))


def test_homes_of_one_and_two_stand_in_one_district() -> None:
    recording = recording_of(homes())
    people, sources = recording.district.people, recording.district.sources
    alone, copd, couple = homes()
    assert [person.code for person in people] == [
        alone.resident.code,
        copd.resident.code,
        couple.resident.code,
        couple.resident.spouse,
        f"home-{couple.resident.code}",
    ]
    assert [person.id is None for person in people] == [False] * 4 + [True]
    assert [person.spo2_scale for person in people[:3]] == [1, 2, 1]
    assert [person.household_id for person in people] == [1, 2, 3, 3, 3]
    assert sources[couple.gateway, "pendant-2"].person == 3
    assert sources[couple.gateway, "pir-living"].person is None
    assert {s.home for (gateway, _), s in sources.items() if gateway == couple.gateway} == {4}
    assert {s.home for (gateway, _), s in sources.items() if gateway == copd.gateway} == {1}


@pytest.mark.parametrize("number", [COUPLE, 0])
def test_the_files_say_the_same_home(number: int, tmp_path: Path) -> None:
    month = simulate(number, OPTIONS)
    write_month(tmp_path, [number], OPTIONS)
    read = district_of(read_residents(tmp_path / "residents.toml"), {})
    direct = recording_of([month]).district
    assert [(p.code, p.spo2_scale) for p in read.people] == [(p.code, p.spo2_scale) for p in direct.people]
    owners = {name.partition(".")[2]: (s.person, s.home) for (_, name), s in read.sources.items()}
    assert owners == {name: (s.person, s.home) for (_, name), s in direct.sources.items()}


def test_what_a_carer_enters_comes_from_a_device_without_a_model() -> None:
    number = next(n for n in range(100) if any("round" in name for _, name in programme(n, 30).scenes))
    month = simulate(number, MonthOptions(seed=5, rate_s=300, outside=True))
    source = recording_of([month]).district.sources[month.gateway, "round"]
    assert source.model == ""
    assert "consciousness" in source.gives
    assert source.label_en == "round"
