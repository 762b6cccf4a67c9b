"""Sends a message without the database, by those channels' adapters that do not need it, in the settings' order."""

import datetime as dt
from typing import Protocol
from uuid import UUID

import structlog

from database.pool import make_pool
from database.settings import DatabaseSettings
from dispatch.channels import config
from dispatch.channels.adapters.base import DeliveryError, Outgoing
from dispatch.channels.recipients import PROOF
from dispatch.channels.wording import alert_words as wording
from dispatch.core.headline import outside
from dispatch.core.notice import AlertNotice
from dispatch.ladders.people import Addressee

log = structlog.get_logger(__name__)

NEED_DATABASE = ("console", "outbox", "webpush")
"""Adapters that cannot send while the database is away."""


class DirectSender(Protocol):
    """Sends without the database."""

    def send(self, person: Addressee, alert: AlertNotice, key: UUID) -> bool:
        """Tell one person of one alert; False where no channel took it. A repetition has the same ``key``."""
        ...


class DirectChannels:
    """The channels of the settings file as a :class:`DirectSender`. Raises ConfigError for wrong ones."""

    def __init__(self, channels: config.Channels, database: DatabaseSettings) -> None:
        usable = {n: c for n, c in channels.channels.items() if c.adapter not in NEED_DATABASE}
        unused = make_pool(database, "direct")  # stays closed: none of these adapters asks for it
        built, self._adapters = config.build_usable(
            config.Channels(usable, {kind: [] for kind in channels.order}, left_out=channels.left_out),
            unused, config.NoBrowsers(),
        )  # fmt: skip
        self._channels = channels.without(built.left_out)
        for reason in built.left_out.values():
            log.error("a channel is left out: nobody is told by it", reason=reason)
        if not usable:
            log.warning("no channel works without the database: while it is away, only the consoles show an emergency")

    def send(self, person: Addressee, alert: AlertNotice, key: UUID) -> bool:
        """Send by the first channel that takes it."""
        recipient = person.recipient
        if (recipient.kind, recipient.key) == PROOF:
            return True  # a synthetic alert is nobody's
        name, phone = person.name_zh, person.phone
        if recipient.kind == "service":
            service = self._channels.services.get(recipient.key)
            if service is None:
                return False
            name, phone = service.name_zh, service.phone
        addresses = {"phone": phone, "organisation": recipient.key if recipient.kind == "organisation" else ""}
        language: wording.Language = "en" if person.language == "en" else "zh"
        for channel in self._channels.order.get(recipient.kind, []):
            adapter = self._adapters.get(channel)
            address = addresses.get(self._channels.address(channel), "")
            if adapter is None or not address or not adapter.reaches(address):
                continue
            content = _content(alert, to_family=recipient.kind == "contact")
            text = {
                "short": lambda c=content: wording.short(c, language, ""),
                "long": lambda c=content: wording.long(c, language, ""),
                "spoken": lambda c=content: wording.spoken(c, language),
            }[self._channels.form(channel)]()
            message = Outgoing(
                key=key,
                message_id=0,
                channel=channel,
                address=address,
                name=name if language == "zh" else person.name_en,
                language=language,
                severity=alert.severity,
                title=wording.title(content, language),
                text=text,
                map_link=wording.map_link(content.items[0]),
            )
            try:
                adapter.send(message, self._channels.channels[channel].timeout_s)
            except DeliveryError as error:
                log.warning("told without the database: refused", channel=channel, fault=type(error).__name__)
                continue
            log.info("told without the database", channel=channel, alert_id=alert.id)
            return True
        return False


def _content(alert: AlertNotice, *, to_family: bool) -> wording.Content:
    item = wording.MessageItem(
        alert_id=alert.id,
        severity=alert.severity,
        rule=alert.rule,
        kind=outside(alert.rule, alert.severity, alert.evidence),
        reason_zh=alert.reason_zh,
        reason_en=alert.reason_en,
        resident_zh=alert.resident_zh or "",
        resident_en=alert.resident_en or "",
        sex="",
        household=alert.household_code,
        address_zh=alert.address_zh,
        address_en=alert.address_en,
        phone=alert.phone,
        onset=dt.datetime.fromtimestamp(alert.onset_us / 1e6, dt.UTC),
    )
    return wording.Content(
        reason="escalation",
        severity=alert.severity,
        step=1,
        count=1,
        homes=1,
        place_zh=alert.area_zh,
        place_en=alert.area_en,
        items=(item,),
        to_family=to_family,
    )
