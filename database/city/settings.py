"""Settings of a district that tells the city, from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class FeedSettings(BaseSettings):
    """Settings ``SHOUWANG_FEED_…`` of the maintenance service, which fills the feed."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_FEED_")

    url: str | None = Field(
        default=None, description="libpq connection string of the feed for the city; none: the district tells no city"
    )
    every_s: float = Field(default=10.0, ge=0.05, le=3600, description="interval at which what is new is told")
