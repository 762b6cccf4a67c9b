"""Ask another platform over HTTP: one request, a bound on time and size, no redirect followed.

A failure is in the answer, never an exception: whether to try again is for the caller to decide.
"""

import contextlib
import datetime as dt
import email.utils
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from care_network.errors import ProvisioningError

TIMEOUT_S = 20.0
"""For all of a request: a peer that sends a byte a second does not hold us for longer."""
LONGEST_WAIT = dt.timedelta(hours=24)
"""More than that no ``Retry-After`` makes us wait."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a request. ``status`` None: no whole answer, for the reason in ``error``."""

    status: int | None
    headers: Mapping[str, str] = {}
    """By names in lower case."""
    body: bytes = b""
    error: str = ""


def checked_address(url: str) -> str:
    """An address of another platform: https, or http to this machine itself for a trial. Raises ProvisioningError.

    Private addresses are allowed: the network of the authorities is one, and an administrator writes them.
    """
    try:
        parts = urlsplit(url)
        host, good = parts.hostname or "", parts.port is None or parts.port > 0
    except ValueError:
        host, good, parts = "", False, urlsplit("")
    good = good and bool(host) and url.isascii() and url.isprintable() and " " not in url and len(url) <= 500
    good = good and parts.username is None and not parts.fragment
    good = good and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))
    with contextlib.suppress(ValueError):
        good = good and not ipaddress.ip_address(host).is_link_local
    if not good:
        raise ProvisioningError(
            en="write https://NAME/PATH without a password in it (http only to this machine itself)",
            zh="请填写 https://主机名/路径，不含用户名和密码（http 仅限本机）",
            field="url",
        )
    return url


def ask(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    *,
    most: int = 65_536,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Send one request and read the answer, ``most`` bytes of it at most.

    ``timeout_s`` bounds the whole of it: finding the host, every address of it, TLS, and a peer that drips.
    """
    late, ends = threading.Event(), time.monotonic() + timeout_s
    try:
        parts = urlsplit(checked_address(url))
        host, tls = parts.hostname or "", parts.scheme == "https"
        connection = http.client.HTTPConnection(host, parts.port or (443 if tls else 80))
        line = _connected(host, connection.port, tls, ends)
        connection.sock = line
        timer = threading.Timer(max(0.0, ends - time.monotonic()), _cut, (line, late))
        timer.daemon = True
        timer.start()
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body or None, {"Host": _host(parts, tls), **headers})
            answer = connection.getresponse()
            found = answer.read(most + 1)
            if len(found) > most:
                return Answer(status=None, error=f"the answer has more than {most} bytes")
            if late.is_set():
                raise TimeoutError
            names = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(status=answer.status, headers=names, body=found)
        finally:
            timer.cancel()
            connection.close()
    except (OSError, http.client.HTTPException, ValueError, ProvisioningError) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            return Answer(status=None, error=f"no whole answer within {timeout_s:g} s")
        return Answer(status=None, error=(str(error) or type(error).__name__)[:200])


def _host(parts: SplitResult, tls: bool) -> str:
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return name if parts.port in (None, 443 if tls else 80) else f"{name}:{parts.port}"


def _connected(host: str, port: int, tls: bool, ends: float) -> socket.socket:
    """A line to the first address of a host that takes one, before ``ends``. Raises OSError."""
    trouble: OSError = TimeoutError()
    for family, address in _addresses(host, port, ends):
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.settimeout(_left(ends))
            line.connect(address)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.settimeout(_left(ends))
            return ssl.create_default_context().wrap_socket(line, server_hostname=host) if tls else line
        except OSError as error:
            line.close()
            trouble = error
    raise trouble


def _addresses(host: str, port: int, ends: float) -> list[tuple[socket.AddressFamily, Any]]:
    """The addresses of a host; one whose name leads to where no platform is (link-local) is refused."""
    found: list[Any] = []

    def look() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=look, daemon=True)  # a resolver has times of its own, and no bound of ours
    thread.start()
    thread.join(_left(ends))
    if not found:
        raise TimeoutError
    if isinstance(found[0], OSError):
        raise found[0]
    addresses = [(one[0], one[4]) for one in found[0]]
    if any(ipaddress.ip_address(str(place[0]).partition("%")[0]).is_link_local for _, place in addresses):
        raise OSError("the name leads to a link-local address")
    return addresses


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _cut(line: socket.socket, late: threading.Event) -> None:
    """End a connection that takes too long, in the middle of a byte if need be."""
    late.set()
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def retry_after(answer: Answer, now: dt.datetime) -> dt.datetime | None:
    """The moment that the other side names for the next attempt (RFC 9110, 10.2.3); None where it names none."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        then = now + dt.timedelta(seconds=min(int(text[:9]), LONGEST_WAIT.total_seconds()))
    else:
        try:
            then = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        then = then.replace(tzinfo=dt.UTC) if then.tzinfo is None else then
    return min(max(then, now), now + LONGEST_WAIT)
