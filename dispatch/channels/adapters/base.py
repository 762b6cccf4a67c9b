"""What a channel is given, what it answers, and the two ways in which it fails."""

from typing import Protocol
from uuid import UUID

import msgspec


class Outgoing(msgspec.Struct, frozen=True):
    """A message as it goes to the peer. Repeated with the same ``key`` it has the same contents."""

    key: UUID
    """Idempotency key: a peer that honours it delivers a repetition once."""
    message_id: int
    channel: str
    address: str
    name: str
    language: str
    severity: str
    title: str
    text: str
    link: str = ""
    """One tap acknowledges; empty where nothing has to be acknowledged."""
    map_link: str = ""
    receipt_url: str = ""
    """Where the peer may report what became of it."""


class Sent(msgspec.Struct, frozen=True):
    """The peer has taken it."""

    provider_id: str = ""
    delivered: bool = False
    """The peer says that it has reached the person, not only itself."""


class DeliveryError(Exception):
    """It was not sent. The text is stored with the attempt, and never logged: peers repeat what they were told."""


class RetryableError(DeliveryError):
    """Later it may succeed. ``after_s``: what the peer asked for."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class PermanentError(DeliveryError):
    """It can not succeed: a wrong number, a refusal, an account without the right."""


class ConfigError(ValueError):
    """The settings of a channel are wrong; the text names the channel and says what to write."""


class Adapter(Protocol):
    """How messages leave by one channel. Called from several threads."""

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        """Hand it to the peer within ``timeout_s``. Raises RetryableError or PermanentError."""
        ...

    def reaches(self, address: str) -> bool:
        """Whether this channel leads to that address at all."""
        ...
