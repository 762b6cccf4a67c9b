"""Where the database is: one setting for every program."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from database.errors import DatabaseError


class DatabaseSettings(BaseSettings):
    """Read from the environment, prefix ``SHOUWANG_``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_", extra="ignore")

    database_url: str = Field(default="", repr=False)


def database_url() -> str:
    """``SHOUWANG_DATABASE_URL``. Raises DatabaseError where it is not set."""
    url = DatabaseSettings().database_url
    if not url:
        raise DatabaseError(
            "SHOUWANG_DATABASE_URL is not set; it names the database, e.g. postgresql://user@host/shouwang"
        )
    return url
