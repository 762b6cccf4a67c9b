"""A preview says of how many alerts it is sure, and how unsure it is of the others."""

from alerting.preview.counting import Counts
from alerting.preview.jobs import Preview


def counts(before: int, then: int) -> Counts:
    return Counts(before=before, then=then, came=[], gone=[], changed=0, days=14.0)


def preview(*each: Counts, group: int) -> Preview:
    return Preview(id="x", account_id=1, scope="district", key="", name="inactivity.floor", value=60,
                   counts=list(each), group=group)  # fmt: skip


def test_of_a_group_the_mean_goes_with_its_uncertainty() -> None:
    found = preview(counts(4, 2), counts(3, 1), counts(0, 0), counts(2, 2), group=40)
    whole = found.for_all()
    assert whole is not None
    mean, low, high = whole
    assert mean == -40
    assert low <= mean <= high
    assert (found.before, found.then, found.days) == (9, 5, 14.0)


def test_few_or_all_say_no_more_than_they_are() -> None:
    assert preview(counts(1, 0), counts(1, 0), group=40).for_all() is None
    assert preview(*[counts(1, 0)] * 5, group=5).for_all() is None
    assert preview(group=3).days == 0
