"""Settings of the issuing service, from the environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IssuerSettings(BaseSettings):
    """Settings ``SHOUWANG_ISSUER_…``; beside ``SHOUWANG_BROKER_…`` (as ``svc-issuer``) and ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_ISSUER_")

    cert: Path = Field(
        default=Path("/etc/shouwang/tls/issuing.crt"), description="the issuing authority's certificate, issuing.crt"
    )
    key: Path = Field(
        default=Path("/etc/shouwang/tls/issuing.key"), description="its key, issuing.key; no other service may read it"
    )
    days: int = Field(default=397, ge=1, le=825, description="life of a gateway's certificate")
    enrolment_host: str = Field(default="127.0.0.1", description="address on which new gateways enrol")
    enrolment_port: int = Field(default=8443, ge=0, le=65535, description="its port")
    enrolment_cert: Path | None = Field(default=None, description="server certificate for it; none: nobody can enrol")
    enrolment_key: Path | None = Field(default=None, description="its key")
