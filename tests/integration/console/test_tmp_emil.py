
import psycopg
import pytest

from database.settings import DatabaseSettings
from tests.integration.console.test_every_route import (
    EXAMPLES,
    LOGINS,
    PERMISSIONS,
    Role,
    answers,
    site_of,
)
from tests.integration.console.test_every_route import city as city
from tests.integration.console.test_foreign_street import FOREIGN, REFUSED, STRANGERS, far_accounts
from tests.integration.console.test_looks import ABOUT_NOBODY, reader_of
from tests.support.console import broker_away
from tests.support.databases import of_service

pytestmark = pytest.mark.integration


def test_mine(city, database_url):
    database = DatabaseSettings(url=of_service(database_url, "console"), pool_max=1)
    bad = []
    with broker_away() as broker, site_of(city, database, broker) as site:
        site.routes = [r for r in site.routes if "ledger" in r.name or "/help" in r.name]
        missing = [r.name for r in site.routes if r.name not in EXAMPLES]
        assert not missing, missing
        made = {}
        for role in LOGINS:
            got, wanted = answers(site, role, made)
            bad += [(role.value, k, got[k], wanted[k]) for k in got if got[k] != wanted[k]]
        looks = "SELECT count(*) FROM audit WHERE action LIKE 'view%' AND origin LIKE '%127.0.0.1'"
        for route in site.routes:
            if route.method != "GET" or route.name in ABOUT_NOBODY:
                continue
            e = EXAMPLES[route.name](city, Role.DISPATCHER)
            before = city.conn.execute(looks).fetchone()
            s = site.ask(route, e, reader_of(route))
            if s != 200:
                bad.append(("look", route.name, s))
            elif city.conn.execute(looks).fetchone() == before:
                bad.append(("silent", route.name))
    assert not bad, bad


def test_foreign(city, database_url):
    with psycopg.connect(database_url, autocommit=True) as conn:
        far_accounts(conn)
    shown, opened = {}, {}
    with (
        broker_away() as broker,
        site_of(city, DatabaseSettings(url=of_service(database_url, "console")), broker) as site,
    ):
        for route in [r for r in site.routes if "ledger" in r.name or "/help" in r.name]:
            asking = [role for role in LOGINS if PERMISSIONS[role] & set(route.needs)]
            if not asking:
                continue
            by = Role.DISPATCHER if Role.DISPATCHER in asking else asking[0]
            example = EXAMPLES[route.name](city, by)
            if "{" in route.path:
                for role in asking:
                    opened[route.name, role.value] = site.ask(route, example, STRANGERS[role])
            elif route.method == "GET" and by == Role.DISPATCHER:
                shown[route.path] = site.text(example, STRANGERS[by])
    assert [f"{s} {k}" for k, s in opened.items() if s not in REFUSED] == []
    assert [(p, f[0]) for p, t in shown.items() if (f := FOREIGN.search(t))] == []
