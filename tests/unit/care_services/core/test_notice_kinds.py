"""When a notice is sent, and how a digest names what it holds."""

import datetime as dt

import pytest

from care_services.core.notice_kinds import ALONE, KINDS, Pace, again_at, is_night, send_at, words_of
from vocabulary.times import SHANGHAI

NOON = dt.datetime(2026, 11, 2, 12, tzinfo=SHANGHAI)


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("pace", "due", "sent"),
    [
        ("digest", at(1, 8), at(3, 9)),  # over: the next morning
        ("digest", at(2, 9), at(3, 9)),
        ("digest", at(4, 9), at(4, 9)),
        ("digest", at(4, 9, 1), at(5, 9)),
        ("day", at(1, 8), NOON),
        ("day", at(2, 23), at(3, 7)),
        ("day", at(3, 6, 59), at(3, 7)),
        ("urgent", at(2, 23), at(2, 23)),
    ],
)
def test_a_notice_waits_for_its_hour(pace: Pace, due: dt.datetime, sent: dt.datetime) -> None:
    assert send_at(pace, due, NOON) == sent


def test_the_night_and_the_next_try() -> None:
    assert [is_night(at(2, hour, minute)) for hour, minute in ((21, 59), (22, 0), (6, 59), (7, 0))] == [
        False, True, True, False,
    ]  # fmt: skip
    assert again_at(at(2, 9, 30)) == at(3, 9)


def test_a_digest_names_kinds_and_numbers_alone() -> None:
    words = words_of(["document_unread", "certificate_ends", "document_unread"])
    assert words == ("证书到期 1 条、文件待阅读 2 条", "certificates that end: 1, documents to read: 2")
    assert words_of(["volunteer_help"]) == ("志愿服务", "requests for help"), "one by its kind"


def test_what_asks_for_an_answer_waits_for_no_morning() -> None:
    assert {"volunteer_help", "visit_door"} <= ALONE
    assert all(KINDS[code].pace != "digest" for code in ALONE)
