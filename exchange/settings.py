"""The exchange's settings, from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ExchangeSettings(BaseSettings):
    """``SHOUWANG_EXCHANGE_…``; the broker's are ``SHOUWANG_BROKER_…``, the database's ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_EXCHANGE_")

    host: str = Field(
        default="127.0.0.1", description="address to listen on; a reverse proxy with TLS stands before it"
    )
    port: int = Field(default=8430, description="port to listen on")
    public_url: str = Field(
        default="",
        description="address by which other systems reach it, for links in answers; empty: that of the request",
    )
    trusted_proxy: str = Field(
        default="",
        description="address of the reverse proxy whose X-Forwarded-For and -Proto are believed; none: empty",
    )
    requests_per_s: float = Field(default=10.0, gt=0, description="requests of one token a second, in the long run")
    burst: int = Field(default=60, ge=1, description="requests of one token at once")
    data_dir: Path = Field(
        default=Path("exchange"), description="folder of exported files, which end by themselves", validate_default=True
    )
    export_hours: int = Field(default=24, ge=1, le=168, description="how long an exported file can be fetched")
    export_mb: int = Field(default=4096, ge=1, description="size of one export at most")
    local_webhooks: bool = Field(
        default=False, description="webhooks may lead to this machine itself, by http: for a trial and tests alone"
    )
    worker: str = Field(default="exchange-0", description="client id at the broker")
