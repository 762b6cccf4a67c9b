"""The delivery service's settings, from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from dispatch.core.links import KEY_FILE


class NotifySettings(BaseSettings):
    """``SHOUWANG_NOTIFY_…``; the database's are ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_NOTIFY_", populate_by_name=True)

    worker: str = Field(default="notify-0", description="name of this process in the record of attempts")
    channels_file: Path = Field(default=Path("channels.toml"), description="the channels and their order (TOML)")
    console_url: str = Field(
        default="http://127.0.0.1:8420", description="where people reach the console: the beginning of links"
    )
    link_hours: float = Field(default=12.0, gt=0, description="how long a link to acknowledge works")
    link_key_file: Path | None = Field(
        default=None,
        validation_alias=KEY_FILE,
        description="key of the links in messages; without it messages go without links",
    )
