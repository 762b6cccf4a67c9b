"""``adapter = "webpush"``: to the browsers that a person registered (RFC 8030, encrypted by RFC 8291, VAPID RFC 8292).

The address is the account's number; its browsers are in ``push_subscription``.
"""

import base64
import os
from pathlib import Path

import msgspec
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02, VapidException
from pywebpush import WebPushException, webpush

from dispatch.channels.adapters.base import (
    ConfigError,
    Outgoing,
    PermanentError,
    RetryableError,
    Sent,
    Subscription,
    Subscriptions,
)
from dispatch.channels.adapters.http_request import LATER
from dispatch.channels.names import public_key_file
from dispatch.core.push_services import PushServiceError, check_endpoint

TTL_S = {"emergency": 600, "urgent": 3600}
"""Seconds for which a push service keeps a message for a browser that is off; older news would mislead."""


class WebPushOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``options`` of the channel."""

    private_key_file: str
    """The VAPID key (PEM, EC P-256): ``shouwang notify push-key FILE`` makes one."""
    contact: str
    """``mailto:…`` or ``https://…`` of the operator, for the push services."""
    services: tuple[str, ...] = ()
    """Host names (with the port, if not 443) of push services beside those of the browsers' makers."""


class _NoRedirects(requests.Session):
    """Follows no redirect: the address that was checked is the one that is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = 0


class WebPush:
    def __init__(self, options: WebPushOptions, subscriptions: Subscriptions) -> None:
        if not options.contact.startswith(("mailto:", "https://")):
            raise ConfigError("'contact' begins with mailto: or https://")
        self._options, self._subscriptions = options, subscriptions
        self._key = load_key(Path(options.private_key_file))

    def reaches(self, address: str) -> bool:
        return address.isdecimal() and bool(self._subscriptions.of(int(address)))

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        """Send to every browser of the account; one that takes it is enough. Browsers that are gone are dropped."""
        browsers = self._subscriptions.of(int(message.address))
        if not browsers:
            raise PermanentError("no browser is registered any more")
        body = msgspec.json.encode(
            {"title": message.title, "body": message.text, "link": message.link, "tag": str(message.key)}
        ).decode()
        errors: list[RetryableError | PermanentError] = []
        for subscription in browsers:
            try:
                self._push(subscription, body, message, timeout_s / len(browsers))
            except (RetryableError, PermanentError) as error:
                errors.append(error)
        if len(errors) == len(browsers):
            raise next((error for error in errors if isinstance(error, RetryableError)), errors[0])
        return Sent(f"{len(browsers) - len(errors)}/{len(browsers)}")

    def _push(self, subscription: Subscription, body: str, message: Outgoing, timeout_s: float) -> None:
        try:
            webpush(
                {
                    "endpoint": check_endpoint(subscription.endpoint, self._options.services),
                    "keys": {"p256dh": subscription.p256dh, "auth": subscription.auth},
                },
                body,
                vapid_private_key=self._key,
                vapid_claims={"sub": self._options.contact},
                ttl=TTL_S.get(message.severity, 86_400),
                timeout=timeout_s,
                requests_session=_NoRedirects(),
                # Topic: a second push with the same one replaces the first while the browser is off (RFC 8030, 5.4).
                headers={
                    "Urgency": "high" if message.severity in TTL_S else "normal",
                    "Topic": message.key.hex,
                },
            )
        except WebPushException as error:
            status = error.status_code
            if status in (404, 410):
                self._subscriptions.forget(subscription.endpoint)
            if status is None or (status not in LATER and status < 500):
                raise PermanentError(f"push service: HTTP {status}") from error
            raise RetryableError(f"push service: HTTP {status}", _seconds(error.retry_after)) from error
        except PushServiceError as error:
            self._subscriptions.forget(subscription.endpoint)
            raise PermanentError(error.message_en) from error
        except requests.RequestException as error:
            raise RetryableError(f"push service: {type(error).__name__}") from error
        except (ValueError, VapidException) as error:  # the browser's keys are invalid
            self._subscriptions.forget(subscription.endpoint)
            raise PermanentError(f"the browser's registration is damaged: {error}"[:300]) from error


def load_key(file: Path) -> Vapid02:
    """Read the VAPID key. Raises ConfigError with what to do."""
    try:
        return Vapid02.from_file(str(file)) if file.exists() else _missing(file)
    except (OSError, ValueError, VapidException) as error:
        raise ConfigError(f"the VAPID key {file} cannot be read: {error}") from error


def create_key(file: Path) -> str:
    """Make a key pair, the public one beside it for the console; an existing pair stays. Gives the public key as
    browsers take it: the uncompressed point in base64url (RFC 8292, 3.2)."""
    if not file.exists():
        key = Vapid02()
        key.generate_keys()
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(key.private_pem())
    point = load_key(file).public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    public = base64.urlsafe_b64encode(point).decode().rstrip("=")
    public_key_file(file).write_text(public + "\n", "ascii")
    return public


def _missing(file: Path) -> Vapid02:
    raise ConfigError(f"there is no VAPID key {file}: make one with 'shouwang notify push-key {file}'")


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdecimal() else None
