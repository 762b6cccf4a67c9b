"""The key file of the medical notes: private, damaged, wrong and rotated ones."""

from pathlib import Path

import pytest

from care_network.errors import KeyFileError
from care_network.medical.keyring import SealedNote, add_key, create_key_file, drop_old_keys, load_key_file


def test_a_note_opens_with_its_key_and_its_resident_alone(tmp_path: Path) -> None:
    ring = create_key_file(tmp_path / "sub" / "keys")
    sealed = ring.seal("青霉素".encode(), "R1")
    assert "青霉素".encode() not in sealed.ciphertext
    assert ring.seal("青霉素".encode(), "R1").ciphertext != sealed.ciphertext
    assert load_key_file(tmp_path / "sub" / "keys").open(sealed, "R1").decode() == "青霉素"
    with pytest.raises(KeyFileError, match="note of R2 does not open"):
        ring.open(sealed, "R2")
    tampered = SealedNote(sealed.key_id, sealed.nonce, bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:])
    with pytest.raises(KeyFileError, match="tampered"):
        ring.open(tampered, "R1")
    other = create_key_file(tmp_path / "other")
    with pytest.raises(KeyFileError, match=r"which this key file lacks.*backup"):
        other.open(sealed, "R1")
    with pytest.raises(KeyFileError, match="another key than the one"):
        other.open(SealedNote(other.newest, sealed.nonce, sealed.ciphertext), "R1")


def test_rotation_keeps_the_old_key_until_it_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    first = create_key_file(file)
    old = first.seal(b"x", "R1")
    second = add_key(file)
    assert second.newest != first.newest
    assert second.open(old, "R1") == b"x"
    new = second.seal(b"y", "R1")
    last = drop_old_keys(file)
    assert last.open(new, "R1") == b"y"
    with pytest.raises(KeyFileError, match="lacks"):
        last.open(old, "R1")
    assert (file.stat().st_mode & 0o777, load_key_file(file).newest) == (0o600, second.newest)


def test_a_key_file_is_never_overwritten_and_never_shown(tmp_path: Path) -> None:
    ring = create_key_file(tmp_path / "keys")
    before = (tmp_path / "keys").read_bytes()
    with pytest.raises(KeyFileError, match="exists already"):
        create_key_file(tmp_path / "keys")
    assert (tmp_path / "keys").read_bytes() == before
    assert before.split()[-1].decode() not in repr(ring)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no key"),
        ("# only words\n", "holds no key"),
        ("k-1 AAAA\n", "damaged in line 1"),
        ("# x\nk-1 ***\n", "damaged in line 2"),
        ("钥匙", "cannot be read"),
    ],
)
def test_a_damaged_file_says_so(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match=words):
        load_key_file(file)


def test_a_missing_or_open_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="shouwang network key create"):
        load_key_file(tmp_path / "keys")
    create_key_file(tmp_path / "keys").seal(b"", "")
    (tmp_path / "keys").chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key_file(tmp_path / "keys")
