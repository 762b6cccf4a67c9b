"""A connection that leaves this machine is verified, unless its address says otherwise."""

import pytest

from database.address import verified
from database.city.settings import FeedSettings
from database.settings import DatabaseSettings


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shouwang@127.0.0.1:5432/shouwang",
        "postgresql://shouwang@localhost/shouwang",
        "postgresql://[::1]/shouwang",
        "postgresql:///shouwang",
        "postgresql:///shouwang?host=/run/postgresql",
        "host=/run/postgresql dbname=shouwang",
        "dbname=shouwang",
        "postgresql://db.example.org/shouwang?sslmode=disable",
        "host=db.example.org sslmode=require",
        "no address=",
    ],
)
def test_what_stays_here_and_what_says_how_is_left_alone(url: str) -> None:
    assert verified(url) == url


@pytest.mark.parametrize(
    ("url", "after"),
    [
        ("postgresql://shouwang:x@db.example.org/shouwang", "?sslmode=verify-full"),
        ("postgresql://db/shouwang?sslrootcert=/etc/shouwang/tls/ca.crt", "&sslmode=verify-full"),
        ("postgresql://localhost,db-b/shouwang", "?sslmode=verify-full"),
        ("host=10.0.0.7 dbname=shouwang", " sslmode=verify-full"),
        ("hostaddr=10.0.0.7 dbname=shouwang", " sslmode=verify-full"),
    ],
)
def test_another_machine_has_to_prove_who_it_is(url: str, after: str) -> None:
    assert verified(url) == url + after
    assert verified(verified(url)) == url + after
    assert DatabaseSettings(url=url).url == FeedSettings(url=url).url == url + after


def test_the_environment_of_libpq_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.org")
    assert verified("dbname=shouwang") == "dbname=shouwang sslmode=verify-full"
    monkeypatch.setenv("PGSSLMODE", "verify-ca")
    assert verified("dbname=shouwang") == "dbname=shouwang"
