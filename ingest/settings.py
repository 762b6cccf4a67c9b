"""Ingest's settings, from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IngestSettings(BaseSettings):
    """``SHOUWANG_INGEST_…``; the broker's are ``SHOUWANG_BROKER_…``, the database's ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_INGEST_")

    worker: str = Field(default="ingest-0", description="client id: its persistent session at the broker")
    shards: str = Field(default="+", description="'+' for all, or a list of two-digit shards: '00,01,02'")
    queue_mb: int = Field(default=64, ge=1, description="bytes taken from the broker and not yet stored, at most")
    batch_readings: int = Field(default=100_000, ge=1, description="readings in one transaction, at most")
    gather_ms: int = Field(default=40, ge=0, description="how long a transaction waits for company when little comes")
    past_days: int = Field(default=90, ge=1, description="older readings are refused")
    future_s: int = Field(default=300, ge=0, description="readings further ahead than this are refused")
