"""A console process within a test, on a port of its own, and its routes."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import msgspec
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from care_network.access.permissions import Action
from console.app import create_app
from console.board.board import Board
from console.server import PatientProtocol, make_server
from console.settings import ConsoleSettings
from console.shell.security import Needs
from database.settings import DatabaseSettings
from firmware_profiles.link.mqtt import Broker
from tests.support.databases import logins_of_console, of_service
from tests.support.services import wait_for

SOCKET = "WEBSOCKET"


class ConsoleRoute(msgspec.Struct, frozen=True):
    """A page or an action. ``needs``: an account has to have one of these; empty where nobody is asked for."""

    method: str
    path: str
    needs: tuple[Action, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def routes_of(app: FastAPI) -> list[ConsoleRoute]:
    """Every page and action of the console; static files are mounted and no route."""
    found = []
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is None:
            assert route.path == "/static"
            continue
        asked = [dependency.call.actions for dependency in dependant.dependencies if isinstance(dependency.call, Needs)]
        assert len(asked) <= 1, f"{route.path} asks twice"
        needs = asked[0] if asked else ()
        found += [ConsoleRoute(method, str(route.path), needs) for method in route.methods or {SOCKET}]
    return found


@contextmanager
def serving(app: FastAPI, protocol: type[asyncio.Protocol] = PatientProtocol) -> Iterator[str]:
    """The address at which the console answers, by the server that runs in a district."""
    server = make_server(app, app.state.console.settings.model_copy(update={"port": 0}), protocol)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started, 15, lambda: "the console does not start")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def broker_away() -> Iterator[Broker]:
    """A broker that does not answer, which the console tolerates."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        yield Broker("127.0.0.1", taken.getsockname()[1])


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
    """The same, and the board on which a notice is shown as if it had come by the broker."""
    settings = ConsoleSettings(
        channels_file=channels_file, link_key_file=link_key_file, medical_key_file=medical_key_file,
        **logins_of_console(database_url),
    )  # fmt: skip
    with broker_away() as broker:
        app = create_app(settings, DatabaseSettings(url=of_service(database_url, "console")), broker)
        with serving(app) as url, httpx2.Client(base_url=url, headers={"Origin": url}, timeout=45) as client:
            yield client, app.state.console.board
