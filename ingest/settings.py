"""Ingest's settings, from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.batch import Limits


class IngestSettings(BaseSettings):
    """``SHOUWANG_INGEST_…``; the broker's are ``SHOUWANG_BROKER_…``, the database's ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_INGEST_")

    worker: str = Field(default="ingest-0", description="client id: its persistent session at the broker")
    shards: str = Field(default="+", description="'+' for all, or a list of two-digit shards: '00,01,02'")
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
    gap_look_s: float = Field(default=15, gt=0, description="how often the streams are looked through for gaps")
    gap_age_s: float = Field(default=60, ge=0, description="a gap of this age is not late, but lost on the way")
    future_s: int = Field(default=300, ge=0, description="readings further ahead than this are refused")


def accepted_times(settings: IngestSettings, now_us: int) -> Limits:
    """Which times a reading may have, ``now_us`` (µs since 1970) being now."""
    return Limits(now_us - settings.past_days * 86_400_000_000, now_us + settings.future_s * 1_000_000)
