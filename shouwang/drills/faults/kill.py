"""``kill -9`` and orderly stops: of a service, of the broker, of the database."""

import signal
import time
from collections.abc import Callable

from shouwang.drills.place import Place

Fault = Callable[[Place, float], None]


def service(name: str) -> Fault:
    """Kill a service, and again when it runs; the supervisor starts it each time."""

    def inflict(place: Place, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            place.signal_service(name, signal.SIGKILL)
            time.sleep(seconds / 2)

    return inflict


def broker(place: Place, seconds: float) -> None:
    """Kill the broker, and start it after some seconds."""
    place.broker.kill()
    time.sleep(seconds)
    place.broker.start()


def broker_with_backlog(place: Place, seconds: float) -> None:
    """Kill the broker while it alone has what ingest and alerting have not fetched."""
    with place.stop_for(("ingest", "alerting", "alerting-b")):
        time.sleep(seconds)
        place.broker.kill()
        place.broker.start()


def database(place: Place, seconds: float) -> None:
    """Kill the database server with all its processes, and start it after some seconds."""
    place.postgres.kill()
    time.sleep(seconds)
    place.postgres.start()


def stop_broker(place: Place, seconds: float) -> None:
    place.broker.stop()
    time.sleep(seconds)
    place.broker.start()


def stop_database(place: Place, seconds: float) -> None:
    place.postgres.stop()
    time.sleep(seconds)
    place.postgres.start()


def stop_everything(place: Place, seconds: float) -> None:
    """Stop all services in good order, as an upgrade does one after the other, and start them."""
    for name in list(place.children):
        with place.stop_for((name,)):
            time.sleep(seconds / 20)
