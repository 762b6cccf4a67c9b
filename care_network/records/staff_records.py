"""New contacts, staff, certificates, shifts and rosters as plain structs, like :mod:`care_network.records.records`."""

import datetime as dt
from typing import Annotated, Literal

import msgspec

from care_network.records.records import Code, Login, Name, Phone, Record, Text

CallablePhone = Annotated[str, msgspec.Meta(pattern=r"^[0-9+ ()-]{3,30}\Z")]
Weekday = Annotated[int, msgspec.Meta(ge=1, le=7)]
"""1: Monday, 7: Sunday (ISO 8601)."""
Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class NewContact(Record, frozen=True, kw_only=True):
    """A person to call for a resident. Without ``consent_at`` the resident has not agreed, and nobody calls them."""

    resident: Code
    phone: CallablePhone
    name_zh: Name
    name_en: Name
    relation_zh: Name
    relation_en: Name
    call_order: Annotated[int, msgspec.Meta(ge=1, le=99)]
    """1 is called first."""
    consent_at: Moment | None = None
    language: Literal["zh", "en"] = "zh"
    has_key: bool = False
    login: Login | None = None
    """The family account of the same person."""


class NewStaff(Record, frozen=True, kw_only=True):
    code: Code
    organisation: Code
    kind: Literal["carer", "nurse", "doctor", "dispatcher", "social_worker", "manager", "volunteer"]
    name_zh: Name
    name_en: Name
    phone: Phone = ""
    skills: tuple[str, ...] = ()
    """Codes of ``workforce.SKILLS``."""
    languages: tuple[str, ...] = ("cmn",)
    active: bool = True
    login: Login | None = None


class NewCertificate(Record, frozen=True):
    staff: Code
    kind: str
    """A code of ``workforce.CERTIFICATES``."""
    number: Text = ""
    issued_on: dt.date | None = None
    expires_on: dt.date | None = None
    """The last valid day; None: it does not expire."""


class NewShift(Record, frozen=True):
    """Working hours in Asia/Shanghai; an end not after the start lies on the next day (08:00 to 08:00: 24 hours)."""

    organisation: Code
    code: Code
    name_zh: Name
    name_en: Name
    starts: dt.time
    ends: dt.time


class NewRosterEntry(Record, frozen=True):
    """A shift that a person works on these weekdays; weekdays and dates are those on which the shift starts."""

    staff: Code
    organisation: Code
    shift: Code
    weekdays: Annotated[tuple[Weekday, ...], msgspec.Meta(min_length=1)]
    valid_from: dt.date
    valid_until: dt.date | None = None


class NewException(Record, frozen=True):
    """An absence from every duty, or an extra duty for an organisation, up to but not including ``ends_at``."""

    staff: Code
    kind: Literal["absent", "extra"]
    starts_at: Moment
    ends_at: Moment
    organisation: Code | None = None
    reason: Text = ""
