"""Guard every request from outside: size and time of its body; headers on each answer."""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exchange.shell.errors import WORDS, problem
from observability import metrics

MOST_BYTES = 4 * 1024 * 1024
"""Of a body: a bundle of 5,000 observations."""
BODY_S = 60.0
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class TooLargeError(Exception):
    """The body has more bytes than are taken."""


class Guard:
    """ASGI application around another one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdecimal()) or int(length[:20]) > MOST_BYTES:
            await _refuse(scope, send, 413)
            return
        until = asyncio.get_running_loop().time() + BODY_S
        got, begun, whole = 0, False, False

        async def counted() -> Message:
            nonlocal got, whole
            if whole:
                return await receive()
            async with asyncio.timeout_at(until):
                message = await receive()
            got += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if got > MOST_BYTES:
                raise TooLargeError
            return message

        async def headed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                metrics.exchange_requests.labels(status=str(message["status"])).inc()
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, counted, headed)
        except TooLargeError:
            if not begun:
                await _refuse(scope, send, 413)
        except TimeoutError:
            if not begun:
                await _refuse(scope, send, 408)


async def _refuse(scope: Scope, send: Send, status: int) -> None:
    answer = problem(Request(scope), status, *WORDS[status], headers={"Connection": "close"})
    await send({"type": "http.response.start", "status": status, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": answer.body})
