"""Places of drills with another broker, with hosts whose clocks can be set, or with a gateway that renews itself."""

import datetime as dt
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from database.grade import Grade
from device_simulators.homes import demo_home
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import Mosquitto, mosquitto_binary
from shouwang.brokers.nats_cluster import AnyBroker, NatsCluster
from shouwang.brokers.pki import Pki, leaf
from shouwang.drills.place import Place
from shouwang.drills.wrong_clock import set_clock
from shouwang.platform.homes import write_home
from shouwang.platform.platform import MODULES, SERVICES

AGENT = "edge"
"""The real edge agent among the homes."""
SHORT_LIFE = dt.timedelta(minutes=1)
"""Remaining life of the certificate with which the agent is installed; it renews at once."""


class OnMosquitto(Place):
    """As :class:`Place`, on mosquitto. Raises RuntimeError where it is not installed."""

    def __init__(self, folder: Path, homes: int, **options: Any) -> None:
        if mosquitto_binary() is None:
            raise RuntimeError("mosquitto 未安装 mosquitto is not installed (Debian: apt-get install mosquitto)")
        super().__init__(folder, homes, **options)

    def _make_broker(self) -> AnyBroker:
        return Mosquitto(self.data / "broker", Pki(self.data / "pki"))


class OnCluster(Place):
    """As :class:`Place`, on three NATS servers."""

    def _make_broker(self) -> AnyBroker:
        return NatsCluster(self.data / "broker", Pki(self.data / "pki"))


class WrongClocks(Place):
    """As :class:`Place`; the hosts of the services ``wrong`` have a clock of their own: :meth:`set_clocks`."""

    def __init__(self, folder: Path, homes: int, *, wrong: Collection[str], **options: Any) -> None:
        super().__init__(folder, homes, **options)
        self.wrong = frozenset(wrong)
        self._clock = self.data / "host-clock"

    def set_clocks(self, ahead_s: float) -> None:
        """Set the clocks of those hosts ahead by so many seconds (behind: below 0)."""
        set_clock(self._clock, ahead_s)

    def start_services(self, services: Sequence[str] = SERVICES) -> None:
        self.set_clocks(0)
        super().start_services(services)

    def start_child(
        self, name: str, arguments: Sequence[str], broker: Broker | None, environment: Mapping[str, str]
    ) -> None:
        if name in self.wrong:
            arguments = ["-m", "shouwang.drills.wrong_clock", str(self._clock), MODULES[name]]
        super().start_child(name, arguments, broker, environment)


class Renewing(Place):
    """As :class:`Place`, with the issuing service, and one home more: a real edge agent, which :meth:`install` starts.

    ``renewed``: the file of the certificate that it gets by itself.
    """

    def __init__(self, folder: Path, homes: int, **options: Any) -> None:
        super().__init__(folder, homes, **options)
        self._home = demo_home(homes + 1)
        self._folder = self.data / "agent"
        self.renewed = self._folder / "home.certificate.pem"

    @property
    def agent_gateway(self) -> str:
        return self._home.gateway

    def install(self) -> dt.datetime:
        """Start the agent with a certificate that ends soon; returns when."""
        pki = self.broker.pki
        cert, key = pki.client(self._home.gateway)
        mine = Broker("127.0.0.1", self.home_line.port, pki.ca, self._folder / "gw.crt", self._folder / "gw.key")
        self._folder.mkdir()
        shutil.copy(key, self._folder / "gw.key")
        installed = x509.load_pem_x509_certificate(cert.read_bytes())
        issuer = x509.load_pem_x509_certificate(pki.ca.read_bytes())
        short = leaf(issuer, pki.signing_key, self._home.gateway, installed.public_key(), life=SHORT_LIFE)
        (self._folder / "gw.crt").write_bytes(short.public_bytes(serialization.Encoding.PEM))
        file = self._folder / "home.toml"
        write_home(file, self._home.gateway, mine, self._home.devices, {"seed": 1, "scenarios": []})
        self.start_child(AGENT, ["-m", "edge_agent", "--config", str(file)], None, {})
        return short.not_valid_after_utc

    def start_services(self, services: Sequence[str] = SERVICES) -> None:
        super().start_services(services)
        cert, key = self.broker.pki.issuing
        own = {
            "SHOUWANG_DATABASE_URL": self.service_database_url("issuer"),
            "SHOUWANG_ISSUER_CERT": str(cert),
            "SHOUWANG_ISSUER_KEY": str(key),
        }
        self.start_child("issuer", ["-m", "shouwang", "certificates", "issue"], self.service_broker("svc-issuer"), own)

    def _prepare_database(self) -> Grade:
        self._passwords["issuer"] = self._passwords["path"]
        return super()._prepare_database()

    def _load(self) -> None:
        self.load_district([*self._demo_homes, self._home])
