"""Packages for another level: CSV files with a signed manifest in a ZIP, and how a receiver verifies one. Pure.

``manifest.json`` names schema, columns with their units, period, area, ground, and of each file its lines and SHA-256;
``manifest.sig`` signs its bytes by the district's Ed25519 key (RFC 8032). A counter-signature signs manifest and
signature by the receiver's key: it says "this very package has come whole". A file about people is encrypted for the
receiver (age, X25519) before it is packed, so that neither the way nor our database holds it in clear.
"""

import base64
import binascii
import csv
import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from care_network.errors import ProvisioningError
from database.rights.checkpoints import public_of

FORMAT = "shouwang package, 1"
COUNTER = "shouwang counter-signature of a package, 1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
SEALED = ".age"
"""Ending of a file that the receiver alone can open."""
MOST_BYTES = 256 << 20
"""Of a package, unpacked."""
MOST_MADE = 64 << 20
"""Of the lines of a package that is made here: 7,198 residents have 2 MB."""
_ALWAYS = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the same content makes the same bytes."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a file: its heading, what it means, its type, unit, and what may stand in it."""

    name: str
    zh: str
    en: str
    type: str
    """'text', 'integer', 'decimal', 'date', 'yes/no' or 'code'."""
    unit: str = ""
    codes: tuple[str, ...] = ()


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a package, as the manifest tells of it."""

    name: str
    columns: tuple[Column, ...]
    lines: int
    """Without the headings."""
    bytes: int
    sha256: str
    """Of the bytes as they lie in the package."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The package about itself, as it is signed."""

    format: str
    dataset: str
    schema_version: int
    from_: str
    """The public key of the district, hexadecimal."""
    to: str
    """The receiver's code."""
    number: int
    """In the order of this receiver, from 1 without gaps."""
    key: str
    """UUID: two packages with the same key are the same package."""
    area: str
    starts_on: dt.date
    ends_on: dt.date
    made_at: dt.datetime
    purpose: str
    basis: str
    """'law', 'consent' or 'nobody' (it tells of no person)."""
    people: int
    files: tuple[File, ...]


class Fault(msgspec.Struct, frozen=True):
    """Something about a package that is not as it was signed."""

    zh: str
    en: str


class PackageError(ProvisioningError):
    """This is no package, or not the one that was signed. The texts say what differs."""

    code = "package"


def csv_bytes(columns: Sequence[Column], rows: Iterable[Sequence[Any]], most: int = MOST_MADE) -> tuple[bytes, int]:
    """A file by RFC 4180 in UTF-8: its bytes, and its lines without the headings. None is an empty cell.

    The rows are taken one by one, and never held together. Raises ProvisioningError beyond ``most`` bytes.
    """
    out = io.BytesIO()
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([column.name for column in columns])
    lines = 0
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        lines += 1
        if out.tell() > most:
            raise ProvisioningError(
                en=f"more than {most >> 20} MB: make a package for each street",
                zh=f"超过 {most >> 20} MB，请按街道分别生成", field="dataset",
            )  # fmt: skip
    text.detach()
    return out.getvalue(), lines


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def sealed_for(data: bytes, seal_key: str) -> bytes:
    """Encrypt a file for the receiver alone. Raises ProvisioningError for a key that is none."""
    try:
        return bytes(pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(seal_key)]))
    except pyrage.RecipientError as error:
        raise ProvisioningError(
            en="this is no public key of age (age1…)", zh="不是有效的 age 公钥（age1…）", field="seal_key"
        ) from error


def said(files: Mapping[str, bytes]) -> str:
    """SHA-256 of what the files say in clear: equal for two packages with the same content."""
    whole = hashlib.sha256()
    for name, data in sorted(files.items()):
        whole.update(f"{name}\0{len(data)}\0".encode())
        whole.update(data)
    return whole.hexdigest()


def described(name: str, columns: Sequence[Column], data: bytes, lines: int) -> File:
    """The entry of a file in the manifest."""
    return File(
        name=name, columns=tuple(columns), lines=lines, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )


