"""Load recipients from the database: names, addresses, preferences, and substitutes where one cannot be reached."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

import msgspec
from psycopg import Connection

from care_network.duty.centers import desk_of
from care_network.duty.loading import load_roster
from care_network.duty.roster import on_duty
from care_network.errors import NotFoundError
from dispatch.channels import policy
from dispatch.channels.config import Channels
from dispatch.channels.notifications import Recipient, RecipientKind
from vocabulary.synthetic import CHANNEL, RECIPIENT

Key = tuple[str, str]
"""(kind, key)."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Facts needed to notify somebody: name, language, route, addresses, quiet hours."""

    name_zh: str
    name_en: str
    language: Literal["zh", "en"]
    route: tuple[str, ...]
    addresses: dict[str, str]
    """By channel of the route."""
    quiet: policy.QuietHours | None
    sent: tuple[dt.datetime, ...]
    """Times of their latest messages."""


TEST = "channel-test:"
"""Begin of the key of a recipient of a test message; its number follows."""
PROOF: Key = ("service", RECIPIENT)
"""The recipient of synthetic alerts."""
_LOOPBACK_CARD = Card(
    name_zh="链路自检",
    name_en="Proof of the path",
    language="en",
    route=(CHANNEL,),
    addresses={CHANNEL: RECIPIENT},
    quiet=None,
    sent=(),  # no rate: what proves the path waits for nothing
)


class _Person(msgspec.Struct, frozen=True):
    """A recipient as the care network or the settings have it."""

    name_zh: str
    name_en: str
    language: str
    phone: str = ""
    account: str = ""
    organisation: str = ""


def load_cards(
    conn: Connection[Any],
    wanted: Iterable[Key],
    channels: Channels,
    reaches: Callable[[str, str], bool],
    now: dt.datetime,
) -> dict[Key, Card]:
    """Load the cards of recipients who may be notified and can be reached.

    Others are missing: unknown or inactive, without the resident's consent, or without an address on any channel.
    ``reaches(channel, address)``: see Adapter.
    """
    keys: dict[str, list[str]] = defaultdict(list)
    wanted_keys = set(wanted)
    for kind, key in wanted_keys:
        keys[kind].append(key)
    people = _people(conn, keys, channels, now)
    preferences = _preferences(conn, people)
    sent = _sent(conn, people, now - dt.timedelta(seconds=channels.rate.seconds))
    cards = {}
    for (kind, key), person in people.items():
        preferred, language, quiet, extra = preferences.get((kind, key), ([], None, None, {}))
        addresses = {}
        for name in channels.channels:
            usual = {"phone": person.phone, "account": person.account, "organisation": person.organisation}
            address = extra.get(name) or usual.get(channels.address(name), "")
            if address and (name in preferred or name in channels.order.get(cast("RecipientKind", kind), [])):
                addresses[name] = address
        order = channels.order.get(cast("RecipientKind", kind), [])
        route = policy.route(preferred, order, {n: a for n, a in addresses.items() if reaches(n, a)})
        if route:
            cards[kind, key] = Card(
                name_zh=person.name_zh,
                name_en=person.name_en,
                language="en" if (language or person.language) == "en" else "zh",
                route=route,
                addresses={name: addresses[name] for name in route},
                quiet=quiet,
                sent=tuple(sent.get((kind, key), ())),
            )
    cards |= _of_tests(conn, [key for kind, key in wanted_keys if kind == "service"], channels, reaches)
    if PROOF in wanted_keys and CHANNEL in channels.channels:
        cards[PROOF] = _LOOPBACK_CARD
    return cards


def _of_tests(
    conn: Connection[Any], keys: Iterable[str], channels: Channels, reaches: Callable[[str, str], bool]
) -> dict[Key, Card]:
    """Load the cards of test messages: the one channel that is tested, and nobody's preferences."""
    numbers = [int(key.removeprefix(TEST)) for key in keys if key.startswith(TEST)]
    if not numbers:
        return {}
    rows = conn.execute(
        "SELECT id, channel, address, name_zh, name_en, language FROM channel_test WHERE id = ANY(%s)", (numbers,)
    ).fetchall()
    return {
        ("service", f"{TEST}{number}"): Card(
            name_zh=zh,
            name_en=en,
            language=language,
            route=(channel,),
            addresses={channel: address},
            quiet=None,
            sent=(),
        )
        for number, channel, address, zh, en, language in rows
        if channel in channels.channels and reaches(channel, address)
    }


def next_menders(conn: Connection[Any], warning_id: int) -> list[Recipient]:
    """Find the substitute for a hole in the roster: the dispatch desk of the place, as all others were notified."""
    row = conn.execute("SELECT areas[1]::text FROM duty_warning WHERE id = %s", (warning_id,)).fetchone()
    desk = None if row is None or row[0] is None else desk_of(conn, row[0])
    return [] if desk is None else [Recipient("organisation", desk[1])]


