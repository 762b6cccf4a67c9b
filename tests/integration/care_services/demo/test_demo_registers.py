"""The demonstration has registers with conflicts, numbers, packages and a log; filled twice it stays the same."""

import datetime as dt
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from care_network.identity import keys
from care_services.demo.registers import fill
from care_services.registers import collecting
from care_services.reporting import making
from tests.support.network import account, build_city

pytestmark = pytest.mark.integration


def test_the_demonstration_has_some_of_everything(database_url: str, tmp_path: Path) -> None:
    ring, key = keys.create(tmp_path / "identity.keys"), Ed25519PrivateKey.generate()
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        now = dt.datetime.now(dt.UTC)
        fill(conn, now, ring, key)
        admin = account(conn, "admin")
        imports = collecting.listing(conn, admin)
        assert {one.register for one in imports} == {"low_income", "population"}
        found = imports[-1].counts
        assert found["new"] >= 1
        assert found["unreadable"] >= 1
        log = making.log(conn, admin)
        assert {one.state for one in log} == {"waiting", "delivered"}
        assert any(one.counter_signed_at for one in log)
        fill(conn, now + dt.timedelta(hours=1), ring, key)
        assert len(collecting.listing(conn, admin)) == len(imports)
        assert len(making.log(conn, admin)) == len(log)
