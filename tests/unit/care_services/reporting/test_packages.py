"""Packages for other levels: signed, verified by the receiver, and refused with what differs."""

import datetime as dt
import io
import zipfile

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from care_services.reporting.packages import (
    FORMAT,
    Column,
    Manifest,
    PackageError,
    counter_sign,
    counter_signed,
    csv_bytes,
    described,
    opened,
    packed,
    sealed_for,
    unpacked,
    verify,
)
from database.rights.checkpoints import public_of

KEY, OTHER, RECEIVER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
DISTRICT = public_of(KEY)
COLUMNS = (
    Column(name="community", zh="社区", en="community", type="text"),
    Column(name="residents", zh="老人数", en="residents", type="integer", unit="人 people"),
)
MADE = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)


def package(rows: tuple[tuple[object, ...], ...] = (("海山", 12), ("梅沙", None))) -> bytes:
    data, lines = csv_bytes(COLUMNS, rows)
    manifest = Manifest(
        format=FORMAT, dataset="places", schema_version=1, from_=DISTRICT, to="city", number=1, key="k", area="sz.yt",
        starts_on=MADE.date(), ends_on=MADE.date(), made_at=MADE, purpose="统计", basis="nobody", people=0,
        files=(described("places.csv", COLUMNS, data, lines),),
    )  # fmt: skip
    return packed(manifest, {"places.csv": data}, KEY)[0]


def changed(pack: bytes, name: str, data: bytes | None) -> bytes:
    """The package with another entry, or without it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for entry, content in {**unpacked(pack), name: data}.items():
            if content is not None:
                new.writestr(entry, content)
    return out.getvalue()


def test_a_whole_package_is_verified_and_counter_signed() -> None:
    whole = package()
    manifest, faults = verify(whole, DISTRICT)
    assert faults == []
    assert manifest.files[0].lines == 2
    assert manifest.files[0].columns[1].unit == "人 people"
    assert unpacked(whole)["places.csv"].decode() == "community,residents\r\n海山,12\r\n梅沙,\r\n"
    assert package() == whole, "the same content makes the same bytes"
    signed = counter_sign(whole, DISTRICT, RECEIVER)
    assert counter_signed(whole, signed, public_of(RECEIVER))
    assert not counter_signed(whole, signed, public_of(OTHER))
    assert not counter_signed(package((("海山", 13),)), signed, public_of(RECEIVER)), "of this very package"
    assert not counter_signed(whole, b"{}", public_of(RECEIVER))


def test_what_differs_is_named() -> None:
    whole = package()

    def faults(pack: bytes, key: str = DISTRICT) -> str:
        found = verify(pack, key)[1]
        assert found
        return "；".join(one.zh for one in found)

    data = unpacked(whole)["places.csv"]
    assert "SHA-256 不符" in faults(changed(whole, "places.csv", data.replace(b"12", b"13")))
    assert "有 3 行，清单为 2 行" in faults(changed(whole, "places.csv", data + "大鹏,1\r\n".encode()))
    assert "列与清单不同" in faults(changed(whole, "places.csv", data.replace(b"residents", b"people")))
    assert "缺少文件 places.csv" in faults(changed(whole, "places.csv", None))
    assert "多出文件 more.csv" in faults(changed(whole, "more.csv", b"x"))
    text = unpacked(whole)["manifest.json"]
    assert "签名与清单不符" in faults(changed(whole, "manifest.json", text.replace(b'"sz.yt"', b'"sz.ft"')))
    assert "缺少签名" in faults(changed(whole, "manifest.sig", None))
    assert "不是该区的公钥" in faults(whole, public_of(OTHER))
    with pytest.raises(PackageError, match=r"not counter-signed: places\.csv differs"):
        counter_sign(changed(whole, "places.csv", data + b"x,1\r\n"), DISTRICT, RECEIVER)
    for broken in (
        b"",
        b"PK",
        whole[:-30],
        changed(whole, "manifest.json", None),
        changed(whole, "manifest.json", b"{"),
    ):
        with pytest.raises(PackageError):
            verify(broken, DISTRICT)


@given(st.integers(min_value=0), st.integers(1, 255))
@settings(max_examples=60)
def test_no_byte_can_be_changed_unnoticed(place: int, by: int) -> None:
    whole = bytearray(package())
    whole[place % len(whole)] ^= by
    try:
        manifest, faults = verify(bytes(whole), DISTRICT)
    except PackageError:
        return
    same = unpacked(bytes(whole)) == unpacked(package())
    assert faults or same, f"{manifest.number}: neither noticed nor without effect"


def test_what_tells_of_people_is_opened_by_the_receiver_alone() -> None:
    identity = pyrage.x25519.Identity.generate()
    sealed = sealed_for("陈,440308".encode(), str(identity.to_public()))
    assert "陈".encode() not in sealed
    assert opened(sealed, str(identity)).decode() == "陈,440308"
