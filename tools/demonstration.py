"""Start a demonstration for tools that walk through it in a browser: its logins, the tablet's address."""

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from playwright.sync_api import BrowserContext, Page

from database.server.guardian import start_guarded

START_S = 240


class Demonstration(NamedTuple):
    """A demonstration that runs. ``panel``: the tablet's address in home 13; empty where there are fewer homes."""

    address: str
    passwords: dict[str, str]
    panel: str


@contextmanager
def demonstration(port: int, data: str, homes: int) -> Iterator[Demonstration]:
    """Run one, as ``make demo`` does, until the end of the block. Raises RuntimeError where it does not start."""
    command = [sys.executable, "-m", "shouwang", "demo", "--port", str(port), "--data", data, "--homes", str(homes)]
    program = start_guarded(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield greeting(program, port)
    finally:
        program.terminate()
        program.communicate(timeout=60)


def greeting(program: "subprocess.Popen[bytes]", port: int) -> Demonstration:
    """Read what the demonstration prints once it answers."""
    passwords: dict[str, str] = {}
    panel = ""
    said: list[str] = []
    until = time.monotonic() + START_S
    for raw in program.stdout or ():
        line = raw.decode(errors="replace")
        said.append(line)
        row = re.match(r"  (\w+) +([\w-]+) +(\S+)", line)
        if row:
            passwords[row[2]] = row[3]
        if "/home/" in line:
            panel = line.strip()
        if "Ctrl-C" in line or time.monotonic() > until:
            break
    if not passwords:
        raise RuntimeError("the demonstration does not start: " + "".join(said[-20:]))
    address = f"http://127.0.0.1:{port}"
    urllib.request.urlopen(f"{address}/login", timeout=10).close()  # noqa: S310 - our own
    return Demonstration(address, passwords, panel)


def log_in(
    context: BrowserContext, address: str, login: str, password: str, language: str, theme: str = "light"
) -> Page:
    """Open the login's first page, in a language and in day or night colours."""
    cookies = {"shouwang_language": language, "shouwang_theme": theme}
    context.add_cookies([{"name": key, "value": value, "url": address} for key, value in cookies.items()])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}/login")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", password)
    page.click("main button")
    page.wait_for_url(lambda url: not url.endswith("/login"))
    return page


def chromium() -> str:
    """The browser's program. Raises RuntimeError where there is none."""
    from tests.support.browser import chromium as program

    found = program()
    if found is None:
        raise RuntimeError("no chromium: apt-get install chromium fonts-noto-cjk")
    return found