def next_recipients(conn: Connection[Any], alert_id: Any, kind: str, key: str, now: dt.datetime) -> list[Recipient]:
    """List substitutes, best first: of a contact the next one, of staff those who are on duty now, the nearest first,
    and then the organisation itself. Empty for a service: nobody takes the place of 120."""
    if kind == "contact":
        rows = conn.execute(
            """
            SELECT r.code || '/' || c.phone FROM contact c JOIN resident r ON r.id = c.resident_id
            WHERE c.resident_id = (SELECT resident_id FROM alert WHERE id = %(alert)s) AND c.consent_at <= %(now)s
              AND c.call_order > coalesce(
                  (SELECT me.call_order FROM contact me JOIN resident mine ON mine.id = me.resident_id
                   WHERE mine.code || '/' || me.phone = %(key)s), 0)
            ORDER BY c.call_order
            """,
            {"alert": alert_id, "now": now, "key": key},
        ).fetchall()
        return [Recipient("contact", row[0]) for row in rows]
    if kind == "service":
        return []
    row = conn.execute(
        """
        SELECT (SELECT a.path::text FROM alert x JOIN household h ON h.id = x.household_id
                JOIN area a ON a.id = h.area_id WHERE x.id = %(alert)s),
               CASE WHEN %(kind)s = 'organisation' THEN %(key)s
                    ELSE (SELECT o.code FROM staff s JOIN organisation o ON o.id = s.organisation_id
                          WHERE s.code = %(key)s) END
        """,
        {"alert": alert_id, "kind": kind, "key": key},
    ).fetchone()
    place, organisation = row if row else (None, None)
    roster = load_roster(conn, now, now + dt.timedelta(minutes=1))
    colleagues: tuple[Any, ...] = ()
    if organisation is not None:
        try:
            colleagues = on_duty(roster, now, organisation=organisation)
        except NotFoundError:  # closed meanwhile: others serve the place
            colleagues = ()
    neighbours = on_duty(roster, now, place=place) if place else ()
    substitutes = [Recipient("staff", one.person.code) for one in (*colleagues, *neighbours)]
    if organisation is not None:
        substitutes.append(Recipient("organisation", organisation))
    return [one for one in dict.fromkeys(substitutes) if (one.kind, one.key) != (kind, key)]


def _people(
    conn: Connection[Any], keys: Mapping[str, list[str]], channels: Channels, now: dt.datetime
) -> dict[Key, _Person]:
    people: dict[Key, _Person] = {}
    for row in conn.execute(
        """
        SELECT s.code, s.name_zh, s.name_en, coalesce(a.language, 'zh'), s.phone,
               CASE WHEN a.active THEN a.id::text ELSE '' END
        FROM staff s LEFT JOIN account a ON a.id = s.account_id WHERE s.active AND s.code = ANY(%s)
        """,
        (keys.get("staff", []),),
    ):
        people["staff", row[0]] = _Person(row[1], row[2], row[3], row[4], row[5] or "")
    for row in conn.execute(
        """
        SELECT r.code || '/' || c.phone, c.name_zh, c.name_en, c.language, c.phone,
               CASE WHEN a.active THEN a.id::text ELSE '' END
        FROM contact c JOIN resident r ON r.id = c.resident_id LEFT JOIN account a ON a.id = c.account_id
        WHERE c.consent_at <= %s AND r.code || '/' || c.phone = ANY(%s)
        """,
        (now, keys.get("contact", [])),
    ):
        people["contact", row[0]] = _Person(row[1], row[2], row[3], row[4], row[5] or "")
    for row in conn.execute(
        "SELECT code, name_zh, name_en, phone FROM organisation WHERE active AND code = ANY(%s)",
        (keys.get("organisation", []),),
    ):
        people["organisation", row[0]] = _Person(row[1], row[2], "zh", row[3], organisation=row[0])
    for key in keys.get("service", []):
        if key in channels.services:
            service = channels.services[key]
            people["service", key] = _Person(service.name_zh, service.name_en, service.language, service.phone)
    return people


def _preferences(conn: Connection[Any], wanted: Iterable[Key]) -> dict[Key, Any]:
    kinds, keys = _columns(wanted)
    rows = conn.execute(
        """
        SELECT recipient_kind, recipient_key, channels, language, quiet_from, quiet_until, addresses
        FROM notification_preference JOIN unnest(%s::text[], %s::text[]) AS w (kind, key)
             ON recipient_kind = w.kind AND recipient_key = w.key
        """,
        (kinds, keys),
    ).fetchall()
    return {
        (row[0], row[1]): (row[2], row[3], None if row[4] is None else policy.QuietHours(row[4], row[5]), row[6])
        for row in rows
    }


def _sent(conn: Connection[Any], wanted: Iterable[Key], since: dt.datetime) -> dict[Key, list[dt.datetime]]:
    kinds, keys = _columns(wanted)
    times: dict[Key, list[dt.datetime]] = defaultdict(list)
    for kind, key, at in conn.execute(
        """
        SELECT recipient_kind, recipient_key, created_at
        FROM message JOIN unnest(%s::text[], %s::text[]) AS w (kind, key)
             ON recipient_kind = w.kind AND recipient_key = w.key
        WHERE created_at > %s AND state <> 'withdrawn'
        """,
        (kinds, keys, since),
    ):
        times[kind, key].append(at)
    return times


def _columns(wanted: Iterable[Key]) -> tuple[list[str], list[str]]:
    pairs = list(wanted)
    return [kind for kind, _ in pairs], [key for _, key in pairs]
