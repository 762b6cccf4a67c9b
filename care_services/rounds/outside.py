"""The needs of the rounds from outside the wing: alerts are opened and ended by whoever runs them."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import msgspec
from psycopg import Connection

from care_services.core.notice_round import Digest, Fate, Post


class CareAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to be opened. The same ``key`` is the same alert, however often it is asked for.

    ``rule``: the code of its headline; ``title``: its name in Chinese and English; ``service``: code of the work that
    it asks for, '' for none. ``reason``: a sentence in both languages.
    """

    key: uuid.UUID
    rule: str
    severity: str
    household_id: int
    resident_id: int | None
    subject: str
    onset: dt.datetime
    at: dt.datetime
    title: tuple[str, str]
    reason: tuple[str, str]
    service: str = ""
    evidence: Mapping[str, Any] = {}


class Outside(Post, Protocol):
    """The alerts and the messages of the platform, each call a part of the caller's transaction."""

    def open_alert(self, conn: Connection[Any], alert: CareAlert) -> bool:
        """Open an alert with its escalation policy; False where it was opened before."""
        ...

    def platform_home(self, conn: Connection[Any]) -> int | None:
        """The household that stands for the platform in technical alerts; None in a district without homes."""
        ...

    def end_alert(self, conn: Connection[Any], key: uuid.UUID, at: dt.datetime, words: tuple[str, str]) -> bool:
        """Clear an alert whose cause is over, with the reason; False where it is open no more."""
        ...

    def note_alert(self, conn: Connection[Any], key: uuid.UUID, at: dt.datetime, words: tuple[str, str]) -> bool:
        """Add words to the history of an open alert; False where it is open no more."""
        ...


class Nobody:
    """An outside that opens nothing, for tests and for rounds that open no alerts."""

    def open_alert(self, conn: Connection[Any], alert: CareAlert) -> bool:
        return False

    def platform_home(self, conn: Connection[Any]) -> int | None:
        return None

    def end_alert(self, conn: Connection[Any], key: uuid.UUID, at: dt.datetime, words: tuple[str, str]) -> bool:
        return False

    def note_alert(self, conn: Connection[Any], key: uuid.UUID, at: dt.datetime, words: tuple[str, str]) -> bool:
        return False

    def send(self, conn: Connection[Any], digest: Digest, now: dt.datetime) -> None:
        return None

    def fates(self, conn: Connection[Any], digests: Collection[int]) -> Mapping[int, Fate]:
        return {}

    def take_back(self, conn: Connection[Any], digests: Collection[int], now: dt.datetime) -> None:
        return None