def packed(manifest: Manifest, files: Mapping[str, bytes], key: Ed25519PrivateKey) -> tuple[bytes, str]:
    """Sign and pack: the package, and the manifest as it was signed."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    signature = _signature(FORMAT, text, key)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in ((MANIFEST, text), (SIGNATURE, signature), *sorted(files.items())):
            pack.writestr(zipfile.ZipInfo(name, _ALWAYS), data, zipfile.ZIP_DEFLATED)
    return out.getvalue(), text.decode()


def unpacked(package: bytes) -> dict[str, bytes]:
    """The entries of a package, nothing verified. Raises PackageError."""
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as pack:
            infos = pack.infolist()
            names = [one.filename for one in infos]
            if sum(one.file_size for one in infos) > MOST_BYTES or len(set(names)) != len(names):
                raise PackageError(en="too large, or a name twice", zh="文件过大，或有重名文件")
            return {one.filename: pack.read(one) for one in infos}
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise PackageError(en=f"this is no whole ZIP file: {error}", zh=f"不是完整的 ZIP 文件：{error}") from error
    except ValueError as error:
        if isinstance(error, PackageError):
            raise
        raise PackageError(en=f"this is no whole ZIP file: {error}", zh=f"不是完整的 ZIP 文件：{error}") from error
    except Exception as error:  # zlib.error and what else damaged bytes lead to
        raise PackageError(en=f"it cannot be unpacked: {error}", zh=f"无法解包：{error}") from error


def read_manifest(text: bytes | str) -> Manifest:
    """Read a manifest. Raises PackageError."""
    try:
        found = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PackageError(en=f"{MANIFEST} cannot be read: {error}", zh=f"无法读取 {MANIFEST}：{error}") from error
    if found.format != FORMAT:
        raise PackageError(en=f"another form: {found.format}", zh=f"不是本格式：{found.format}")
    return found


def verify(package: bytes, district_key: str) -> tuple[Manifest, list[Fault]]:
    """Verify a package against the district's public key (hexadecimal), which the receiver has by another way.

    Returns its manifest and everything that is not as it was signed: an empty list is a whole package. Raises
    PackageError where not even the manifest can be read.
    """
    entries = unpacked(package)
    if MANIFEST not in entries:
        raise PackageError(en=f"{MANIFEST} is missing", zh=f"缺少 {MANIFEST}")
    manifest = read_manifest(entries[MANIFEST])
    faults = []
    if manifest.from_ != district_key:
        faults.append(Fault("清单中的公钥不是该区的公钥", "the manifest names another key than the district's"))
    if SIGNATURE not in entries:
        faults.append(Fault(f"缺少签名 {SIGNATURE}", f"the signature {SIGNATURE} is missing"))
    elif not _is_signed(FORMAT, entries[MANIFEST], entries[SIGNATURE], district_key):
        faults.append(
            Fault("签名与清单不符：清单被改动，或签名者不是该区", "the signature does not fit: the manifest was"
                  " changed, or somebody else signed")
        )  # fmt: skip
    told = {one.name: one for one in manifest.files}
    extra = sorted(entries.keys() - told.keys() - {MANIFEST, SIGNATURE})
    faults += [Fault(f"多出文件 {name}", f"{name} is not in the manifest") for name in extra]
    for name, file in told.items():
        faults += _faults_of(name, file, entries.get(name))
    return manifest, faults


def _faults_of(name: str, file: File, data: bytes | None) -> list[Fault]:
    if data is None:
        return [Fault(f"缺少文件 {name}", f"{name} is missing")]
    if hashlib.sha256(data).hexdigest() == file.sha256 and len(data) == file.bytes:
        return []
    found = [Fault(f"{name} 与清单的 SHA-256 不符", f"{name} differs from its SHA-256 in the manifest")]
    if name.endswith(SEALED):
        return found
    try:
        rows = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError):
        return [*found, Fault(f"{name} 无法作为 CSV 读取", f"{name} cannot be read as CSV")]
    wanted = [column.name for column in file.columns]
    if not rows or rows[0] != wanted:
        found.append(Fault(f"{name} 的列与清单不同", f"{name} has other columns than the manifest"))
    elif len(rows) - 1 != file.lines:
        found.append(
            Fault(f"{name} 有 {len(rows) - 1} 行，清单为 {file.lines} 行",
                  f"{name} has {len(rows) - 1} lines, the manifest says {file.lines}")
        )  # fmt: skip
    return found


def counter_sign(package: bytes, district_key: str, receiver: Ed25519PrivateKey) -> bytes:
    """The receiver's answer to a package that is whole. Raises PackageError, which lists what differs."""
    _, faults = verify(package, district_key)
    if faults:
        raise PackageError(
            en="not counter-signed: " + "; ".join(one.en for one in faults),
            zh="不予会签：" + "；".join(one.zh for one in faults),
        )
    entries = unpacked(package)
    return _signature(COUNTER, entries[MANIFEST] + entries[SIGNATURE], receiver)


def counter_signed(package: bytes, counter_signature: bytes | str, receiver_key: str) -> bool:
    """Whether this is the receiver's counter-signature of this very package."""
    text = counter_signature.encode() if isinstance(counter_signature, str) else counter_signature
    entries = unpacked(package)
    return _is_signed(COUNTER, entries[MANIFEST] + entries[SIGNATURE], text, receiver_key)


def opened(data: bytes, identity: str) -> bytes:
    """Open a sealed file as its receiver does, by the secret key (AGE-SECRET-KEY-…)."""
    return bytes(pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(identity.strip())]))


def _signature(title: str, data: bytes, key: Ed25519PrivateKey) -> bytes:
    made = {
        "title": title, "sha256": hashlib.sha256(data).hexdigest(), "key": public_of(key),
        "signature": base64.b64encode(key.sign(f"{title}\n".encode() + data)).decode(),
    }  # fmt: skip
    return msgspec.json.encode(made)


def _is_signed(title: str, data: bytes, text: bytes, key: str) -> bool:
    try:
        made = msgspec.json.decode(text, type=dict[str, str])
        if made.get("title") != title or made.get("key") != key:
            return False
        signature = base64.b64decode(made.get("signature", ""), validate=True)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, f"{title}\n".encode() + data)
    except (InvalidSignature, ValueError, binascii.Error, msgspec.DecodeError):
        return False
    return True
