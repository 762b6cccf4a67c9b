"""Settings of the database, from the environment."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from database.address import verified


class DatabaseSettings(BaseSettings):
    """Settings ``SHOUWANG_DATABASE_…`` that every service of the district shares."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_DATABASE_")

    url: str = Field(
        default="postgresql://shouwang@127.0.0.1:5432/shouwang",
        description="libpq connection string of the district's database; another machine has to prove who it is"
        " (sslmode=verify-full) unless it says otherwise",
    )
    pool_min: int = Field(default=1, ge=0, description="connections kept open")
    pool_max: int = Field(default=8, ge=1, description="connections opened at most")
    statement_timeout_ms: int = Field(
        default=30_000, ge=0, description="a statement that runs longer is cancelled; 0: never"
    )

    disk: Path | None = Field(
        default=None,
        description="a folder on the database's disk, where it can be seen from the maintenance service: then the page"
        " of storage tells when it is full; none: the usual place of PostgreSQL's data, where the database is on this"
        " machine, else unknown",
    )

    @field_validator("disk", mode="before")
    @classmethod
    def _none_where_empty(cls, disk: object) -> object:
        return None if disk == "" else disk

    @field_validator("url")
    @classmethod
    def _verified(cls, url: str) -> str:
        return verified(url)
