"""Medical notes: ciphertext in the table, shown during an open alert alone, every look in the audit, keys rotated."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from care_network.errors import (
    ChangedMeanwhileError,
    KeyFileError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from care_network.medical import notes
from care_network.medical.keyring import KeyRing, add_key, create_key_file, drop_old_keys
from care_network.medical.notes import ShownNote
from shouwang.cli.main import app
from tests.support.network import NOW, account, build_city, open_alert

pytestmark = pytest.mark.integration


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield conn


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return create_key_file(tmp_path / "keys")


def read(conn: psycopg.Connection, ring: KeyRing, login: str, resident: str = "R1") -> ShownNote | None:
    return notes.read_note(conn, ring, account(conn, login), resident, at=NOW, origin="10.0.0.1")


def write(conn: psycopg.Connection, ring: KeyRing, version: int, login: str = "carer", **fields: str) -> int:
    return notes.write_note(conn, ring, account(conn, login), "R1", fields, version, at=NOW, origin="10.0.0.1")


def looks(conn: psycopg.Connection) -> list[tuple[object, ...]]:
    return conn.execute(
        "SELECT c.login, a.action, r.code, a.detail, a.origin FROM audit a JOIN account c ON c.id = a.account_id"
        " LEFT JOIN resident r ON r.id = a.resident_id ORDER BY a.id"
    ).fetchall()


def test_the_table_holds_ciphertext(city: psycopg.Connection, ring: KeyRing) -> None:
    write(city, ring, 0, allergies="青霉素", key_safe_code="2580")
    row = city.execute("SELECT medical_note::text, ciphertext FROM medical_note").fetchone()
    assert row is not None
    for secret in ("青霉素", "2580", "allergies"):
        assert secret not in row[0]
        assert secret.encode() not in row[1]
    audit = city.execute("SELECT string_agg(audit::text, '') FROM audit").fetchone()
    assert audit is not None
    assert "2580" not in audit[0]


def test_it_is_shown_during_an_alert_and_the_look_is_audited(city: psycopg.Connection, ring: KeyRing) -> None:
    write(city, ring, 0, allergies="青霉素")
    with pytest.raises(NotPermittedError, match="during an alert only"):
        read(city, ring, "carer")
    alert = open_alert(city, "R1", "H1")
    shown = read(city, ring, "carer")
    assert shown is not None
    assert (shown.note.allergies, shown.version) == ("青霉素", 1)
    city.execute("UPDATE alert SET state = 'resolved'")
    with pytest.raises(NotPermittedError, match="during an alert only"):
        read(city, ring, "carer")
    assert looks(city)[1:] == [
        ("carer", "view_medical_note", "R1", {"refused": "no open alert"}, "10.0.0.1"),
        ("carer", "view_medical_note", "R1", {"alerts": [alert]}, "10.0.0.1"),
        ("carer", "view_medical_note", "R1", {"refused": "no open alert"}, "10.0.0.1"),
    ]


def test_only_responders_of_the_area_see_it(city: psycopg.Connection, ring: KeyRing) -> None:
    write(city, ring, 0, "dispatcher", allergies="青霉素")
    open_alert(city, "R1", "H1")
    assert read(city, ring, "dispatcher")
    for login, error in [("admin", NotPermittedError), ("daughter", NotPermittedError), ("carer-ms", NotFoundError)]:
        with pytest.raises(error):
            read(city, ring, login)
        with pytest.raises(error):
            write(city, ring, 1, login, other="x")
    refused = [row for row in looks(city) if "refused" in row[3]]  # type: ignore[operator]
    assert [(row[0], row[1], row[3]) for row in refused] == [
        (login, action, {"refused": why})
        for login, why in [("admin", "role"), ("daughter", "role"), ("carer-ms", "scope")]
        for action in ("view_medical_note", "edit_medical_note")
    ]


@pytest.mark.parametrize(
    ("resident", "household", "severity", "shown"),
    [
        (None, "H1", "emergency", True),
        (None, "H1", "technical", False),
        ("R2", "H2", "emergency", False),
        (None, "H2", "emergency", False),
    ],
)
def test_whose_alert_counts(
    city: psycopg.Connection, ring: KeyRing, resident: str | None, household: str, severity: str, shown: bool
) -> None:
    open_alert(city, resident, household, severity)
    if shown:
        assert read(city, ring, "carer") is None  # nobody has written one
    else:
        with pytest.raises(NotPermittedError):
            read(city, ring, "carer")


def test_fields_that_are_not_given_stay_unseen(city: psycopg.Connection, ring: KeyRing) -> None:
    assert write(city, ring, 0, allergies="青霉素", medication="二甲双胍") == 1
    assert write(city, ring, 1, medication="阿司匹林") == 2
    with pytest.raises(ChangedMeanwhileError, match="at version 2, you decided on 1"):
        write(city, ring, 1, other="x")
    with pytest.raises(ChangedMeanwhileError):
        write(city, ring, 0, other="x")
    for wrong in ({"diagnosis": "x"}, {"other": "x" * 2001}):
        with pytest.raises(ProvisioningError, match="medical note"):
            write(city, ring, 2, **wrong)
    open_alert(city, "R1", "H1")
    shown = read(city, ring, "carer")
    assert shown is not None
    assert (shown.note.allergies, shown.note.medication, shown.version) == ("青霉素", "阿司匹林", 2)
    assert "青霉素" not in repr(shown)


def test_a_wrong_key_is_a_clear_error_and_the_look_still_counts(
    city: psycopg.Connection, ring: KeyRing, tmp_path: Path
) -> None:
    write(city, ring, 0, allergies="青霉素")
    open_alert(city, "R1", "H1")
    with pytest.raises(KeyFileError, match="take the key file from your backup"):
        read(city, create_key_file(tmp_path / "other"), "carer")
    assert looks(city)[-1][1] == "view_medical_note"
    with pytest.raises(KeyFileError):
        write(city, create_key_file(tmp_path / "third"), 1, other="x")
    assert city.execute("SELECT version FROM medical_note").fetchone() == (1,)


def test_a_note_copied_to_another_resident_does_not_open(city: psycopg.Connection, ring: KeyRing) -> None:
    write(city, ring, 0, allergies="青霉素")
    city.execute(
        "INSERT INTO medical_note SELECT r.id, key_id, nonce, ciphertext, updated_at, 1 FROM medical_note, resident r"
        " WHERE r.code = 'R2'"
    )
    open_alert(city, "R2", "H2")
    with pytest.raises(KeyFileError, match="note of R2 does not open"):
        read(city, ring, "carer-ms", "R2")


def test_rotation_seals_every_note_anew(city: psycopg.Connection, ring: KeyRing, tmp_path: Path) -> None:
    write(city, ring, 0, allergies="青霉素")
    assert notes.add_note(city, ring, "R2", notes.MedicalNote(other="x"), NOW)
    assert not notes.add_note(city, ring, "R2", notes.MedicalNote(other="y"), NOW)
    newer = add_key(tmp_path / "keys")
    assert notes.keys_in_use(city) == {ring.newest: 2}
    assert notes.reseal(city, newer) == 2
    assert notes.reseal(city, newer) == 0
    assert notes.keys_in_use(city) == {newer.newest: 2}
    open_alert(city, "R1", "H1")
    shown = read(city, drop_old_keys(tmp_path / "keys"), "carer")
    assert shown is not None
    assert (shown.note.allergies, shown.version) == ("青霉素", 1)


def test_a_look_inside_somebodys_transaction_is_refused(city: psycopg.Connection, ring: KeyRing) -> None:
    with city.transaction(), pytest.raises(ValueError, match="their own transactions"):
        read(city, ring, "carer")
    with pytest.raises(NotFoundError, match="no resident 'R404'"):
        read(city, ring, "carer", "R404")


def test_a_try_on_the_command_line_without_the_role_is_in_the_audit(
    city: psycopg.Connection, database_url: str, ring: KeyRing, tmp_path: Path
) -> None:
    options = ["--url", database_url, "--as", "admin", "--key-file", str(tmp_path / "keys")]
    for words in (["show", "R1"], ["set", "R1", "other=x"]):
        assert CliRunner().invoke(app, ["network", "note", *words, *options]).exit_code == 1
    assert [(row[0], row[1], row[3], row[4]) for row in looks(city)] == [
        ("admin", action, {"refused": "role"}, "cli") for action in ("view_medical_note", "edit_medical_note")
    ]
