"""Settings of the probes and of the log, from the environment; the same names for every service."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from observability.liveness import TURN_S


class ProbeSettings(BaseSettings):
    """``SHOUWANG_PROBE_…``: the small HTTP server with ``/live``, ``/ready`` and ``/metrics``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_PROBE_")

    host: str = Field(default="127.0.0.1", description="address of the probes; they need no login and name no person")
    port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="port of /live, /ready and /metrics; none: no probes; 0: any free one, which the log tells",
    )
    turn_s: float = Field(
        default=TURN_S,
        ge=1,
        description="a part that does not turn, or does none of its work, for so long stands still",
    )
    end_after_s: float = Field(
        default=30.0,
        ge=1,
        description="a program with a part that stands still ends by itself so long after /live has failed",
    )


class LogSettings(BaseSettings):
    """``SHOUWANG_LOG_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_LOG_")

    format: Literal["text", "json"] = Field(default="text", description="a line of text, or a JSON object, per entry")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="lower levels are left out")
