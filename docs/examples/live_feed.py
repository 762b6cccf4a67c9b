"""Follow the live feed of the console: pip install websockets; python live_feed.py https://care.example.org LOGIN"""

import getpass
import json
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

from websockets.sync.client import connect


def log_in(address: str, login: str, password: str) -> str:
    """The session's cookie. The header Origin says that the request is meant for this very console."""
    body = json.dumps({"login": login, "password": password}).encode()
    headers = {"Content-Type": "application/json", "Origin": address}
    request = urllib.request.Request(f"{address}/api/login", body, headers)  # noqa: S310 - the console's address
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return answer.headers["Set-Cookie"].partition(";")[0]


def messages(address: str, cookie: str) -> Iterator[dict[str, Any]]:
    """First the board (all open alerts), then each alert that changes, and a beat every 2 s."""
    headers = {"Cookie": cookie, "Origin": address}
    with connect(address.replace("http", "ws", 1) + "/api/live", additional_headers=headers) as socket:
        for text in socket:
            yield json.loads(text)


if __name__ == "__main__":
    console, name = sys.argv[1:3]
    for message in messages(console, log_in(console, name, getpass.getpass())):
        print(message["type"], message.get("alert", {}).get("state", ""), flush=True)
