"""Keys of what is encrypted in the database: AES-256-GCM (NIST SP 800-38D), in a file outside of it, with rotation.

The file has one line a key: ``<id> <32 bytes in base64>``; the last one encrypts, all of them decrypt. It is as secret
as what it protects: mode 0600, backed up apart from the database. Without it the medical notes (or, by a file of its
own, the identity numbers) are lost. Load it anew for each look: it is small, and a rotation takes effect at once.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from care_network.errors import KeyFileError
from vocabulary.private import open_to_others

NONCE_BYTES = 12
"""Random for each encryption; at 96 bits safe for 2**32 notes of one key (SP 800-38D, 8.3)."""


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """The use of a key file, in words for its texts."""

    keys: str
    """English, for the head of the file: what the keys are for."""
    zh: str
    """One thing that is encrypted."""
    en: str
    create: str
    """The command that creates the file."""
    rotate: str
    named: tuple[str, ...] = ()
    """Names of further keys of the file that encrypt nothing (a search by keyed hash); a rotation keeps them."""


NOTES = Purpose(
    keys="keys of the medical notes",
    zh="医疗信息",
    en="note",
    create="shouwang network key create",
    rotate="shouwang network key rotate",
)


class SealedNote(msgspec.Struct, frozen=True):
    key_id: str
    nonce: bytes
    ciphertext: bytes


class KeyRing:
    """Keys by their ids, oldest first; the last one encrypts."""

    def __init__(self, keys: dict[str, bytes], purpose: Purpose = NOTES) -> None:
        self._keys, self._purpose = keys, purpose

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    @property
    def newest(self) -> str:
        return list(self._keys)[-1]

    def seal(self, plain: bytes, about: str) -> SealedNote:
        """Encrypt with the newest key. ``about`` (the resident) stays readable and is bound to the text, so that a note
        copied to another resident's row does not open."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return SealedNote(self.newest, nonce, AESGCM(self._keys[self.newest]).encrypt(nonce, plain, about.encode()))

    def mac(self, name: str, data: bytes) -> bytes:
        """HMAC-SHA-256 (RFC 2104) with the key of that name. Raises KeyFileError where the file lacks it."""
        key = self._keys.get(name)
        if key is None:
            raise KeyFileError(
                en=f"the key file lacks the key {name!r}: take it from your backup",
                zh=f"密钥文件中没有密钥 {name}：请从备份中取回",
            )
        return hmac.new(key, data, hashlib.sha256).digest()

    def open(self, sealed: SealedNote, about: str) -> bytes:
        """Decrypt. Raises KeyFileError, which says what to do, where the key is missing or the wrong one."""
        key, words = self._keys.get(sealed.key_id), self._purpose
        if key is None:
            raise KeyFileError(
                en=f"the {words.en} of {about} was encrypted with the key {sealed.key_id!r}, which this key file lacks"
                f" (it has {', '.join(self._keys)}): take the key file from your backup",
                zh=f"{about} 的{words.zh}由密钥 {sealed.key_id} 加密，而此密钥文件中没有该密钥"
                f"（现有 {'、'.join(self._keys)}）：请从备份中取回密钥文件",
            )
        try:
            return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, about.encode())
        except InvalidTag as error:
            raise KeyFileError(
                en=f"the {words.en} of {about} does not open: this key file's {sealed.key_id!r} is another key than the"
                " one it was written with, or it was tampered with; take the right key file from your backup",
                zh=f"{about} 的{words.zh}无法解密：此密钥文件中的 {sealed.key_id} 与加密时的密钥不同，或内容已被篡改；"
                "请从备份中取回正确的密钥文件",
            ) from error


def create_key_file(file: Path, purpose: Purpose = NOTES) -> KeyRing:
    """Create a file with one new key, after those that its purpose names.

    Raises KeyFileError where the file exists: it is never overwritten.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(
            en=f"{file} exists already; to change keys, rotate: {purpose.rotate}",
            zh=f"{file} 已存在；如需更换密钥，请轮换：{purpose.rotate}",
        ) from error
    with os.fdopen(handle, "w") as stream:
        stream.write(_head(purpose) + "".join(map(_line, purpose.named)) + _line(_new_id({})))
        stream.flush()
        os.fsync(stream.fileno())
    return load_key_file(file, purpose)


def load_key_file(file: Path, purpose: Purpose = NOTES) -> KeyRing:
    """Read the keys. Raises KeyFileError where the file is missing, readable by others, or damaged."""
    try:
        mode = open_to_others(file)
        lines = file.read_text("ascii").splitlines()
    except FileNotFoundError as error:
        raise KeyFileError(
            en=f"there is no key file {file}; make one for a new database ({purpose.create}), or take it"
            " from your backup",
            zh=f"没有密钥文件 {file}；新数据库请先生成（{purpose.create}），否则请从备份中取回",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(
            en=f"the key file {file} cannot be read: {error}", zh=f"无法读取密钥文件 {file}：{error}"
        ) from error
    if mode:
        raise KeyFileError(
            en=f"others may read the key file {file} (mode {mode}); do: chmod 600 {file}",
            zh=f"其他用户可读取密钥文件 {file}（权限 {mode}）；请执行 chmod 600 {file}",
        )
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, encoded = line.partition(" ")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32 or not name or name in keys:
            raise KeyFileError(
                en=f"the key file {file} is damaged in line {number}: take it from your backup",
                zh=f"密钥文件 {file} 第 {number} 行已损坏：请从备份中取回",
            )
        keys[name] = key
    if not keys:
        raise KeyFileError(
            en=f"the key file {file} holds no key: take it from your backup",
            zh=f"密钥文件 {file} 中没有密钥：请从备份中取回",
        )
    return KeyRing(keys, purpose)


def add_key(file: Path, purpose: Purpose = NOTES) -> KeyRing:
    """Add a key that encrypts from now on; the old ones still decrypt. Afterwards call ``notes.reseal``."""
    ring = load_key_file(file, purpose)
    return _rewrite(file, file.read_text("ascii").rstrip("\n") + "\n" + _line(_new_id(ring._keys)), purpose)


def drop_old_keys(file: Path, purpose: Purpose = NOTES) -> KeyRing:
    """Delete all keys but the newest one and those that the purpose names.

    Only after everything was sealed with it: see ``notes.keys_in_use``.
    """
    ring = load_key_file(file, purpose)
    kept = {name: ring._keys[name] for name in (*purpose.named, ring.newest) if name in ring._keys}
    return _rewrite(file, _head(purpose) + "".join(_line(name, key) for name, key in kept.items()), purpose)


def _head(purpose: Purpose) -> str:
    return f"# Shouwang: {purpose.keys}. Keep this file secret, and a copy of it apart from the database.\n"


def _rewrite(file: Path, text: str, purpose: Purpose) -> KeyRing:
    fresh = file.with_name(file.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
        was, now = file.stat(), os.fstat(stream.fileno())
        if (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid):  # root rotates the console's file
            os.fchown(stream.fileno(), was.st_uid, was.st_gid)
    fresh.replace(file)
    return load_key_file(file, purpose)


def _new_id(taken: dict[str, bytes]) -> str:
    # Random, not counted: the keys of two files never share a name, so that a wrong file is recognised.
    while (name := f"k-{secrets.token_hex(4)}") in taken:
        continue
    return name


def _line(name: str, key: bytes = b"") -> str:
    return f"{name} {base64.b64encode(key or secrets.token_bytes(32)).decode()}\n"
