"""A probe of alert latency: listens to the live socket as a dispatcher's browser does."""

import asyncio
import json
import threading
import time
import urllib.request

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException


class LiveProbe:
    """Log in as a dispatcher and measure, in a thread of its own, how long each alert took from sensor to console."""

    def __init__(self, address: str, login: str, password: str) -> None:
        self._address = address.rstrip("/")
        self._credentials = {"login": login, "password": password}
        self._stop = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), name="live probe", daemon=True)
        self.latencies_ms: dict[str, float] = {}
        """By alert id: ms from the deciding reading or event to the first arrival at this socket."""

    def __enter__(self) -> "LiveProbe":
        self._thread.start()
        if not self._listening.wait(30):
            raise TimeoutError(f"the live socket of {self._address} does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _cookie(self) -> str:
        request = urllib.request.Request(  # noqa: S310 - our own console on loopback
            f"{self._address}/api/login",
            data=json.dumps(self._credentials).encode(),
            headers={"Content-Type": "application/json", "Origin": self._address},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return str(answer.headers["Set-Cookie"]).split(";", 1)[0]

    async def _listen(self) -> None:
        cookie = await asyncio.to_thread(self._cookie)
        url = self._address.replace("http", "ws", 1) + "/api/live"
        while not self._stop.is_set():
            try:
                async with connect(url, additional_headers={"Cookie": cookie}, origin=self._address) as live:  # type: ignore[arg-type]
                    await self._note_arrivals(live)
            except (OSError, WebSocketException):
                await asyncio.sleep(0.5)

    async def _note_arrivals(self, live: ClientConnection) -> None:
        self._listening.set()
        while not self._stop.is_set():
            try:
                text = await asyncio.wait_for(live.recv(), 0.5)
            except TimeoutError:
                continue
            now_us = time.time_ns() // 1000
            message = json.loads(text)
            if message.get("type") == "alert" and message["alert"].get("state") == "raised":
                alert = message["alert"]
                self.latencies_ms.setdefault(alert["id"], (now_us - alert["sensed_us"]) / 1000)
