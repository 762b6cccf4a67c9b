"""MQTT brokers for tests: real ones, with TLS and the access list of the platform."""

from collections.abc import Iterable
from pathlib import Path

from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import EmbeddedBroker, LocalBroker, Mosquitto, mosquitto_binary
from shouwang.brokers.pki import Pki

BROKERS: dict[str, type[LocalBroker]] = {"nats": EmbeddedBroker, "mosquitto": Mosquitto}
HOW_TO_GET_MOSQUITTO = "no mosquitto found: apt-get install mosquitto (or another package manager), then again"


def make_broker(name: str, folder: Path, pki: Pki) -> LocalBroker | None:
    """A broker of this sort, not yet started; None where this machine has none."""
    if name == "mosquitto" and mosquitto_binary() is None:
        return None
    return BROKERS[name](folder, pki)


class TestBroker:
    """A broker of the test's own; asking for settings gives an identity its rights."""

    __test__ = False

    def __init__(self, server: LocalBroker) -> None:
        self.server = server
        self.name = server.name

    def settings(self, identity: str) -> Broker:
        """Settings with which ``identity`` connects; a gateway (any name but ``svc-…``) becomes known to the broker."""
        if not identity.startswith("svc-"):
            self.allow([identity])
        return self.server.settings(identity)

    def allow(self, gateways: Iterable[str]) -> None:
        """Make many gateways known at once."""
        self.server.allow_gateways(gateways)

    def start(self) -> None:
        """Start again on the same port, with the same sessions."""
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        """Send SIGKILL."""
        self.server.kill()
