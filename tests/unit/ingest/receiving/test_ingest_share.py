"""How the workers of ingest divide the district."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from firmware_profiles import senml, wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.link import shares
from ingest.receiving.share import SHARDS, Share
from ingest.settings import IngestSettings

TOPICS = [
    *(wire.topic(f"gw-{n:04d}", leaf) for n in range(400) for leaf in ("readings", "events", "status")),
    *(senml.topic(f"gw-{n:04d}") for n in range(100)),
    "care/v1/zz/gw-1/status",
    "care/v1",
    "senml/v1/",
]


@given(st.integers(1, SHARDS))
def test_every_message_is_one_workers(workers: int) -> None:
    shares = [Share(number, workers) for number in range(workers)]
    topics = [f"care/v1/{shard:02x}/gw-1/readings" for shard in range(SHARDS)]
    sizes = [sum(share.holds(topic) for topic in topics) for share in shares]
    assert sum(sizes) == SHARDS
    assert max(sizes) - min(sizes) <= 1
    for topic in TOPICS:
        assert sum(share.holds(topic) for share in shares) == 1, topic


def test_all_leaves_of_a_gateway_are_the_same_workers() -> None:
    for n in range(50):
        name = f"gw-{n:04d}"
        topics = [wire.topic(name, leaf) for leaf in wire.LEAVES] + [senml.topic(name)]
        assert len({[Share(i, 5).holds(topic) for i in range(5)].index(True) for topic in topics}) == 1


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a broker gives a message of this topic to who has subscribed to the filter (without ``#``)."""
    asked, given = topic_filter.split("/"), topic.split("/")
    return len(asked) == len(given) and all(a in ("+", g) for a, g in zip(asked, given, strict=True))


@given(
    st.integers(1, SHARDS),
    st.sampled_from([TOPICS[0], senml.topic("gw-7"), wire.topic("gw-3", "observations"), wire.topic("gw-3", "events")]),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_what_the_broker_divides_or_not_is_heard_and_held_by_one_worker(
    workers: int, topic: str, hashed: int, by_shard: bool
) -> None:
    """Whatever the number of workers, whether the broker divides or not, and by whatever hash it does."""
    divided = shares.share_filter(topic).replace("+", "{}").format(*(hashed % count for count in shares.COUNTS))
    heard = [divided, topic] if topic.endswith("/readings") or topic.startswith("senml/") else [topic]
    if by_shard:  # for a broker that does not divide
        heard = [topic]
    for given_topic in heard:
        takers = hearers = 0
        for share in (Share(number, workers) for number in range(workers)):
            asked = share.subscriptions(by_shard=by_shard)
            hears = sum(matches(one, given_topic) for one in (*asked.urgent, *asked.bulk, *asked.added))
            assert hears <= 1, "by one subscription, not twice"
            hearers += hears
            takers += bool(hears) and share.holds(given_topic)
        assert takers == 1
        if (given_topic == divided and workers in shares.COUNTS) or (by_shard and topic.startswith("care/")):
            assert hearers == 1, "the others do not even hear it"
    assert shares.original_topic(divided) == shares.original_topic(topic) == topic


def test_a_topic_that_only_begins_as_a_share_is_left_to_be_refused() -> None:
    for odd in ("share/v1/", "share/v1/care", "share/v1/1/2/3", "share", shares.share_filter("")):
        with pytest.raises(DecodeError):
            wire.parse_topic(shares.original_topic(odd))


def test_the_number_at_the_end_of_the_name_is_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_INGEST_WORKERS", "4")
    monkeypatch.setenv("SHOUWANG_INGEST_WORKER", "ingest-3")
    settings = IngestSettings()
    assert settings.share == Share(3, 4)
    assert settings.session == "ingest-3-of-4"
    for wrong in ("ingest-4", "ingest"):
        monkeypatch.setenv("SHOUWANG_INGEST_WORKER", wrong)
        with pytest.raises(ValidationError, match="worker"):
            IngestSettings()


def test_one_worker_may_have_any_name() -> None:
    settings = IngestSettings(worker="here")
    assert (settings.share, settings.session) == (Share(), "here")
