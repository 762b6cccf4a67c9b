"""Save the files that belong to a database in one encrypted archive (tar, then age), and open it again.

The format is age (https://age-encryption.org/v1): ``age -d -i identity FILE | tar x`` opens it on any machine. Nothing
is written in plain on the way: the tar goes through a pipe into the cipher.
"""

import datetime as dt
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
import pyrage

from shouwang.backup.settings import BackupError, BackupSettings

SUFFIX, MANIFEST_SUFFIX, INNER = ".tar.age", ".json", "MANIFEST.json"
FORMAT = "%Y%m%dT%H%M%SZ"


class Part(msgspec.Struct, frozen=True):
    """A part of an archive: how many files and bytes it has."""

    files: int
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The list of an archive's parts. It lies beside the archive without any secret, and inside it."""

    at: dt.datetime
    parts: dict[str, Part]
    sha256: str = ""
    """Of the encrypted archive; empty inside of it."""


def save(settings: BackupSettings, now: dt.datetime) -> Path:
    """Save every part in a new archive, and remove the oldest ones. Returns the archive's path.

    Files that change meanwhile are saved as they are when they are read. Raises BackupError where a part is missing, or
    a recipient is no public key of age.
    """
    contents = {name: list(_files(name, where)) for name, where in settings.parts.items() if where}
    try:
        recipients = [pyrage.x25519.Recipient.from_str(key) for key in settings.recipients]
    except pyrage.RecipientError as error:
        raise BackupError(f"recipients: 不是 age 公钥 not a public key of age: {error}") from error
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = settings.folder / f"shouwang-{now.astimezone(dt.UTC):{FORMAT}}{SUFFIX}"
    beside = target.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        parts = _encrypt(contents, now, recipients, file)
        file.flush()
        os.fsync(file.fileno())
    with beside.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = Manifest(at=now, parts=parts, sha256=digest)
    manifest_file(target).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    beside.rename(target)
    for old in archives(settings.folder)[: -settings.keep]:
        manifest_file(old).unlink(missing_ok=True)
        old.unlink()
    return target


def open_archive(archive: Path, identity_file: Path, folder: Path) -> Manifest:
    """Decrypt an archive into a new folder, files 0600. Raises BackupError where the identity does not open it."""
    if folder.exists():
        raise BackupError(f"{folder} 已存在，请指定新文件夹 exists already; name a new folder")
    lines = [line.strip() for line in identity_file.read_text().splitlines()]
    try:
        identities = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-")]
    except pyrage.IdentityError as error:
        raise BackupError(f"{identity_file}: 不是 age 私钥 not an identity of age: {error}") from error
    read, write = os.pipe()
    failure: list[Exception] = []

    def decrypt() -> None:
        with archive.open("rb") as source, os.fdopen(write, "wb") as sink:
            try:
                pyrage.decrypt_io(source, sink, identities)
            except Exception as error:  # the reader sees an end; the reason is told below
                failure.append(error)

    thread = threading.Thread(target=decrypt, name="decrypt")
    thread.start()
    manifest: Manifest | None = None
    folder.mkdir(mode=0o700, parents=True)
    try:
        with os.fdopen(read, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                if content is None:
                    continue
                if entry.name == INNER:
                    manifest = msgspec.json.decode(content.read(), type=Manifest)
                else:
                    tar.extract(entry, folder, filter="data")
    except tarfile.TarError as error:
        failure.append(error)
    finally:
        thread.join()
    if failure or manifest is None:
        reason = failure[0] if failure else "no manifest"
        raise BackupError(f"{archive}: 无法用此私钥打开 cannot be opened by this identity: {reason}")
    return manifest


def archives(folder: Path) -> list[Path]:
    """List the archives of a folder, the oldest first."""
    return sorted(folder.glob(f"shouwang-*{SUFFIX}"))


def manifest_file(archive: Path) -> Path:
    """The manifest beside an archive."""
    return archive.with_name(archive.name.removesuffix(SUFFIX) + MANIFEST_SUFFIX)


def _files(name: str, where: str) -> Iterator[tuple[str, Path]]:
    path = Path(where)
    if not path.exists():
        raise BackupError(f"[parts] {name}: {path} 不存在 is not there")
    if path.is_file():
        yield f"{name}/{path.name}", path
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield f"{name}/{file.relative_to(path)}", file


def _encrypt(
    contents: dict[str, list[tuple[str, Path]]],
    now: dt.datetime,
    recipients: list[pyrage.x25519.Recipient],
    file: IO[bytes],
) -> dict[str, Part]:
    read, write = os.pipe()
    parts: dict[str, Part] = {}
    failure: list[BaseException] = []

    def pack() -> None:
        try:
            with os.fdopen(write, "wb") as sink, tarfile.open(fileobj=sink, mode="w|") as tar:
                for name, files in contents.items():
                    sizes = [_add(tar, label, path.read_bytes()) for label, path in files if path.exists()]
                    parts[name] = Part(len(sizes), sum(sizes))
                _add(tar, INNER, msgspec.json.encode(Manifest(at=now, parts=parts)))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=pack, name="pack")
    thread.start()
    try:
        with os.fdopen(read, "rb") as stream:
            pyrage.encrypt_io(stream, file, recipients)
    finally:
        thread.join()
    if failure:
        raise BackupError(f"无法读取 cannot be read: {failure[0]}") from failure[0]
    return parts


def _add(tar: tarfile.TarFile, label: str, content: bytes) -> int:
    entry = tarfile.TarInfo(label)
    entry.size, entry.mode = len(content), 0o600
    tar.addfile(entry, io.BytesIO(content))
    return len(content)
