"""MQTT brokers for tests: real ones, with TLS and the access list of the platform."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.config import nats_config
from shouwang.brokers.local import EmbeddedBroker, LocalBroker, Mosquitto, mosquitto_binary
from shouwang.brokers.pki import Pki

BROKERS: dict[str, type[LocalBroker]] = {"nats": EmbeddedBroker, "mosquitto": Mosquitto}
HOW_TO_GET_MOSQUITTO = "no mosquitto found: apt-get install mosquitto (or another package manager), then again"

HOW_TO_GET_NATS = "Debian's own NATS server (2.9 in Debian 12) is not here: apt-get install nats-server, then again"


def packaged_nats() -> tuple[Path, tuple[int, ...]] | None:
    """The server of the distribution's package, which the guide installs, and its version; None without one."""
    found = shutil.which("nats-server", path="/usr/sbin:/usr/bin")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    numbers = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    assert numbers, said
    return Path(found), tuple(map(int, numbers.groups()))


class PackagedNats(EmbeddedBroker):
    """The NATS server of the distribution's package, with what its version knows."""

    name = "packaged nats"

    def _command(self, configuration: Path) -> list[str]:
        found = packaged_nats()
        assert found is not None
        return [str(found[0]), "-c", str(configuration)]

    def _write_configuration(self, port: int) -> Path:
        found = packaged_nats()
        assert found is not None
        store = self.data_dir / "jetstream"
        content = nats_config(
            port, store, self._tls(), self._gateways, member=self.member, version=found[1], divides=self.divides
        )
        file = self.data_dir / "nats.conf"
        file.write_text(json.dumps(content))
        return file


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
