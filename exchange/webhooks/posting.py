"""Post one message: to the address that was looked at, and to no other; no redirect is followed."""

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from care_network.access.webhook_addresses import LOOPBACK, checked_address, is_public
from care_network.errors import ProvisioningError

TIMEOUT_S = 10.0
READ = 2048
"""Bytes of an answer that are read."""


class Answer(msgspec.Struct, frozen=True):
    """Outcome of one attempt. ``status`` None: no answer, for the reason in ``error``."""

    status: int | None
    ms: int
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether the receiver has taken the message."""
        return self.status is not None and 200 <= self.status < 300


def post(url: str, headers: Mapping[str, str], body: bytes, *, local: bool = False) -> Answer:
    """Post to a webhook's address. Never raises: what goes wrong is in the answer."""
    began = time.monotonic()

    def took() -> int:
        return round((time.monotonic() - began) * 1000)

    try:
        checked_address(url, local=local)
        parts = urlsplit(url)
        host, encrypted = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if encrypted else 80)
        address = _resolved(host, port, local=local)
        connection = _Connection(host, port, address, encrypted=encrypted)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, dict(headers))
            answer = connection.getresponse()
            answer.read(READ)
            return Answer(answer.status, took(), "" if 200 <= answer.status < 300 else answer.reason[:100])
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError, ProvisioningError) as error:
        return Answer(None, took(), (str(error) or type(error).__name__)[:200])


def _resolved(host: str, port: int, *, local: bool) -> str:
    """The IP address to which the name leads now. Raises OSError where it is none of the public internet: a name that
    was public when the webhook was added may lead elsewhere today."""
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if local and host in LOOPBACK:
        return found[0]
    if not found or not all(is_public(address) for address in found):
        raise OSError(f"{host} leads into a private network: not asked")
    return found[0]


class _Connection(http.client.HTTPConnection):
    """A connection to one IP address, with the name for TLS and Host."""

    def __init__(self, host: str, port: int, address: str, *, encrypted: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S)
        self._address, self._encrypted = address, encrypted

    def connect(self) -> None:
        """Connect to the address that was looked at."""
        self.sock = socket.create_connection((self._address, self.port), TIMEOUT_S)
        if self._encrypted:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
