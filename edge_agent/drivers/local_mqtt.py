"""Listen to a broker in the home, as Zigbee2MQTT and ESPHome nodes use it."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import paho.mqtt.client as paho
import structlog

from edge_agent.drivers.message_relay import GATEWAY, MessageRelay
from edge_agent.drivers.reachability import Reachability
from firmware_profiles.devices import MODELS, Transport
from firmware_profiles.driver import DeviceConfig, Sink
from firmware_profiles.link import mqtt
from observability.liveness import Liveness

log = structlog.get_logger(__name__)

TEND_S = 2.0
LOST_US = 30_000_000
"""A broker that is away longer than a restart takes is a fault."""


class LocalBrokerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options for the broker in the home. The password stands in a file, so that configurations hold no secrets."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: str = ""
    client_id: str = ""

    def password(self) -> str | None:
        """The password, if there is one. Raises ValueError where its file cannot be read."""
        if not self.password_file:
            return None
        try:
            return Path(self.password_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"password_file {self.password_file}: cannot be read: {error}") from error


_Options = TypeVar("_Options", bound=LocalBrokerOptions)


def read_options(driver: str, options: Mapping[str, Any], kind: type[_Options]) -> _Options:
    """Check the options of a driver. Raises ValueError for options that it does not know, or that do not work."""
    try:
        checked = msgspec.convert(dict(options), kind)
        checked.password()
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"{driver} driver: {error}") from error
    return checked


def by_address(driver: str, devices: Sequence[DeviceConfig], transport: Transport) -> dict[str, DeviceConfig]:
    """The devices of one transport by the address in their topics.

    Raises ValueError where two share an address, or where an address cannot be part of a topic filter.
    """
    devices_by_address: dict[str, DeviceConfig] = {}
    for device in devices:
        if MODELS[device.model].transport != transport:
            continue
        address = device.address or device.name
        if set(address) & set("+#\0") or address != address.strip("/ "):
            raise ValueError(f"{driver} driver: {device.name}: address {address!r} cannot be part of an MQTT topic")
        if address in devices_by_address:
            raise ValueError(
                f"{driver} driver: {device.name} and {devices_by_address[address].name} have the address {address!r}"
            )
        devices_by_address[address] = device
    return devices_by_address


class Listener(Protocol):
    """The interface of a driver to :func:`listen`."""

    name: str
    relay: MessageRelay
    contact: Reachability

    def tend(self, sink: Sink, now_us: int) -> None:
        """Repeat the reachability of devices; called every few seconds while the broker is there."""

    def topics(self) -> list[str]: ...

    def hear_topic(self, sink: Sink, topic: str, payload: bytes, retained: bool, now_us: int) -> None:
        """Take in one message; called in the event loop."""


async def listen(options: LocalBrokerOptions, listener: Listener, sink: Sink) -> None:
    """Listen until cancelled. An absent broker is tried for ever; its devices are reported as out of reach.

    Raises RuntimeError where the connection's thread has died.
    """
    liveness = Liveness()
    loop = asyncio.get_running_loop()
    broker = mqtt.Broker(options.host, options.port)
    client = mqtt.make_client(broker, options.client_id or f"shouwang-{listener.name}", clean=True)
    if options.username:
        client.username_pw_set(options.username, options.password())
    topics = listener.topics()
    refused = ""

    def connected(client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        nonlocal refused
        refused = str(reason) if reason.is_failure else ""
        if not refused and topics:
            client.subscribe([(topic, 1) for topic in topics])

    def received(_client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(
            listener.hear_topic, sink, mqtt.topic_of(message), bytes(message.payload), message.retain, sink.now_us()
        )

    client.on_connect = connected
    client.on_message = received
    mqtt.start(client, broker, liveness.part("local broker"))
    heard_us = sink.now_us()
    try:
        while True:
            await asyncio.sleep(TEND_S)
            if liveness.faults:
                raise RuntimeError(f"{listener.name}: {liveness.faults[0]}")
            now_us = sink.now_us()
            if client.is_connected():
                heard_us = now_us
                listener.tend(sink, now_us)
            elif now_us - heard_us >= LOST_US:
                listener.contact.all_down(sink, now_us)
                why = f"refuses us: {refused}" if refused else "does not answer: is it running?"
                reason = f"{listener.name}: the broker at {options.host}:{options.port} {why}"
                listener.relay.fault(sink, GATEWAY, reason, now_us, "local broker")
    finally:
        await asyncio.to_thread(mqtt.stop, client)
