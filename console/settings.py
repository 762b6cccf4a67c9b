"""The console's settings, from the environment."""

from pathlib import Path

from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from care_network.access.logins import SecondFactor
from database.address import verified
from database.rights.grants import BY_VIEWER, OF_CONSOLE, role_of
from dispatch.core.links import KEY_FILE

OWN_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class ConsoleSettings(BaseSettings):
    """``SHOUWANG_CONSOLE_…``; the broker's are ``SHOUWANG_BROKER_…``, the database's ``SHOUWANG_DATABASE_…``."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_CONSOLE_", populate_by_name=True)

    host: str = Field(
        default="127.0.0.1", description="address to listen on; a reverse proxy with TLS stands before it"
    )
    port: int = Field(default=8420, description="port to listen on")
    secure_cookie: bool = Field(default=False, description="true behind TLS: the session cookie travels by https alone")
    trusted_proxy: str = Field(
        default="",
        description="address of the reverse proxy whose X-Forwarded-For and -Proto are believed; none: empty",
    )
    allowed_hosts: str = Field(
        default="", description="names by which browsers reach the console, with commas; this machine's own always work"
    )
    second_factor: SecondFactor = Field(
        default="optional",
        description="who cannot log in without a second factor: 'optional' (nobody), 'admin', or 'staff'",
    )
    passkey_host: str = Field(
        default="",
        description="the name by which browsers reach the console, and passkeys are made for; the first of the allowed"
        " hosts by default, else 'localhost'",
    )
    simulated_days: int = Field(
        default=0, description="days before the first start that a demonstration has made up, as its pages say; 0: none"
    )
    worker: str = Field(default="console-0", description="client id at the broker")
    medical_key_file: Path | None = Field(
        default=None,
        validation_alias="SHOUWANG_MEDICAL_KEY_FILE",
        description="key file of the medical notes; without it they are not shown",
    )
    identity_key_file: Path | None = Field(
        default=None,
        validation_alias="SHOUWANG_IDENTITY_KEY_FILE",
        description="key file of the identity numbers; without it registers are not read",
    )
    report_key_file: Path | None = Field(
        default=None,
        validation_alias="SHOUWANG_REPORT_KEY_FILE",
        description="key with which the district signs packages for other levels; without it none is made",
    )
    channels_file: Path | None = Field(
        default=None,
        validation_alias="SHOUWANG_NOTIFY_CHANNELS_FILE",
        description="the delivery service's channels: their names, and whether the outbox has a page",
    )
    login_database: str = Field(
        default="",
        description="libpq connection string of the role that checks passwords (shouwang_login); without it"
        " SHOUWANG_DATABASE_URL's, as for the next two",
    )
    links_database: str = Field(
        default="", description="the same of the role of pages behind a signed link (shouwang_links)"
    )
    board_database: str = Field(
        default="", description="the same of the role that reads what all desks share (shouwang_board)"
    )
    procedures_file: Path | None = Field(
        default=None, description="procedure cards of the district (TOML); without it those of the program"
    )
    link_key_file: Path | None = Field(
        default=None, validation_alias=KEY_FILE, description="key of the links in messages, to verify them"
    )

    @field_validator("login_database", "links_database", "board_database")
    @classmethod
    def _verified(cls, url: str) -> str:
        return verified(url) if url else ""

    @property
    def passkeys_for(self) -> str:
        """The host name that passkeys belong to."""
        named = [self.passkey_host, *self.allowed_hosts.split(","), "localhost"]
        return next(name.strip().lower() for name in named if name.strip())

    def missing_logins(self, url: str) -> list[str]:
        """The settings that the console cannot do without where ``url`` is of its own role, which reads no password."""
        if conninfo_to_dict(url).get("user") != role_of(BY_VIEWER):
            return []
        names = [f"{name}_database" for name in OF_CONSOLE]
        return [f"SHOUWANG_CONSOLE_{name.upper()}" for name in names if not getattr(self, name)]

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names that are served, without ports."""
        names = [name.strip() for name in self.allowed_hosts.split(",")]
        return (*OWN_HOSTS, self.host, *(name for name in names if name))
