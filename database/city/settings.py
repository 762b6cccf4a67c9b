"""Settings of a district that tells the city, from the environment."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from database.address import verified


class FeedSettings(BaseSettings):
    """Settings ``SHOUWANG_FEED_…`` of the maintenance service, which fills the feed."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_FEED_")

    url: str | None = Field(
        default=None, description="libpq connection string of the feed for the city; none: the district tells no city"
    )
    every_s: float = Field(default=10.0, ge=0.05, le=3600, description="interval at which what is new is told")

    @field_validator("url")
    @classmethod
    def _verified(cls, url: str | None) -> str | None:
        return None if url is None else verified(url)
