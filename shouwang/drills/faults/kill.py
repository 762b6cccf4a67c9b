"""``kill -9`` and orderly stops: of services, of brokers, of the database."""

import signal
import time
from collections.abc import Callable

from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.nats_cluster import NatsCluster
from shouwang.drills.place import Place

Fault = Callable[[Place, float], None]


TIMES = 2
"""How often a service is killed, or how many servers of a cluster, one after the other."""
CAUGHT_UP_S = 5.0
"""After which a server of a cluster has what it missed, before the next one is killed."""


def services(*names: str) -> Fault:
    """Kill a service twice, or one and then the other; the supervisor starts it each time."""

    def inflict(place: Place, seconds: float) -> None:
        for number in range(TIMES):
            place.signal_service(names[number % len(names)], signal.SIGKILL)
            time.sleep(seconds / TIMES)

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


def stop_broker_with_backlog(place: Place, seconds: float) -> None:
    """Restart the broker in good order while it alone has what ingest and alerting have not fetched."""
    with place.stop_for(("ingest", "alerting", "alerting-b")):
        time.sleep(seconds)
        place.broker.stop()
        place.broker.start()


def one_server_of_a_cluster(place: Place, seconds: float) -> None:
    """Kill one of three servers, start it, and do the same to the next one. Raises RuntimeError without a cluster."""
    for node in _cluster(place)[:TIMES]:
        node.kill()
        time.sleep(seconds / TIMES)
        node.start()
        time.sleep(CAUGHT_UP_S)


def two_servers_of_a_cluster(place: Place, seconds: float) -> None:
    """Kill two of three servers at once: the third one alone takes nothing. Raises RuntimeError without a cluster."""
    two = _cluster(place)[:2]
    for node in two:
        node.kill()
    time.sleep(seconds)
    for node in two:
        node.start()


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


def _cluster(place: Place) -> list[EmbeddedBroker]:
    if not isinstance(place.broker, NatsCluster):
        raise RuntimeError("this drill needs a place with a cluster")
    return place.broker.nodes
