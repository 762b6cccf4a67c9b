"""Load the providers that could do a service at a home, with all that choosing asks for."""

import datetime as dt
from collections.abc import Collection
from typing import Any

from psycopg import Connection

from care_services.home_services.catalogue import subsidy
from care_services.home_services.catalogue.catalogue import amount, offers, serves, service
from care_services.home_services.orders.people import people
from care_services.home_services.visits.checking import metres_between
from care_services.one_tap.choosing import Choice, Option, Worker, rank
from vocabulary.times import SHANGHAI

RATED_FOR = dt.timedelta(days=365)


def ranked(
    conn: Connection[Any], resident_id: int, code: str, wanted_at: dt.datetime, asked: Collection[int] = ()
) -> list[Choice]:  # fmt: skip
    """The providers for a service at a resident's home at a time, the best first, without those in ``asked``."""
    home = conn.execute(
        "SELECT coalesce(h.longitude, a.longitude), coalesce(h.latitude, a.latitude), a.path::text, r.languages"
        " FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id"
        " WHERE r.id = %s",
        (resident_id,),
    ).fetchone()
    if home is None:
        return []
    longitude, latitude, path, languages = home
    chosen, day = service(conn, code), wanted_at.astimezone(SHANGHAI).date()
    offered = [one for one in offers(conn, day, code) if serves(one, path)]
    ids = [one.organisation_id for one in offered]
    places = {
        row[0]: (row[1], row[2])
        for row in conn.execute(
            "SELECT o.id, coalesce(o.longitude, a.longitude), coalesce(o.latitude, a.latitude)"
            " FROM organisation o JOIN area a ON a.id = o.area_id WHERE o.id = ANY (%s)",
            (ids,),
        ).fetchall()
    }
    rated = {
        row[0]: (float(row[1]), int(row[2]))
        for row in conn.execute(
            "SELECT o.organisation_id, avg(t.stars), count(*) FROM service_rating t JOIN service_order o"
            " ON o.id = t.order_id WHERE o.organisation_id = ANY (%s) AND t.at > %s GROUP BY 1",
            (ids, wanted_at - RATED_FOR),
        ).fetchall()
    }
    known = dict(conn.execute(
        "SELECT staff_id, count(*)::int FROM service_order WHERE resident_id = %s AND staff_id IS NOT NULL"
        " AND state IN ('checked_out', 'confirmed') GROUP BY 1",
        (resident_id,),
    ).fetchall())  # fmt: skip
    rules, facts = subsidy.rules(conn, day), subsidy.facts_of(conn, [resident_id], day).get(resident_id, {})
    ruling = subsidy.decide(rules, facts, code, chosen.work)
    options = []
    for one in offered:
        east, north = places[one.organisation_id]
        placed = None not in (longitude, latitude, east, north)
        cost = amount(chosen.unit, one.price_fen, chosen.minutes)
        mean, n = rated.get(one.organisation_id, (None, 0))
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
                    for each in people(conn, [one.organisation_id], chosen.work, wanted_at, chosen.minutes)
                ),
            )
        )  # fmt: skip
    return rank(options, languages or ["cmn"], asked)
