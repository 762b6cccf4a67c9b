"""Registers fetched from a platform beside: paged, with checksums; whole or not at all; only what is new."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from care_network.errors import ExistsError, ProvisioningError
from care_network.identity import keys
from care_network.medical.keyring import KeyRing
from care_services.registers import pulling, sources, store
from tests.support.local_pages import PagesBeside, pages_beside
from tests.support.network import NOW, account, build_city

pytestmark = pytest.mark.integration
HEAD = "姓名,证件号码,联系电话\n"


@pytest.fixture
def city(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        build_city(conn)
        yield conn


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return keys.create(tmp_path / "identity.keys")


@pytest.fixture
def beside() -> Iterator[PagesBeside]:
    with pages_beside() as found:
        yield found


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def page(text: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    body = (HEAD + text).encode()
    return (
        200,
        {"Content-Digest": digest(body), **{name.replace("_", "-"): value for name, value in headers.items()}},
        body,
    )


def test_pages_are_taken_in_together_and_only_what_is_new(
    city: psycopg.Connection, ring: KeyRing, beside: PagesBeside
) -> None:
    admin = account(city, "admin")

    def add() -> None:
        pulling.add(city, admin, "hospital", "other_platform", "医院平台", "Hospital", beside.url, "sz.yt", {}, at=NOW)

    def pull() -> Any:
        return pulling.pull(city, admin, ring, "hospital", at=NOW)

    add()
    with pytest.raises(ExistsError):
        add()
    first = page("甲,,13900000001\n乙,,13900000002\n", Link='</register?page=2>; rel="next"', ETag='"v1"')
    second = page("丙,,13900000003\n", Register_Since="cursor-7")
    beside.answers += [first, second]
    found = pull()
    assert (found.pages, found.lines) == (2, 3)
    assert [one.said["name"] for one in store.lines(city, found.import_id)] == ["甲", "乙", "丙"]
    beside.answers.append((304, {}, b""))
    assert pull().import_id is None
    assert beside.asked[-1][0].endswith("?since=cursor-7")
    assert beside.asked[-1][1]["If-None-Match"] == '"v1"'
    assert "没有更新" in sources.one(city, admin, "hospital").answer


def test_a_page_that_is_not_whole_leaves_everything_as_it_was(
    city: psycopg.Connection, ring: KeyRing, beside: PagesBeside
) -> None:
    admin = account(city, "admin")
    pulling.add(city, admin, "h", "other_platform", "医院", "Hospital", beside.url, "sz.yt", {}, at=NOW)
    good = page("甲,,13900000001\n", Link='</register?page=2>; rel="next"')
    wrong: dict[str, tuple[int, Mapping[str, str], bytes]] = {
        "differs from its checksum": (200, {"Content-Digest": digest(b"x")}, b"y"),
        "has no checksum": (200, {}, HEAD.encode()),
        "HTTP 503": (503, {}, b""),
        "other columns": (200, {"Content-Digest": digest("名\n".encode())}, "名\n".encode()),
        "another host": page("乙,,13900000002\n", Link='<http://localhost:1/x>; rel="next"'),
    }
    for words, answer in wrong.items():
        beside.answers += [good, answer]
        with pytest.raises(pulling.PullError, match=words):
            pulling.pull(city, admin, ring, "h", at=NOW)
        assert "未导入" in sources.one(city, admin, "h").answer
    assert store.imports(city, "sz.yt") == []
    with pytest.raises(ProvisioningError, match="write https"):
        pulling.add(city, admin, "x", "other_platform", "医", "H", "http://example.org/", "sz.yt", {}, at=NOW)
