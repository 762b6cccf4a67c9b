"""Identity numbers in the database: ciphertext, found by a keyed hash, shown masked, whole only with a reason."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from care_network.errors import (
    ChangedMeanwhileError,
    ExistsError,
    KeyFileError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_network.identity import keys, vault
from care_network.identity.numbers import IdentityError, check_character, parse
from care_network.medical.keyring import KeyRing, add_key, drop_old_keys
from tests.support.network import NOW, account, build_city

pytestmark = pytest.mark.integration
NUMBER = "44030819400101001"
NUMBER += check_character(NUMBER)
OTHER = "44030819400101003"
OTHER += check_character(OTHER)


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield conn


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return keys.create(tmp_path / "identity.keys")


def put(conn: psycopg.Connection, ring: KeyRing, number: str, resident: str = "R1", version: int = 0) -> None:
    vault.put(conn, ring, account(conn, "admin"), resident, parse(number), version, at=NOW, origin="10.0.0.1")


def test_a_number_is_kept_sealed_found_by_hash_and_shown_masked(city: psycopg.Connection, ring: KeyRing) -> None:
    put(city, ring, NUMBER)
    row = city.execute("SELECT identity_document::text, resident_id FROM identity_document").fetchone()
    assert row is not None
    assert NUMBER not in row[0]
    assert vault.find(city, ring, [parse(NUMBER), parse(OTHER)]) == {keys.digest(ring, parse(NUMBER)): row[1]}
    assert vault.shown(city, ring, [row[1]])[row[1]].masked == f"4403{'*' * 13}{NUMBER[-1]}"
    with pytest.raises(ChangedMeanwhileError):
        put(city, ring, OTHER)
    with pytest.raises(ExistsError, match="another record has this number"):
        put(city, ring, NUMBER, "R2")
    with pytest.raises(IdentityError, match="digits 7 to 14"):
        put(city, ring, "11010519491231002X", version=1)
    told = city.execute("SELECT string_agg(detail::text, '') FROM audit").fetchone()
    assert told is not None
    assert NUMBER not in told[0]


def test_a_whole_number_is_shown_for_a_reason_and_every_look_is_audited(
    city: psycopg.Connection, ring: KeyRing
) -> None:
    put(city, ring, NUMBER)

    def look(login: str, reason: str = "核对低保名册") -> str | None:
        found = vault.reveal(city, ring, account(city, login), "R1", reason, at=NOW, origin="10.0.0.1")
        return None if found is None else found.number

    assert look("admin") == NUMBER
    with pytest.raises(ProvisioningError, match="say what you need"):
        look("admin", " ")
    with pytest.raises(NotPermittedError):
        look("dispatcher")
    city.execute("UPDATE account SET area_path = 'sz.yt.ms' WHERE login = 'admin-hs'")
    with pytest.raises(NotFoundError):
        look("admin-hs")
    lines = city.execute(
        "SELECT c.login, a.detail FROM audit a JOIN account c ON c.id = a.account_id WHERE a.action = %s ORDER BY a.id",
        (vault.REVEAL,),
    ).fetchall()
    reason = {"reason": "核对低保名册"}
    assert lines == [
        ("admin", reason), ("dispatcher", {**reason, "refused": "role"}), ("admin-hs", {**reason, "refused": "scope"}),
    ]  # fmt: skip


def test_keys_are_rotated_and_the_search_key_stays(city: psycopg.Connection, ring: KeyRing, tmp_path: Path) -> None:
    put(city, ring, NUMBER)
    file = tmp_path / "identity.keys"
    fresh = add_key(file, keys.IDENTITY_NUMBERS)
    assert vault.reseal(city, fresh) == 1
    assert set(vault.keys_in_use(city)) == {fresh.newest}
    last = drop_old_keys(file, keys.IDENTITY_NUMBERS)
    assert len(vault.find(city, last, [parse(NUMBER)])) == 1
    (resident,) = vault.numbers(city, last, [1, 2])
    assert vault.numbers(city, last, [resident])[resident].number == NUMBER
    with pytest.raises(KeyFileError, match="identity number of resident"):
        vault.shown(city, ring.__class__({"search": b"x" * 32, "k": b"y" * 32}, keys.IDENTITY_NUMBERS), [resident])
    with pytest.raises(KeyFileError, match="not configured"):
        keys.load(None)
