"""Reach a contact by a signed HTTPS request: a family's service, a neighbour's lamp.

The signature is HMAC-SHA256 (RFC 2104) over the time stamp, a dot and the body, as is usual for webhooks: the receiver
checks it and refuses old time stamps.
"""

import hashlib
import hmac
import time
import urllib.error
import urllib.request

import msgspec
import structlog

from edge_agent.alarm.channels import Attempt
from edge_agent.alarm.rules import Cause
from edge_agent.alarm.settings import Contact, WebhookConfig

log = structlog.get_logger(__name__)


class Webhook:
    """One webhook; a contact is reached if the other side answers with a 2xx status."""

    def __init__(self, config: WebhookConfig, gateway: str) -> None:
        self._config, self._gateway = config, gateway

    def reach(self, contact: Contact, cause: Cause, text: str) -> Attempt:
        try:
            secret = self._config.secret_file.read_bytes().strip()
        except OSError as error:
            return Attempt(False, f"the secret cannot be read: {error.strerror}")
        body = msgspec.json.encode(
            {
                "gateway": self._gateway,
                "contact": contact.name,
                "event": cause.kind,
                "device": cause.device,
                "time_us": cause.time_us,
                "text": text,
            }
        )
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Shouwang-Timestamp": stamp,
            "X-Shouwang-Signature": "sha256=" + sign(secret, stamp, body),
        }
        # the scheme is checked by the settings
        request = urllib.request.Request(self._config.url, body, headers, method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=self._config.timeout_s) as answer:  # noqa: S310
                return Attempt(True, f"HTTP {answer.status}")
        except urllib.error.HTTPError as error:
            with error:
                return Attempt(False, f"HTTP {error.code}")
        except (OSError, ValueError) as error:
            return Attempt(False, f"{type(error).__name__}: {error}"[:100])

    def probe(self) -> str:
        """Check the secret alone: a test must not alarm anybody."""
        return "" if self._config.secret_file.is_file() else f"{self._config.secret_file} is missing"


def sign(secret: bytes, stamp: str, body: bytes) -> str:
    """The signature of a request, hexadecimal."""
    return hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
