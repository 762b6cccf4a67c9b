"""No forged or altered link is accepted, whatever is done to it; a genuine one says what was signed."""

import base64
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.core.links import LinkError, LinkKeyError, LinkKeys, create_link_key_file, load_link_keys

NOW = dt.datetime(2026, 11, 24, 2, tzinfo=dt.UTC)
KEYS = LinkKeys([b"k" * 32])
moments = st.datetimes(dt.datetime(2026, 11, 25), dt.datetime(2040, 1, 1), timezones=st.just(dt.UTC))
words = st.text(max_size=30)


@given(purpose=words, subject=words, person=words, expires=moments)
def test_what_was_signed_is_read(purpose: str, subject: str, person: str, expires: dt.datetime) -> None:
    token = KEYS.sign(purpose, subject, person, expires)
    link = KEYS.read(token, purpose, NOW)
    assert (link.purpose, link.subject, link.person) == (purpose, subject, person)
    assert link.expires_at == expires.replace(microsecond=0)


@given(st.data())
def test_an_altered_token_is_refused(data: st.DataObject) -> None:
    token = KEYS.sign("ack", "message:1", "staff:S1", NOW + dt.timedelta(hours=1))
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters())
    how = data.draw(st.sampled_from(["change", "insert", "delete", "cut"]))
    altered = {
        "change": token[:at] + letter + token[at + 1 :],
        "insert": token[:at] + letter + token[at:],
        "delete": token[:at] + token[at + 1 :],
        "cut": token[:at],
    }[how]
    if altered != token:
        with pytest.raises(LinkError):
            KEYS.read(altered, "ack", NOW)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode() + ".AAAA"))
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(LinkError):
        KEYS.read(token, "ack", NOW)


@given(st.binary(min_size=32, max_size=32).filter(lambda key: key != b"k" * 32))
def test_another_key_signs_nothing(key: bytes) -> None:
    token = LinkKeys([key]).sign("ack", "message:1", "staff:S1", NOW + dt.timedelta(hours=1))
    with pytest.raises(LinkError):
        KEYS.read(token, "ack", NOW)
    assert LinkKeys([key, b"k" * 32]).read(token, "ack", NOW).subject == "message:1"


def test_expired_and_for_something_else() -> None:
    token = KEYS.sign("ack", "message:1", "staff:S1", NOW)
    with pytest.raises(LinkError, match="expired"):
        KEYS.read(token, "ack", NOW)
    with pytest.raises(LinkError, match="something else"):
        KEYS.read(token, "order", NOW - dt.timedelta(seconds=1))


def test_key_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOUWANG_LINK_KEY_FILE", raising=False)
    with pytest.raises(LinkKeyError, match="SHOUWANG_LINK_KEY_FILE"):
        load_link_keys()
    file = tmp_path / "keys" / "link.key"
    create_link_key_file(file)
    first = file.read_bytes()
    create_link_key_file(file)
    assert file.read_bytes() == first
    token = load_link_keys(file).sign("a", "b", "c", NOW + dt.timedelta(hours=1))
    monkeypatch.setenv("SHOUWANG_LINK_KEY_FILE", str(file))
    assert load_link_keys().read(token, "a", NOW).subject == "b"
    file.chmod(0o644)
    with pytest.raises(LinkKeyError, match="chmod"):
        load_link_keys()
    file.chmod(0o600)
    file.write_text("not a key\n")
    with pytest.raises(LinkKeyError, match="damaged"):
        load_link_keys()
