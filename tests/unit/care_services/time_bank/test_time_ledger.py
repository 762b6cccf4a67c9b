"""The books over plain data: sums are zero, nobody is overdrawn, the oldest minutes go first, what is old expires."""

import datetime as dt
import uuid

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from care_network.errors import ProvisioningError
from care_services.time_bank.ledger import (
    Earning,
    Leg,
    Line,
    Lot,
    OverdrawnError,
    apply,
    check,
    draw,
    expiring,
    months_before,
    move,
    open_again,
    reversed_legs,
    with_balances,
)

ISSUER, EXPIRED, POOL, PEOPLE = 0, 1, 2, (3, 4, 5)
UNBOUNDED = frozenset({ISSUER, EXPIRED})
START = dt.date(2026, 1, 1)


class Books(RuleBasedStateMachine):
    """A model of the ledger in which people earn, spend, give, and minutes expire, as the days pass."""

    def __init__(self) -> None:
        super().__init__()
        self.day = START
        self.lots: dict[tuple[int, dt.date], int] = {}
        self.books: list[list[Leg]] = []
        self.earnings: dict[int, list[Earning]] = {}
        """Of each help: the places of its earnings in the books, and whether they were reversed."""

    def lots_of(self, account: int) -> list[Lot]:
        return [Lot(day, minutes) for (who, day), minutes in self.lots.items() if who == account and minutes]

    def balance(self, account: int) -> int:
        return sum(leg.minutes for legs in self.books for leg in legs if leg.account == account)

    def book(self, legs: list[Leg]) -> None:
        check(legs)
        self.lots = apply(self.lots, legs, UNBOUNDED)
        self.books.append(legs)

    @rule(days=st.integers(1, 90))
    def days_pass(self, days: int) -> None:
        self.day += dt.timedelta(days=days)

    @rule(who=st.sampled_from(PEOPLE), minutes=st.integers(1, 300))
    def earn(self, who: int, minutes: int) -> None:
        self.book([Leg(ISSUER, -minutes, self.day), Leg(who, minutes, self.day)])

    @rule(help_=st.integers(0, 2), minutes=st.integers(1, 300))
    def earn_of_a_help(self, help_: int, minutes: int) -> None:
        """Book what a help earns for the first time, or anew where the rule of the books opens it again."""
        earned = self.earnings.setdefault(help_, [])
        if earned and open_again(earned) is None:
            assert earned[-1].reversal is None, "what it earned stands"
            return
        self.book([Leg(ISSUER, -minutes, self.day), Leg(PEOPLE[help_], minutes, self.day)])
        earned.append(Earning(len(self.books) - 1, None))

    @rule(help_=st.integers(0, 2), which=st.integers(0, 5))
    def reverse_an_earning(self, help_: int, which: int) -> None:
        earned = self.earnings.get(help_, [])
        if which >= len(earned) or earned[which].reversal is not None:
            return
        try:
            self.book(reversed_legs(self.books[earned[which].number]))
        except OverdrawnError:
            return
        earned[which] = Earning(earned[which].number, uuid.uuid4())

    @invariant()
    def no_help_is_paid_more_than_once(self) -> None:
        for earned in self.earnings.values():
            assert sum(one.reversal is None for one in earned) <= 1
            assert (open_again(earned) is None) == (not earned or any(one.reversal is None for one in earned))

    @rule(giver=st.sampled_from((POOL, *PEOPLE)), taker=st.sampled_from((ISSUER, POOL, *PEOPLE)),
          minutes=st.integers(-5, 400))  # fmt: skip
    def give(self, giver: int, taker: int, minutes: int) -> None:
        before = self.balance(giver)
        try:
            legs = move(self.lots_of(giver), giver, taker, minutes)
        except OverdrawnError:
            assert minutes > before
            return
        except ProvisioningError:
            assert minutes <= 0 or giver == taker
            return
        drawn = [leg.earned_on for leg in legs if leg.account == giver]
        left = [lot.earned_on for lot in self.lots_of(giver)]
        self.book(legs)
        assert drawn == sorted(drawn) == sorted(left)[: len(drawn)], "the oldest first"
        assert {leg.earned_on for leg in legs if leg.account == taker} == set(drawn), "nothing becomes younger"

    @rule(months=st.integers(1, 6))
    def expire(self, months: int) -> None:
        before = months_before(self.day, months)
        legs = expiring({who: self.lots_of(who) for who in (POOL, *PEOPLE)}, EXPIRED, before)
        if legs:
            self.book(legs)
        assert all(minutes == 0 or day >= before for (_, day), minutes in self.lots.items())

    @precondition(lambda self: self.books)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        of_helps = {one.number for earned in self.earnings.values() for one in earned}
        others = [legs for place, legs in enumerate(self.books) if place not in of_helps]
        if not others:
            return
        legs = reversed_legs(data.draw(st.sampled_from(others)))
        try:
            self.book(legs)
        except OverdrawnError:
            assert any(self.lots.get((leg.account, leg.earned_on), 0) + leg.minutes < 0 for leg in legs)

    @invariant()
    def the_books_hold(self) -> None:
        assert sum(leg.minutes for legs in self.books for leg in legs) == 0
        for who in (POOL, *PEOPLE):
            assert self.balance(who) == sum(lot.minutes for lot in self.lots_of(who)) >= 0


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_the_oldest_minutes_go_first_and_keep_their_age() -> None:
    lots = [Lot(START + dt.timedelta(days=9), 50), Lot(START, 30)]
    assert draw(lots, 40) == [Lot(START, 30), Lot(START + dt.timedelta(days=9), 10)]
    with pytest.raises(OverdrawnError, match="81 are needed, and there are 80"):
        draw(lots, 81)
    with pytest.raises(ProvisioningError, match="one minute or more"):
        draw(lots, 0)


def test_entries_that_do_not_sum_to_zero_are_none() -> None:
    for legs in ([Leg(1, 5, START)], [Leg(1, 5, START), Leg(2, -4, START)], [Leg(1, 0, START), Leg(2, 0, START)]):
        with pytest.raises(ValueError, match="sum to zero"):
            check(legs)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [("2026-03-31", 1, "2026-02-28"), ("2026-01-15", 1, "2025-12-15"), ("2024-02-29", 12, "2023-02-28"),
     ("2026-12-31", 36, "2023-12-31"), ("2026-11-30", 24, "2024-11-30")],
)  # fmt: skip
def test_months_back(day: str, months: int, expected: str) -> None:
    assert months_before(dt.date.fromisoformat(day), months) == dt.date.fromisoformat(expected)


def test_a_statement_has_the_balance_after_each_line() -> None:
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    lines = [Line(at=at, number=n, kind="earn", minutes=m, balance=0) for n, m in ((1, 60), (2, -20))]
    assert [line.balance for line in with_balances(lines, 10)] == [70, 50]
