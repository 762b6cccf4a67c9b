"""The broker in a home: mosquitto on loopback, without TLS, as Zigbee2MQTT's installations have it."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from database.server.guardian import start_guarded
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.local import mosquitto_binary


class HomeBroker:
    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._configuration = folder / "home-broker.conf"
        self._configuration.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nlog_type error\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.broker = Broker("127.0.0.1", self.port)

    def start(self) -> None:
        binary = mosquitto_binary()
        assert binary is not None
        self._process = start_guarded([str(binary), "-c", str(self._configuration)])
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "mosquitto does not listen"
                time.sleep(0.05)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
