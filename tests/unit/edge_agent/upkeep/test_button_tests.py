"""Weekly button tests: reminded of, and never in the way of a call for help."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.timekeeping.clock import EARLIEST_US
from edge_agent.upkeep.button_tests import PERIOD_US, WINDOW_US, ButtonRecord, ButtonTests, has_button, remind
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig
from vocabulary.times import DAY_US

START_US = EARLIEST_US + 100 * DAY_US
DEVICES = [
    DeviceConfig("sos", "sonoff-snzb-01p"),
    DeviceConfig("bath", "sonoff-snzb-01p"),
    DeviceConfig("gateway", "gateway"),
]


def make(folder: Path) -> ButtonTests:
    return ButtonTests(folder / "buttons.json", DEVICES, MODELS)


def press(tests: ButtonTests, device: str, after_s: float, made_after_s: float | None = None) -> str:
    now_us = START_US + round(after_s * 1e6)
    made_us = now_us if made_after_s is None else START_US + round(made_after_s * 1e6)
    return tests.judge(device, "sos_pressed", made_us, now_us, 1000 + after_s)


def test_buttons_are_known_by_their_model() -> None:
    assert has_button(MODELS["sonoff-snzb-01p"])
    assert not has_button(MODELS["aqara-mccgq11lm"])


def test_a_press_nobody_announced_is_a_call_for_help(tmp_path: Path) -> None:
    assert press(make(tmp_path), "sos", 0) == "sos_pressed"


def test_the_first_press_of_an_announced_test_is_a_test_and_the_second_is_not(tmp_path: Path) -> None:
    tests = make(tmp_path)
    tests.announce("sos", START_US, 1000.0)
    assert press(tests, "bath", 1) == "sos_pressed", "another button is not being tested"
    assert tests.judge("sos", "fall_confirmed", START_US, START_US, 1001.0) == "fall_confirmed"
    assert press(tests, "sos", 5) == "button_test"
    assert press(tests, "sos", 5.08) == "button_test", "told twice"
    assert press(tests, "sos", 6) == "sos_pressed"


def test_outside_the_window_it_is_a_call_for_help(tmp_path: Path) -> None:
    tests = make(tmp_path)
    tests.announce("sos", START_US, 1000.0)
    assert press(tests, "sos", WINDOW_US / 1e6 + 0.1) == "sos_pressed"
    tests.announce("sos", START_US, 1000.0)
    assert press(tests, "sos", 3, made_after_s=-2) == "sos_pressed", "pressed before the test was announced"


def test_a_restart_ends_the_announcement(tmp_path: Path) -> None:
    make(tmp_path).announce("sos", START_US, 1000.0)
    assert press(make(tmp_path), "sos", 1) == "sos_pressed"


def test_only_buttons_can_be_tested(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are: bath, sos"):
        make(tmp_path).announce("gateway", START_US, 0.0)


def test_a_test_without_a_press_is_told(tmp_path: Path) -> None:
    tests = make(tmp_path)
    assert not list(tests.look(START_US, 999))
    tests.announce("sos", START_US, 1000.0)
    assert not list(tests.look(START_US, 1060.0))
    (reminder,) = tests.look(START_US + WINDOW_US, 1120.5)
    assert reminder.device == "sos"
    assert "no press" in reminder.reason


def test_every_button_is_reminded_of_weekly_and_over_restarts(tmp_path: Path) -> None:
    assert not list(make(tmp_path).look(START_US, 0))
    press(make(tmp_path), "bath", 86_400)
    due = [reminder.device for reminder in make(tmp_path).look(START_US + PERIOD_US, 0)]
    assert due == ["sos"], "the other one was proved by a real press a day later"
    assert not list(make(tmp_path).look(START_US + PERIOD_US + DAY_US // 2, 0)), "not twice a day"
    again = {reminder.device: reminder.days for reminder in make(tmp_path).look(START_US + PERIOD_US + DAY_US, 0)}
    assert again == {"sos": 8, "bath": 7}
    tests = make(tmp_path)
    tests.announce("sos", START_US + PERIOD_US + DAY_US, 0.0)
    assert (
        tests.judge("sos", "sos_pressed", START_US + PERIOD_US + DAY_US, START_US + PERIOD_US + DAY_US, 1)
        == "button_test"
    )
    assert not [r for r in tests.look(START_US + PERIOD_US + 3 * DAY_US, 2) if r.device == "sos"]


def test_records_that_can_not_be_read_begin_anew(tmp_path: Path) -> None:
    (tmp_path / "buttons.json").write_bytes(b"[torn")
    tests = make(tmp_path)
    assert not list(tests.look(START_US, 0))
    assert [r.days for r in tests.look(START_US + PERIOD_US, 0)] == [7, 7]


def test_a_disk_that_refuses_does_not_stop_a_call_for_help(tmp_path: Path) -> None:
    tests = ButtonTests(tmp_path / "gone" / "buttons.json", DEVICES, MODELS)
    assert press(tests, "sos", 0) == "sos_pressed"


TIMES = st.integers(EARLIEST_US - 400 * DAY_US, EARLIEST_US + 4000 * DAY_US)


@given(TIMES, TIMES, st.lists(TIMES, max_size=30))
def test_whatever_the_clock_does_a_button_is_reminded_of_at_most_daily(
    proved: int, reminded: int, looks: list[int]
) -> None:
    records = {"sos": ButtonRecord(proved, reminded)}
    for now_us in looks:
        before = records
        records, due = remind(records, frozenset({"sos"}), now_us)
        if now_us < EARLIEST_US:
            assert records == before
            assert not due
        for reminder in due:
            assert now_us - before["sos"].proved_us >= PERIOD_US
            assert now_us - before["sos"].reminded_us >= DAY_US
            assert reminder.days >= 7
    if looks and looks[-1] >= EARLIEST_US:
        records, _ = remind(records, frozenset({"sos"}), looks[-1])
        _, due = remind(records, frozenset({"sos"}), looks[-1] + PERIOD_US)
        assert len(due) == 1, "seven quiet days and a clock that is right always end in a reminder"
