"""Divide the gateways among the workers, by the shard in their topics. Pure."""

from functools import lru_cache

import msgspec

from firmware_profiles import senml, wire
from firmware_profiles.link import shares

SHARDS = 256
URGENT = (wire.subscription("events"), wire.subscription("status"))
BULK = (wire.subscription("readings"), senml.SUBSCRIPTION)
"""Filters of every worker, by session, for what the broker has not divided; :meth:`Share.holds` says what is its own.

Two sessions, because a broker bounds the queue of each by itself: while ingest is away for hours, readings are what it
throws away (and what is asked for again afterwards), never an event.
"""
ADDED = (wire.subscription("observations"),)
"""Of the session for readings, too, by a request of their own: an older access list of a broker refuses them, and the
others stay as they are."""


class Subscriptions(msgspec.Struct, frozen=True):
    """Topic filters of a worker, by session. ``added``: of the session for readings, too, by a request of their own."""

    urgent: tuple[str, ...]
    bulk: tuple[str, ...]
    added: tuple[str, ...]


class Share(msgspec.Struct, frozen=True):
    """The share of worker ``number`` (from 0) of ``workers``: the shards with ``shard % workers == number``.

    All readings of a gateway are one worker's, and so stay in order, and so are all its events and statuses. Where the
    broker divides readings, it does so by a hash of its own. Raises ValueError for a number that no worker has.
    """

    number: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.workers <= SHARDS:
            raise ValueError(
                f"worker {self.number} of {self.workers}: workers are numbered from 0, and there are {SHARDS} at most"
            )

    def holds(self, topic: str) -> bool:
        """Whether a message of this topic is this worker's. A topic without a shard is the first worker's."""
        if self.workers == 1 or (self.workers in shares.COUNTS and shares.names_share(topic)):
            return True  # the broker has divided, and gives what was asked for
        return _shard(topic) % self.workers == self.number

    def subscriptions(self, *, by_shard: bool = False) -> Subscriptions:
        """The filters of this worker: for its share of what NATS divides, and for everything else.

        ``by_shard``: a subscription for each of its shards, for mosquitto. NATS searches all waiting messages once for
        each subscription, and allows 65,535 unacknowledged messages for all of a session (decision 0008).
        """
        divided = tuple(shares.share_filter(name, self.number, self.workers) for name in BULK)
        if not by_shard or self.workers == 1:
            return Subscriptions(URGENT, BULK, (*ADDED, *divided))
        return Subscriptions(self._by_shard(URGENT), self._by_shard(BULK), self._by_shard(ADDED))

    def _by_shard(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """These filters for each shard; a topic that names none (of SenML) is heard from all gateways."""
        mine = [f"{shard:02x}" for shard in range(self.number, SHARDS, self.workers)]
        whole = tuple(name for name in names if not name.startswith("care/"))
        divisible = [name for name in names if name.startswith("care/")]
        return (*whole, *(name.replace("/+/", f"/{shard}/", 1) for name in divisible for shard in mine))


@lru_cache(maxsize=50_000)
def _shard(topic: str) -> int:
    topic = shares.original_topic(topic)
    if topic.startswith("senml/"):
        shard = wire.shard_of(wire.gateway_in(topic) or "")
    else:
        shard = [*topic.split("/", 3), "", "", ""][2]
    try:
        return int(shard, 16)
    except ValueError:
        return 0
