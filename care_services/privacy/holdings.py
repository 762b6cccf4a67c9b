"""The tables that hold something of a person, and those that a copy leaves out, with the reason.

The list itself is read off the schema (``person_tables()`` of migration 0271): a table that refers to a resident, to
their home or to such rows is in a copy and in a plan of erasure without anybody adding it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection

NOT_GIVEN: Mapping[str, tuple[str, str]] = {
    "person_copy_part": ("副本文件本身", "the archives of copies themselves"),
    "visit_code": ("上门核验码，属于设备密钥", "codes at the door: secrets of a device"),
    "panel": ("终端密钥，属于设备密钥", "keys of a panel: secrets of a device"),
    "webhook_delivery": ("推送队列；推送了什么见预警", "the queue of pushes; what was pushed are the alerts"),
    "webhook_attempt": ("推送尝试的技术记录", "attempts of pushes: technical"),
    "ingest_stream": ("报文编号，无个人内容", "numbers of messages, and no content"),
    "exchange_stream": ("报文编号，无个人内容", "numbers of messages, and no content"),
    "stream_gap": ("报文编号，无个人内容", "numbers of messages, and no content"),
    "senml_arrival": ("报文摘要，无个人内容", "hashes of messages, and no content"),
    "program_offer": ("网关程序版本", "versions of a gateway's program"),
    "rollup_minute": ("读数的分钟汇总，见读数", "means of minutes: see the readings"),
    "rollup_hour": ("读数的小时汇总，见读数", "means of hours: see the readings"),
    "silenced": ("停用设备的编号", "numbers of devices that are not heard any more"),
    "message": (
        "一条消息可能涉及多户；与本人有关的见通知记录",
        "a message may speak of several homes; what concerns the person is in the notifications",
    ),
    "exchange_export": ("外部系统的导出任务，见对外部系统的同意", "exports to other systems: see the consents to them"),
    "legal_hold": ("保全事由，可能涉及未决案件", "holds: their cases may be pending"),
    "simulated_past": ("演示用标记", "a mark of the demonstration"),
}
"""Tables that a copy leaves out, with the reason in Chinese and English; the archive's page names them."""

BY_HAND: Mapping[str, tuple[str, str]] = {
    "delivery_attempt": ("消息的发送尝试，见通知记录", "attempts to send a message: see the notifications"),
    "outbox_entry": ("演示用发件箱", "the outbox of the demonstration"),
    "quarantine": ("无法解读的报文，未归入任何人", "messages that could not be read and were put to nobody"),
    "pairing": ("未登记的设备", "devices that are not registered"),
    "staff_location": ("工作人员的位置，不是老人的", "places of staff, not of residents"),
}  # fmt: skip
"""Tables without a reference to a person that have a telling column all the same, with the reason."""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a table has about a person."""

    relation: str
    held: int

    @property
    def given(self) -> bool:
        """Whether a copy has them."""
        return self.relation not in NOT_GIVEN


def holdings(conn: Connection[Any], resident_id: int) -> list[Holding]:
    """Count what every table has about a resident, in the order of the schema: near tables first."""
    return [
        Holding(relation=relation, held=held)
        for relation, held in conn.execute("SELECT relation, held FROM person_counts(%s)", (resident_id,))
    ]
