"""Settings of the connection to the broker, the same for every service."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from firmware_profiles.link.mqtt import Broker


class BrokerSettings(BaseSettings):
    """``SHOUWANG_BROKER_…``. The common name of the certificate is the identity that the broker's access list knows."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_BROKER_")

    host: str = Field(default="127.0.0.1", description="the broker's address")
    port: int = Field(default=8883, description="its MQTT port")
    ca: Path | None = Field(default=None, description="the authority's certificate; none: plain TCP, loopback only")
    cert: Path | None = Field(default=None, description="this program's certificate")
    key: Path | None = Field(default=None, description="its private key")
    command_key: Path | None = Field(default=None, description="Ed25519 key that signs commands to gateways")

    def broker(self) -> Broker:
        return Broker(self.host, self.port, self.ca, self.cert, self.key, self.command_key)
