"""A console process within a test, on a port of its own; its broker is away, which it tolerates."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import uvicorn

from console.app import create_app
from console.board.board import Board
from console.settings import ConsoleSettings
from database.settings import DatabaseSettings
from firmware_profiles.mqtt import Broker
from tests.support.services import wait_for


@contextmanager
def console(
    database_url: str, channels_file: Path | None, link_key_file: Path | None, medical_key_file: Path | None = None
) -> Iterator[httpx2.Client]:
    """A client without cookies; writes carry the Origin that a browser sends."""
    with console_with_board(database_url, channels_file, link_key_file, medical_key_file) as (client, _):
        yield client


@contextmanager
def console_with_board(
    database_url: str,
    channels_file: Path | None = None,
    link_key_file: Path | None = None,
    medical_key_file: Path | None = None,
) -> Iterator[tuple[httpx2.Client, Board]]:
    """As :func:`console`, with the board on which a test shows a notice as if it had come by the broker."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens: the broker that is away
        settings = ConsoleSettings(
            channels_file=channels_file, link_key_file=link_key_file, medical_key_file=medical_key_file
        )
        app = create_app(settings, DatabaseSettings(url=database_url), Broker("127.0.0.1", taken.getsockname()[1]))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="websockets-sansio"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            wait_for(lambda: server.started, 15, lambda: "the console does not start")
            url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            with httpx2.Client(base_url=url, headers={"Origin": url}, timeout=15) as client:
                yield client, app.state.console.board
        finally:
            server.should_exit = True
            thread.join(20)
