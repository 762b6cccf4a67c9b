"""Interfaces of the ways to get help without the district (contacts, sounders), and the texts they carry."""

import datetime as dt
from collections.abc import Callable
from typing import Protocol

import msgspec

from edge_agent.alarm.rules import Cause
from edge_agent.alarm.settings import Contact
from firmware_profiles.channels import EVENTS
from vocabulary.times import SHANGHAI

CALLING = ("正在呼叫帮助，请稍候", "Calling for help, please wait")
COMING = ("已经有人收到您家的呼救，请别着急", "Somebody has taken your call, please stay calm")
"""Said when an alert is taken: nobody need be on the way yet, and it may be about smoke, where one must not stay."""


class Attempt(msgspec.Struct, frozen=True):
    """The result of trying to reach a contact."""

    reached: bool
    detail: str = ""
    """For the log and the report; never a number."""


Reacher = Callable[[Contact, Cause, str], Attempt]
"""Reaches a contact with a text. Blocks for a minute or so at most: run it in a thread. It never raises; a failure is
an Attempt."""


class Sounder(Protocol):
    """A device that is heard or seen in the home. Its methods never raise and never hang."""

    def say(self, text_zh: str, text_en: str) -> str:
        """Announce a text; "" where it was done, else why not."""

    def silence(self) -> None: ...

    def probe(self) -> str: ...


def sms_text(home: str, cause: Cause) -> str:
    """At most 70 characters where the home's name is short: one SMS in UCS-2 (3GPP TS 23.040, 9.2.3.24.1)."""
    event = EVENTS[cause.kind]
    at = dt.datetime.fromtimestamp(cause.time_us / 1e6, SHANGHAI)
    return f"【守望】{home}：{event.zh} {at:%H:%M}，平台无应答，请立即联系老人或前往查看"
