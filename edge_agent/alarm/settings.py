"""``[local_alarm]`` of a home's configuration: the contacts, and the ways to reach them."""

from pathlib import Path
from typing import Annotated

import msgspec

from edge_agent.alarm.rules import PlanStep, WayName
from firmware_profiles.link.mqtt import Broker

Phone = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{3,15}$")]


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person to reach. Reports use ``name``; they never hold the number."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    by: Annotated[list[WayName], msgspec.Meta(min_length=1)]
    phone: Phone | None = None


class ModemConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: str
    baud: int = 115_200
    ring_s: Annotated[float, msgspec.Meta(ge=1, le=120)] = 40
    talk_s: Annotated[float, msgspec.Meta(ge=0, le=300)] = 20
    """Duration of an answered call."""


class WebhookConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://")]
    secret_file: Path
    """Holds the shared secret with which requests are signed; readable by the agent alone."""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10


class SirenConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Zigbee siren, driven through Zigbee2MQTT."""

    name: str
    """Its friendly name."""
    broker: Broker = Broker("127.0.0.1", 1883)
    base_topic: str = "zigbee2mqtt"
    seconds: Annotated[int, msgspec.Meta(ge=1, le=1800)] = 60


class VoiceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program that speaks; ``{text}`` in its arguments is replaced, e.g. ["espeak-ng", "-v", "cmn", "{text}"]."""

    command: Annotated[list[str], msgspec.Meta(min_length=1)]


class LocalAlarmConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wait_s: Annotated[float, msgspec.Meta(ge=1, le=120)] = 15
    rounds: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    pause_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 30
    home: Annotated[str, msgspec.Meta(max_length=60)] = ""
    """The name by which contacts know this home, e.g. "盐田 海鲜街12号 张奶奶"; not given: the gateway's name."""
    contacts: list[Contact] = []
    modem: ModemConfig | None = None
    webhook: WebhookConfig | None = None
    siren: SirenConfig | None = None
    voice: VoiceConfig | None = None

    def plan(self) -> list[PlanStep]:
        """Every contact by each of its ways, in the order of the file."""
        return [PlanStep(number, way) for number, contact in enumerate(self.contacts) for way in contact.by]

    def mistakes(self) -> list[str]:
        """Contradictions in the settings, as texts for the installer."""
        mistakes = []
        for contact in self.contacts:
            if {"call", "sms"} & set(contact.by) and not contact.phone:
                mistakes.append(f"local_alarm.contacts: {contact.name}: a phone number is needed for {contact.by}")
            if {"call", "sms"} & set(contact.by) and self.modem is None:
                mistakes.append(f"local_alarm.contacts: {contact.name}: [local_alarm.modem] is needed for {contact.by}")
            if "webhook" in contact.by and self.webhook is None:
                mistakes.append(f"local_alarm.contacts: {contact.name}: [local_alarm.webhook] is needed")
        return mistakes
