"""Define the input, the result and the two errors of a channel's adapter."""

from typing import Protocol
from uuid import UUID

import msgspec


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
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
    """Address at which the peer may report a receipt."""


class Sent(msgspec.Struct, frozen=True):
    """The peer has taken it."""

    provider_id: str = ""
    delivered: bool = False
    """Whether the message reached the person already, not only the peer."""


class DeliveryError(Exception):
    """A message was not sent. The text is stored with the attempt, and never logged: peers repeat personal data."""


class RetryableError(DeliveryError):
    """A later attempt may succeed. ``after_s``: the pause that the peer asked for."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class PermanentError(DeliveryError):
    """No attempt can succeed: a wrong number, a refusal, an account without the right."""


class ConfigError(ValueError):
    """The settings of a channel are wrong; the text names the channel and says what to write."""


class Adapter(Protocol):
    """A way to send messages by one channel. Called from several threads."""

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        """Hand it to the peer within ``timeout_s``. Raises RetryableError or PermanentError."""
        ...

    def reaches(self, address: str) -> bool:
        """Whether this channel leads to that address at all."""
        ...


class Subscription(msgspec.Struct, frozen=True):
    """A browser that agreed to receive pushes, with its keys (RFC 8291)."""

    endpoint: str
    p256dh: str
    auth: str


class Subscriptions(Protocol):
    """Store of the browsers of accounts."""

    def of(self, account_id: int) -> list[Subscription]: ...

    def forget(self, endpoint: str) -> None: ...
