"""A resident's medical note as responders see it: by :mod:`care_network.medical.notes`'s rules, each look audited."""

import datetime as dt

from care_network.access.accounts import Account
from care_network.errors import CareNetworkError
from care_network.medical.keyring import load_key_file
from care_network.medical.notes import ShownNote, read_note
from console.shell.i18n import Language, pick
from console.shell.state import Console


def look(
    console: Console, account: Account, resident: str, now: dt.datetime, origin: str, language: Language
) -> tuple[ShownNote | None, str]:
    """The note of a resident (code), or why it is not shown."""
    if console.settings.medical_key_file is None:
        return None, pick(language, "平台未配置医疗信息密钥", "the key of the medical notes is not configured")
    try:
        ring = load_key_file(console.settings.medical_key_file)
        with console.database() as conn:
            shown = read_note(conn, ring, account, resident, at=now, origin=origin)
    except CareNetworkError as error:
        return None, pick(language, getattr(error, "message_zh", str(error)), str(error))
    return shown, "" if shown else pick(language, "没有登记医疗信息", "nobody has written a note")
