"""Guard every request from outside all other layers: Host, size and time of the body, origin; headers on each answer.

An ASGI application around the whole console, so that an error page of the outermost layer has the headers, too.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.shell.security import cookie_name, same_origin
from console.shell.viewer import VIEWER

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",  # a page that asks for the place says so itself
    "Cross-Origin-Opener-Policy": "same-origin",
}
HSTS = {"Strict-Transport-Security": "max-age=31536000"}
"""A year, behind TLS (RFC 6797; ASVS 4.0.3, 14.4.5)."""
SIGNED = "/receipts/"
"""Gateways report here: the address is signed, no cookie counts, and a program sends no Origin."""
OUTLINES = "/map/outlines"
GROUND = "/map/outlines/ground"
TABLES = "/imports/"
"""Tables of records are sent to addresses below it."""
DOCUMENTS = "/care/documents/"
COURSES = "/care/courses-issued/load"
"""A document may be a PDF of 10 MB; a course is a file."""
PROBES = frozenset({"/healthz"})
"""Asked by the address of the machine: no Host of ours."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Bounds(msgspec.Struct, frozen=True):
    """The most that the body of a request may have."""

    size: int
    """In bytes."""
    seconds: float
    """From the end of its head to its last byte."""
    refusal: str = "The request is too large."
    """The words for a larger one."""


FORM = Bounds(64 * 1024, 20.0)
"""A form, or JSON: a note of 2,000 characters takes 18 kB in a form."""
PHOTO = Bounds(16 * 1024 * 1024, 180.0)
"""A photo from a telephone and the rest of its form; at 90 kB/s, which a poor mobile line has."""
MAP = Bounds(
    65 * 1024 * 1024, 600.0, "文件太大：底图最多 64 MB。 The file is too large: a ground map has 64 MB at most."
)
"""A file of map tiles and the rest of its form; at 110 kB/s."""
TABLE = Bounds(
    4 * 1024 * 1024,
    120.0,
    "文件太大：表格最多 4 MB，请分批导入。 The file is too large: a table has 4 MB at most; divide it.",
)
"""A table of records, some ten thousand lines, and the rest of its form."""
CONFIG = Bounds(272 * 1024, 60.0)
"""A gateway's signed configuration (256 KiB at most) and the rest of its form."""
LINGER_S, LINGER_SIZE = 2.0, 2 * PHOTO.size
"""How long, and how many bytes, of a refused body are thrown away before the connection is closed."""


class Guard:
    """ASGI application around another one; ``hosts``: names by which browsers call it, without a port.

    ``tls``: a proxy with TLS stands before it: its pages' origin is https, and HSTS is said.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], *, tls: bool) -> None:
        self._app, self._hosts, self._tls = app, frozenset(host.lower() for host in hosts), tls
        self._headers = {**HEADERS, **(HSTS if tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        known = scope["path"] in PROBES or _host_name(connection) in self._hosts
        if scope["type"] == "websocket":
            VIEWER.set(connection.cookies.get(cookie_name(secure=self._tls), ""))
            # Before it is accepted, a socket is refused by closing it: the server answers 403.
            await (self._app(scope, receive, send) if known else send({"type": "websocket.close", "code": 1008}))
            return
        VIEWER.set(connection.cookies.get(cookie_name(secure=self._tls), ""))
        request = _Request(scope, receive, send, self._headers)
        refusal = (421, "This host name is not served here.") if not known else self._refusal(scope, connection)
        if refusal is not None:
            await request.refuse(*refusal)
            return
        await self._app(scope, request.receive, request.send)

    def _refusal(self, scope: Scope, connection: HTTPConnection) -> tuple[int, str] | None:
        headers = connection.headers
        lengths = headers.getlist("content-length")
        if len(lengths) + len(headers.getlist("transfer-encoding")) > 1:
            # RFC 9112, 6.3: an attempt at smuggling; which of them holds is a matter of opinion.
            return 400, "The request tells its length twice."
        if lengths and not (lengths[0].isascii() and lengths[0].isdecimal()):
            return 400, "The length of the request is no number."
        if lengths and int(lengths[0][:20]) > bounds_of(scope).size:
            return 413, bounds_of(scope).refusal
        signed = scope["path"].startswith(SIGNED)
        if scope["method"] not in SAFE_METHODS and not signed and not same_origin(connection, tls=self._tls):
            return 403, "This request came from another site and was refused."
        return None


class _Request:
    """One request's ``receive``, which counts bytes and time, and ``send``, which adds headers."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]) -> None:
        self._scope, self._receive, self._send, self._headers = scope, receive, send, headers
        self._bounds = bounds_of(scope)
        self._until = asyncio.get_running_loop().time() + self._bounds.seconds
        self._got = 0
        sent = Headers(scope=scope)
        self._more = "transfer-encoding" in sent or sent.get("content-length", "0") != "0"

    async def receive(self) -> Message:
        """Raises HTTPException, 413 for too many bytes and 408 for too slow ones, by whatever header they came."""
        if not self._more:
            return await self._receive()  # waits for the client to leave: no bytes, no bound
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408) from error
        if message["type"] == "http.request":
            self._got += len(message.get("body", b""))
            if self._got > self._bounds.size:
                raise HTTPException(413)
            self._more = message.get("more_body", False)
        return message

    async def refuse(self, status: int, text: str) -> None:
        """Answer without asking the application."""
        content = text.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(content))]
        start = {"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": content})

    async def send(self, message: Message) -> None:
        """Add headers, and after the answer take what the client still sends of a body that nobody read."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
            if not self._scope["path"].startswith("/static/"):
                headers.setdefault("Cache-Control", "no-store")
            if self._more:
                headers["Connection"] = "close"  # what is left of the body is not read
        elif self._more and message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _linger(self) -> None:
        """Throw away what still comes, for a moment: a client that is cut off amid its body never reads the answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self._more and self._got <= LINGER_SIZE:
                    message = await self._receive()
                    self._got += len(message.get("body", b""))
                    self._more = message["type"] == "http.request" and message.get("more_body", False)


def bounds_of(scope: Scope) -> Bounds:
    """The bounds of a request's body: the order's page on the telephone takes a photo, those of outlines, of the
    ground, of tables and of a gateway's configuration a file, all others a form."""
    if scope["method"] == "POST" and scope["path"] == GROUND:
        return MAP
    if scope["method"] == "POST" and scope["path"] == OUTLINES:
        return PHOTO
    if scope["method"] == "POST" and scope["path"].startswith(TABLES):
        return TABLE
    if scope["method"] == "POST" and scope["path"].startswith("/devices/") and scope["path"].endswith("/config"):
        return CONFIG
    if scope["method"] == "POST" and (scope["path"].startswith(DOCUMENTS) or scope["path"] == COURSES):
        return PHOTO
    photo = scope["method"] == "POST" and scope["path"].startswith("/w/") and scope["path"].count("/") == 2
    return PHOTO if photo else FORM


def _host_name(connection: HTTPConnection) -> str:
    """The Host header without its port, in lower case; IPv6 addresses keep their brackets."""
    host = connection.headers.get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
