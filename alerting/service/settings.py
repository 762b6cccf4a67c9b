"""Alerting's settings, from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AlertingSettings(BaseSettings):
    """``SHOUWANG_ALERTING_…``; the broker's are ``SHOUWANG_BROKER_…``, the database's ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_ALERTING_")

    worker: str = Field(default="alerting-0", description="client id: its persistent session at the broker")
    data_dir: Path = Field(default=Path(".shouwang/alerting"), description="spool of alerts, copy of the registry")
    registry_refresh_s: float = Field(default=15.0, ge=1, description="how often residents and devices are read anew")
    broker_away_s: float = Field(
        default=30.0, ge=1, description="a broker out of reach for so long is a technical alert"
    )
    snapshot_s: float = Field(default=20.0, ge=0.1, description="how often the engine's memory is written to disk")
    people_refresh_s: float = Field(
        default=60.0, ge=1, description="how often people and policies are copied for the time without the database"
    )
