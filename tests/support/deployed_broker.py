"""A broker as ``deploy/`` configures it, in a folder, with the lists that the database gives."""

import contextlib
import os
import socket
from pathlib import Path

import psycopg

from database.server.guardian import start_guarded
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import free_port, mosquitto_binary, nats_binary
from shouwang.brokers.pki import Pki
from shouwang.certificates.follow import mosquitto_files, nats_files
from shouwang.setup.plan import storage_conf
from tests.support.services import wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"


class DeployedBroker:
    """A broker with the configuration of deploy/, in a folder, on a loopback port."""

    def __init__(self, folder: Path, pki: Pki, url: str, sort: str) -> None:
        self.pki, self.port, self.sort, self.folder = pki, free_port(), sort, folder
        monitor = free_port()
        self.monitor = f"http://127.0.0.1:{monitor}"
        pki.issuing  # noqa: B018 - makes it
        pki.server("broker", ["localhost", "127.0.0.1"])
        folder.mkdir()
        (folder / "crl.pem").write_bytes(pki.revoke().read_bytes())
        if sort == "nats":
            text = (DEPLOY / "nats" / "nats.conf").read_text()
            text = text[: text.index("# The servers among themselves")] + text[text.index("# Written by") :]
            text = text.replace("stream_replicas: 3", "stream_replicas: 1").replace("port: 4222", "port: -1")
            (folder / "storage.conf").write_text(storage_conf(()))
            self.contents = nats_files(folder / "users.conf")
            command = [nats_binary(), "-c", folder / "broker.conf"]
        else:
            text = (DEPLOY / "mosquitto" / "shouwang.conf").read_text()
            text += "user root\n" if os.geteuid() == 0 else ""
            self.contents = mosquitto_files(folder / "acl", folder / "crl.pem")
            command = [mosquitto_binary() or "", "-c", folder / "broker.conf"]
        for old, new in (
            ("8883", str(self.port)),
            ("8222", str(monitor)),
            ("autosave_interval 10", "autosave_interval 1"),
            ("0.0.0.0", "127.0.0.1"),  # noqa: S104
            ("/etc/shouwang/tls", str(pki.folder)),
            ("/etc/shouwang/broker", str(folder)),
            ("/var/lib/nats", str(folder / "store")),
            ("/run/nats", str(folder)),
            ("/var/lib/mosquitto", str(folder)),
            ("$SHOUWANG_NODE", "broker-1"),
        ):
            text = text.replace(old, new)
        (folder / "broker.conf").write_text(text)
        with psycopg.connect(url, autocommit=True) as conn:
            for file, content in self.contents(conn).items():
                file.write_text(content)
        self.log = folder / "log"
        with self.log.open("wb") as sink:
            self.process = start_guarded([str(word) for word in command], cwd=folder, stdout=sink, stderr=sink)
        wait_for(
            lambda: self._listens(self.port) and (sort != "nats" or self._listens(monitor)), 60, self.log.read_text
        )

    def _listens(self, port: int) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        assert self.process.poll() is None, self.log.read_text()
        return False

    def settings(self, identity: str) -> Broker:
        return Broker("127.0.0.1", self.port, self.pki.ca, *self.pki.client(identity))

    def reload(self) -> None:
        self.process.send_signal(1)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
