"""Settings of ingest, from the environment."""

import re
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.batches.batch import Limits
from ingest.receiving.share import SHARDS, Share
from vocabulary.times import DAY_US, SECOND_US


class IngestSettings(BaseSettings):
    """Settings ``SHOUWANG_INGEST_…``; beside ``SHOUWANG_BROKER_…`` and ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_INGEST_")

    worker: str = Field(
        default="ingest-0",
        description="client id: its persistent session at the broker. With several workers each ends in its number,"
        " from 0 on: 'ingest-0', 'ingest-1'",
    )
    workers: int = Field(default=1, ge=1, le=SHARDS, description="how many workers share the gateways by their shards")
    by_shard: bool = Field(
        default=False,
        description="for mosquitto: each of several workers subscribes to its shards alone. NATS divides by itself",
    )
    queue_mb: int = Field(default=64, ge=1, description="bytes taken from the broker and not yet stored, at most")
    batch_readings: int = Field(default=100_000, ge=1, description="readings in one transaction, at most")
    gather_ms: int = Field(default=80, ge=0, description="how long a transaction waits for company when little comes")
    past_days: int = Field(
        default=90,
        ge=1,
        description="older readings are refused, and whatever is older than what is kept (docs/storage.md)",
    )
    gateway_messages_per_s: float = Field(
        default=50, gt=0, description="allowance of one gateway; beyond it, it waits until the others are served"
    )
    gateway_readings_per_s: float = Field(
        default=5000, gt=0, description="the same in readings (8 bytes of a message count as one)"
    )
    gateway_burst_s: float = Field(
        default=600, gt=0, description="so many seconds' worth of the allowance may come at once"
    )
    quarantine_entries: int = Field(
        default=1000, ge=1, description="open entries of one gateway for one reason; further ones are counted alone"
    )
    quarantine_gateway_mb: int = Field(default=8, ge=1, description="bytes kept of one gateway for one reason, at most")
    quarantine_mb: int = Field(default=1024, ge=1, description="bytes kept in quarantine altogether, at most")
    gap_look_s: float = Field(default=10, gt=0, description="how often the streams are looked through for gaps")
    gap_age_s: float = Field(default=60, ge=0, description="a gap of this age is not late, but lost on the way")
    gap_event_age_s: float = Field(
        default=5, ge=0, description="as gap_age_s, of events: somebody may have called for help"
    )
    future_s: int = Field(default=300, ge=0, description="readings further ahead than this are refused")

    @model_validator(mode="after")
    def _is_one_of_the_workers(self) -> Self:
        _ = self.share  # raises
        return self

    @property
    def share(self) -> Share:
        """The part of the district that this worker takes."""
        if self.workers == 1:
            return Share()
        number = re.search(r"[0-9]+\Z", self.worker)
        if number is None:
            raise ValueError(f"worker {self.worker!r} must end in its number, as 'ingest-0': there are {self.workers}")
        return Share(int(number.group()), self.workers)

    @property
    def session(self) -> str:
        """The worker's session at the broker. It names the number of workers and how they divide, because the messages
        that wait in a session are those of one share."""
        if self.workers == 1:
            return self.worker
        return f"{self.worker}-of-{self.workers}" + ("-by-shard" if self.by_shard else "")


def accepted_times(settings: IngestSettings, now_us: int) -> Limits:
    """The times that a reading may have at ``now_us`` (µs since 1970)."""
    return Limits(now_us - settings.past_days * DAY_US, now_us + settings.future_s * SECOND_US)
