"""Settings of the watcher of the path, from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PathSettings(BaseSettings):
    """``SHOUWANG_PATH_…``; beside ``SHOUWANG_BROKER_…`` (as ``gw-path-1``) and ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_PATH_")

    data_dir: Path = Field(default=Path("path-data"), description="folder of its outbox")
    every_s: float = Field(default=15.0, ge=2, le=30, description="interval of the presses and falls")
    patience_s: float = Field(
        default=14.0, ge=2, le=18, description="time in which a press has to arrive everywhere; then it is taken back"
    )
    silence_first_s: float = Field(
        default=300.0, ge=0, description="time after the start in which the second gateway goes silent"
    )
    silence_every_s: float = Field(
        default=21600.0,
        ge=14400,
        description="interval at which it does so again; six hours. Alerting says it six times a day",
    )
    silent_cert: Path | None = Field(default=None, description="certificate of gw-path-2; none: it never goes silent")
    silent_key: Path | None = Field(default=None, description="its key")
