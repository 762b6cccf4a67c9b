"""Show a resident's medical note to responders, by the rules of :mod:`care_network.medical.notes`. Audited."""

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg

from care_network.access.accounts import Account
from care_network.errors import CareNetworkError
from care_network.medical.keyring import load_key_file
from care_network.medical.notes import ShownNote, read_note
from console.shell.i18n import Language, pick


def show_medical_note(
    conn: psycopg.Connection[Any],
    key_file: Path | None,
    account: Account,
    resident: str,
    now: dt.datetime,
    origin: str,
    language: Language,
) -> tuple[ShownNote | None, str]:
    """The note of a resident (code), or why it is not shown. ``conn`` must not be in a transaction."""
    if key_file is None:
        return None, pick(language, "平台未配置医疗信息密钥", "the key of the medical notes is not configured")
    try:
        shown = read_note(conn, load_key_file(key_file), account, resident, at=now, origin=origin)
    except CareNetworkError as error:
        return None, pick(language, error.message_zh, error.message_en)
    return shown, "" if shown else pick(language, "没有登记医疗信息", "nobody has written a note")
