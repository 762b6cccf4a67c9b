"""How the workers of ingest divide the district."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from firmware_profiles import senml, wire
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
