"""An MQTT client for thousands of small messages a second: paho's, reading and acknowledging many packets at once.

paho by itself wakes for every packet and sends every acknowledgement by a system call of its own. At a district's 2,400
frames a second that was more than half of the cost of ingest. There is no public way to change it: this module uses
paho's private ``_packet_handle`` and ``_packet_queue``, and pyproject.toml bounds the version for it.
"""

import struct
import time
from collections.abc import Iterable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

from firmware_profiles.link import mqtt

PAUSE_S = 0.005
"""Wait before each reading, so that packets gather."""
PACKETS_AT_ONCE = 500
"""Packets read before paho writes and looks after its timers."""
_PUBACK = 0x40
_ACKNOWLEDGEMENT = struct.Struct("!BBH")


class BatchedClient(mqtt.WatchedClient):
    """A client with manual acknowledgement whose thread is started by ``loop_start``."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._packets = 0

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read the packets that have arrived, PACKETS_AT_ONCE at most."""
        time.sleep(PAUSE_S)
        for _ in range(PACKETS_AT_ONCE):
            before = self._packets
            code = super().loop_read(max_packets)
            if code or self._packets == before:
                return code
        return code

    def _packet_handle(self) -> MQTTErrorCode:
        self._packets += 1
        return super()._packet_handle()


def acknowledge(client: paho.Client, mids: Iterable[int]) -> None:
    """Send a PUBACK for each of these (MQTT 3.1.1, section 3.4), all together."""
    packets = b"".join(_ACKNOWLEDGEMENT.pack(_PUBACK, 2, mid) for mid in mids)
    if packets:
        client._packet_queue(_PUBACK, packets, 0, 1)
