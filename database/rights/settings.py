"""Settings of the audit's checkpoints, from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AuditSettings(BaseSettings):
    """Settings ``SHOUWANG_AUDIT_…`` of the maintenance service and of ``shouwang audit``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_AUDIT_")

    key_file: Path | None = Field(
        default=None, description="key that signs a checkpoint of the audit each day; without it there are none"
    )
    checkpoint_folder: Path | None = Field(
        default=None, description="folder that gets a file of each checkpoint, to be copied elsewhere"
    )
