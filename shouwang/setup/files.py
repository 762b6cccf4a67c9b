"""Put files in place, as a whole or not at all, with mode and owner; a second run changes only what differs."""

import grp
import os
import pwd
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

Done = Literal["made", "changed", "kept", "same"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A file that belongs on the machine. ``content`` is called only where it is needed.

    ``once``: a file that is there is kept as it is (a key, or a file that people or programs change). ``own_folder``:
    its folder belongs to its owner, who replaces the file. ``then``: a person has to do this once the file has changed.
    """

    path: str
    content: Callable[[], bytes]
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    once: bool = False
    own_folder: bool = False
    then: str = ""


def put(items: Iterable[Item], root: Path, *, dry_run: bool, owned: bool) -> Iterator[tuple[Item, Done]]:
    """Put the items below ``root``; yields what happened, or with ``dry_run`` what would happen.

    ``owned``: set owner and group too (root alone can). Raises LookupError where there is no such account, OSError.
    """
    for item in items:
        target = root / item.path.lstrip("/")
        there = target.exists()
        if dry_run and (item.once or not there):
            yield item, "kept" if there else "made"
            continue
        before = target.read_bytes() if there and not item.once else None
        content = None if there and item.once else item.content()  # the authority may renew the file itself
        same = there and content == before
        if not dry_run:
            _make_folder(target.parent)
            if item.own_folder:
                _settle(target.parent, item, owned, 0o750)
            if content is not None and not same:
                _write(target, content, item, owned)
            _settle(target, item, owned)
        yield item, "kept" if item.once and there else "same" if same else "changed" if there else "made"


def account(name: str) -> pwd.struct_passwd:
    """Find a user of this machine. Raises LookupError with what to do."""
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        raise LookupError(
            f"there is no user {name}: install the package that brings it, then run setup again"
        ) from error


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise LookupError(
            f"there is no group {name}: install the package that brings it, then run setup again"
        ) from error


def _make_folder(folder: Path) -> None:
    if folder.exists():
        return
    _make_folder(folder.parent)
    folder.mkdir()
    folder.chmod(0o755)


def _write(target: Path, content: bytes, item: Item, owned: bool) -> None:
    beside = target.with_name(f"{target.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    _settle(beside, item, owned)
    beside.replace(target)


def _settle(target: Path, item: Item, owned: bool, mode: int | None = None) -> None:
    """Mode and owner, also of a file that was there: a key that somebody else can read is mended."""
    if owned:
        os.chown(target, account(item.owner).pw_uid, _group(item.group))
    target.chmod(item.mode if mode is None else mode)
