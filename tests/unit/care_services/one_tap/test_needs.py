"""Buttons of needs: the service that each asks for, the time that "soon" means, and words that are an emergency."""

import datetime as dt

from care_services.one_tap.needs import BY_CODE, service_of, soonest, urgent_word
from vocabulary.times import SHANGHAI


def test_a_button_asks_for_what_is_offered_here_first() -> None:
    services = [("check", "vital_signs"), ("nurse", "nursing_visit"), ("nurse2", "nursing_visit")]
    assert service_of(BY_CODE["doctor"], services, ()) == "nurse"
    assert service_of(BY_CODE["doctor"], services, {"nurse2"}) == "nurse2"
    assert service_of(BY_CODE["bath"], services, {"nurse2"}) is None


def test_soon_is_a_time_at_which_somebody_works() -> None:
    def said(hour: int, minute: int) -> str:
        return f"{soonest(dt.datetime(2026, 3, 4, hour, minute, tzinfo=SHANGHAI)).astimezone(SHANGHAI):%d %H:%M}"

    assert [said(*at) for at in ((2, 0), (9, 10), (15, 50), (16, 10), (23, 0))] == [
        "04 09:00", "04 10:30", "04 17:00", "05 09:00", "05 09:00"
    ]  # fmt: skip


def test_words_of_an_emergency_are_heard() -> None:
    assert urgent_word("妈妈早上摔倒了") == "摔倒"
    assert urgent_word("She has Chest Pain") == "chest pain"
    assert urgent_word("想洗个澡，水龙头也坏了") == ""
