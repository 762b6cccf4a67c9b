"""``adapter = "apprise"``: about a hundred services that apprise supports (ntfy, Bark, Telegram, Slack …).

Apprise reports success or failure and nothing more: a failure is tried again. Where receipts, time-outs or the
difference between "later" and "never" matter, use one of our own adapters.
"""

import logging

import apprise
import msgspec

from dispatch.channels.adapters.base import ConfigError, Outgoing, PermanentError, RetryableError, Sent

logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses that it could not reach


class AppriseOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Apprise's URLs by the address of a recipient on this channel; ``*`` is for everybody else."""

    urls: dict[str, str]


class Apprise:
    def __init__(self, options: AppriseOptions) -> None:
        self._urls = options.urls
        for name, url in options.urls.items():
            if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
                raise ConfigError(f"apprise does not understand the address of {name!r}")

    def reaches(self, address: str) -> bool:
        return address in self._urls or "*" in self._urls

    def send(self, message: Outgoing, timeout_s: float) -> Sent:
        url = self._urls.get(message.address) or self._urls["*"]
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if service is None:
            raise PermanentError("apprise does not understand the address")
        service.socket_connect_timeout = service.socket_read_timeout = timeout_s
        kind = apprise.NotifyType.FAILURE if message.severity == "emergency" else apprise.NotifyType.WARNING
        if not service.notify(body=message.text, title=message.title, notify_type=kind):
            raise RetryableError("apprise could not deliver it")
        return Sent()
