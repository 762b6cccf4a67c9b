"""Tokens of other systems: shown once, bounded by scope, area, time and rate, and ended at once."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from care_network.access import machine_tokens
from care_network.access.machine_tokens import NewToken
from care_network.errors import NotFoundError, NotPermittedError, ProvisioningError
from tests.support.exchange_site import ExchangeSite, exchange_site, now
from tests.support.network import account

pytestmark = pytest.mark.integration


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[ExchangeSite]:
    with exchange_site(database_url, tmp_path, burst=8, requests_per_s=0.01) as site:
        yield site


def test_a_request_needs_a_token_with_the_scope_and_gets_words_otherwise(site: ExchangeSite) -> None:
    with site.client("") as client:
        answer = client.get("/fhir/Patient")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="shouwang"')
    with site.client("sw_wrong") as client:
        assert client.get("/fhir/Patient").status_code == 401
    narrow = site.new_token("narrow", scopes=("device.read",))
    with site.client(narrow) as client:
        answer = client.get("/fhir/Patient")
        assert answer.status_code == 403
        assert "patient.read" in answer.json()["issue"][0]["diagnostics"]
        assert client.get("/fhir/Device").status_code == 200


def test_a_revoked_or_expired_token_is_refused_from_its_next_request_on(site: ExchangeSite) -> None:
    admin = account(site.conn, "admin")
    with site.client() as client:
        assert client.get("/fhir/Patient").status_code == 200
        (kept,) = machine_tokens.listing(site.conn, admin)
        assert (kept.login, kept.last_origin, kept.standing(now())) == ("hospital", "127.0.0.1", "soon")
        assert kept.last_used_at is not None
        machine_tokens.revoke(site.conn, admin, kept.id, at=now(), origin="test")
        assert client.get("/fhir/Patient").status_code == 401
    short = site.new_token("short")
    site.conn.execute(
        "UPDATE machine_token SET created_at = now() - interval '2 days', expires_at = now() - interval '1 s'"
        " WHERE revoked_at IS NULL"
    )
    with site.client(short) as client:
        assert client.get("/fhir/Patient").status_code == 401


def test_too_many_requests_are_told_when_to_come_again(site: ExchangeSite) -> None:
    with site.client() as client:
        statuses = [client.get("/fhir/Patient").status_code for _ in range(9)]
        assert statuses == [200] * 8 + [429]
        assert int(client.get("/fhir/Patient").headers["retry-after"]) > 1
    with site.client(site.new_token("other")) as client:
        assert client.get("/fhir/Patient").status_code == 200  # another one's bucket is its own


def test_the_database_keeps_no_token(site: ExchangeSite) -> None:
    rows = site.conn.execute("SELECT t::text FROM machine_token t").fetchall()
    assert not any(site.token in row for (row,) in rows)
    (password,) = site.conn.execute("SELECT password_hash FROM account WHERE login = 'hospital'").fetchone() or ("",)
    assert password == "!"


WRONG: tuple[tuple[dict[str, object], type[ProvisioningError], str], ...] = (
    ({"name": ""}, ProvisioningError, "name"),
    ({"login": "Böse Login"}, ProvisioningError, "login"),
    ({"login": "dispatcher"}, ProvisioningError, "login"),  # a person's
    ({"scopes": ()}, ProvisioningError, "scopes"),
    ({"scopes": ("everything",)}, ProvisioningError, "scopes"),
    ({"area": "sz"}, NotPermittedError, "area"),
    ({"area": "sz.yt.nowhere"}, NotFoundError, "area"),
    ({"expires_at": now() + dt.timedelta(days=400)}, ProvisioningError, "expires"),
    ({"expires_at": now() - dt.timedelta(days=1)}, ProvisioningError, "expires"),
)


def test_a_wrong_wish_is_refused_with_the_field(site: ExchangeSite) -> None:
    admin = account(site.conn, "admin")
    end = now() + dt.timedelta(days=1)
    good = {"name": "x", "login": "xx", "scopes": ("patient.read",), "area": "sz.yt", "expires_at": end}
    for change, error, field in WRONG:
        with pytest.raises(error) as refused:
            machine_tokens.add(site.conn, admin, NewToken(**(good | change)), at=now(), origin="")  # type: ignore[arg-type]
        assert refused.value.field == field


def test_only_administrators_make_tokens(site: ExchangeSite) -> None:
    with pytest.raises(NotPermittedError):
        machine_tokens.listing(site.conn, account(site.conn, "dispatcher"))
