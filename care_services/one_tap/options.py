"""Load the providers that could do a service at a home, with all that choosing asks for."""

import datetime as dt
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from psycopg import Connection

from care_services.core.rules import RuleSet
from care_services.home_services.catalogue import subsidy
from care_services.home_services.catalogue.catalogue import CareService, Offer, amount, offers, serves, service
from care_services.home_services.orders.people import Person, people
from care_services.home_services.visits.checking import metres_between
from care_services.one_tap.choosing import Choice, Option, Worker, rank
from vocabulary.times import SHANGHAI

RATED_FOR = dt.timedelta(days=365)
T = TypeVar("T")


class Market:
    """The providers' side of choosing, read once for all requests of one turn: part of one moment's work, never kept.

    ``since``: the first Shanghai day whose ratings any of the requests asks for.
    """

    def __init__(self, conn: Connection[Any], since: dt.date) -> None:
        self._conn, self._since = conn, since
        self._known: dict[tuple[object, ...], Any] = {}
        self._stars: dict[int, list[tuple[dt.date, int, int]]] | None = None

    def service(self, code: str) -> CareService:
        """A service. Raises NotFoundError."""
        return self._once(("service", code), lambda: service(self._conn, code))

    def offers(self, on: dt.date, code: str) -> list[Offer]:
        """The offers of a service on a day."""
        return self._once(("offers", on, code), lambda: offers(self._conn, on, code))

    def rules(self, on: dt.date) -> RuleSet:
        """The subsidy's rules of a day."""
        return self._once(("rules", on), lambda: subsidy.rules(self._conn, on))

    def places(self) -> dict[int, tuple[Any, Any]]:
        """Longitude and latitude of each organisation, its area's where it has none."""
        return self._once(("places",), lambda: {
            row[0]: (row[1], row[2])
            for row in self._conn.execute(
                "SELECT o.id, coalesce(o.longitude, a.longitude), coalesce(o.latitude, a.latitude)"
                " FROM organisation o JOIN area a ON a.id = o.area_id"
            ).fetchall()
        })  # fmt: skip

    def rated(self, organisation_id: int, since: dt.date) -> tuple[float | None, int]:
        """The mean of a provider's ratings from a day on, and their number."""
        if self._stars is None:
            self._stars = {}
            for one, day, stars, n in self._conn.execute(
                "SELECT o.organisation_id, (t.at AT TIME ZONE 'Asia/Shanghai')::date, sum(t.stars)::int, count(*)::int"
                " FROM service_rating t JOIN service_order o ON o.id = t.order_id WHERE t.at >= %s GROUP BY 1, 2",
                (dt.datetime.combine(self._since, dt.time(), SHANGHAI),),
            ):
                self._stars.setdefault(one, []).append((day, stars, n))
        found = [(stars, n) for day, stars, n in self._stars.get(organisation_id, ()) if day >= since]
        count = sum(n for _, n in found)
        return (sum(stars for stars, _ in found) / count if count else None), count

    def _once(self, key: tuple[object, ...], load: Callable[[], T]) -> T:
        if key not in self._known:
            self._known[key] = load()
        found: T = self._known[key]
        return found


def rated_since(wanted_at: dt.datetime) -> dt.date:
    """The first Shanghai day whose ratings count for a visit."""
    return (wanted_at - RATED_FOR).astimezone(SHANGHAI).date()


def ranked(
    conn: Connection[Any], resident_id: int, code: str, wanted_at: dt.datetime, asked: Collection[int] = (),
    market: Market | None = None,
) -> list[Choice]:  # fmt: skip
    """The providers for a service at a resident's home at a time, the best first, without those in ``asked``.

    ``market``: shared by the requests of one turn.
    """
    since = rated_since(wanted_at)
    market = market or Market(conn, since)
    home = conn.execute(
        "SELECT coalesce(h.longitude, a.longitude), coalesce(h.latitude, a.latitude), a.path::text, r.languages"
        " FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id"
        " WHERE r.id = %s",
        (resident_id,),
    ).fetchone()
    if home is None:
        return []
    longitude, latitude, path, languages = home
    chosen, day = market.service(code), wanted_at.astimezone(SHANGHAI).date()
    offered = [one for one in market.offers(day, code) if serves(one, path)]
    ids = [one.organisation_id for one in offered]
    places = market.places()
    known = dict(conn.execute(
        "SELECT staff_id, count(*)::int FROM service_order WHERE resident_id = %s AND staff_id IS NOT NULL"
        " AND state IN ('checked_out', 'confirmed') GROUP BY 1",
        (resident_id,),
    ).fetchall())  # fmt: skip
    rules, facts = market.rules(day), subsidy.facts_of(conn, [resident_id], day).get(resident_id, {})
    ruling = subsidy.decide(rules, facts, code, chosen.work)
    crew: dict[int, list[Person]] = {}
    for person in people(conn, ids, chosen.work, wanted_at, chosen.minutes):
        crew.setdefault(person.organisation_id, []).append(person)
    options = []
    for one in offered:
        east, north = places.get(one.organisation_id, (None, None))  # made meanwhile: not known
        placed = None not in (longitude, latitude, east, north)
        cost = amount(chosen.unit, one.price_fen, chosen.minutes)
        mean, n = market.rated(one.organisation_id, since)
        options.append(
            Option(
                organisation_id=one.organisation_id, organisation=one.organisation, name_zh=one.provider_zh,
                name_en=one.provider_en, price_fen=one.price_fen, own_fen=subsidy.part(cost, ruling).own_fen,
                metres=round(metres_between(longitude, latitude, east, north)) if placed else None, mean=mean,
                ratings=n,
                workers=tuple(
                    Worker(
                        code=each.code, name_zh=each.name_zh, name_en=each.name_en, languages=tuple(each.languages),
                        busy=each.busy, visits=known.get(each.id, 0),
                    )
                    for each in crew.get(one.organisation_id, ())
                ),
            )
        )  # fmt: skip
    return rank(options, languages or ["cmn"], asked)
