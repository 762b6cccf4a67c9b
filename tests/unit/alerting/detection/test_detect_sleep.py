"""Nights against the own nights: short, broken, and what is no change at all."""

from tests.support.sensors import SensorHome, raised


def nights(home: SensorHome, days: range, out: str, ways: int = 0) -> list[tuple[str, str, str]]:
    """To bed at 22:30, out of it for five minutes so often, up at ``out``."""
    for day in days:
        for way in range(ways):
            home.bed(day, f"0{way // 4}:{way % 4 * 14 + 5:02d}", enter=False)
            home.bed(day, f"0{way // 4}:{way % 4 * 14 + 10:02d}", enter=True)
        home.bed(day, out, enter=False)
        home.bed(day, "22:30", enter=True)
    return raised(home.until(days[-1], "22:31"))


def test_a_short_night_is_told_with_its_numbers_and_its_end() -> None:
    home = SensorHome("sleep")
    assert nights(home, range(9), "07:00") == []
    assert nights(home, range(9, 10), "02:45") == [("open", "sudden_sleep_time", "attention")]
    found = home.found[0]
    assert "昨夜卧床 4.2 小时，平时 8.5 小时，偏少" in found.reason_zh
    assert "In bed for 4.2 h (last night), usually 8.5 h" in found.reason_en
    assert nights(home, range(10, 11), "07:00")[-1] == ("clear", "sudden_sleep_time", "attention")


def test_a_broken_night() -> None:
    home = SensorHome("sleep")
    nights(home, range(9), "07:00", ways=1)
    assert ("open", "sudden_night_exits", "attention") in nights(home, range(9, 10), "07:00", ways=8)
    assert "昨夜离床 8 次，平时每夜 1 次" in home.found[0].reason_zh


def test_turning_in_bed_and_a_night_away_are_nothing() -> None:
    home = SensorHome("sleep")
    nights(home, range(9), "07:00")
    for minute in range(10, 50, 4):  # the pressure is off for a minute
        home.bed(9, f"01:{minute}", enter=False)
        home.bed(9, f"01:{minute + 1}", enter=True)
    home.bed(9, "07:00", enter=False)
    home.bed(11, "22:30", enter=True)
    assert raised(home.until(11, "23:00")) == []
