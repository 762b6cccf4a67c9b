"""The dispatch service's settings, from the environment."""

import datetime as dt
import os
import socket

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DispatchSettings(BaseSettings):
    """``SHOUWANG_DISPATCH_…``; the database's are ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_DISPATCH_")

    worker: str = Field(default="dispatch-0", description="its name in 'shouwang dispatch status'; each has its own")
    holes_at: dt.time = Field(
        default=dt.time(16), description="when tonight's roster is held against the policies (Asia/Shanghai)"
    )
    holes_hours: int = Field(default=18, ge=1, le=24 * 7, description="how many hours from now are looked at")
    holes_every_s: float = Field(default=900.0, ge=5, description="how often it is looked at besides, for what changes")
    duty_tests: bool = Field(
        default=True, description="whether the people of a shift get a test message an hour before it begins"
    )

    @property
    def process(self) -> str:
        """Name of this very process among several of the same worker's name."""
        return f"{self.worker}@{socket.gethostname()}/{os.getpid()}"
