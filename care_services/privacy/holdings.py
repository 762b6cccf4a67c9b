"""The tables that hold something of a person: words for them, and those that a copy leaves out, with the reason.

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

WORDS: Mapping[str, tuple[str, str]] = {
    "resident": ("基本资料", "Record"), "household": ("住户", "Home"), "contact": ("联系人", "Contacts"),
    "family_member": ("可查看的家属", "Family who may see"), "alert": ("预警", "Alerts"),
    "alert_event": ("预警处置记录", "What was done with alerts"), "alert_finding": ("现场情况", "What was found"),
    "audit": ("谁查看或修改过", "Who looked or changed"), "consent_event": ("同意记录", "Consents"),
    "exchange_consent": ("对外部系统的同意", "Consents to other systems"), "gateway": ("网关", "Gateways"),
    "device": ("设备", "Devices"), "series": ("测量项", "Series"), "reading": ("读数", "Readings"),
    "medical_note": ("医疗信息（密封）", "Medical note (sealed)"), "work_order": ("工单", "Work orders"),
    "work_order_photo": ("照片", "Photographs"), "work_order_rating": ("评价", "Ratings"),
    "notification": ("通知", "Notifications"), "event": ("事件", "Events"),
    "record_change": ("资料修改历史", "Changes of records"),
    "resident_trait": ("老人情况", "Traits"), "service_order": ("服务单", "Service orders"),
    "service_plan": ("服务计划", "Service plans"), "grant_application": ("补贴申请", "Applications"),
    "home_bed": ("家庭养老床位", "Home care bed"), "person_copy": ("副本申请", "Copies asked for"),
    "erasure": ("删除申请", "Erasures"), "identity_document": ("身份证件", "Identity documents"),
    "notification_preference": ("通知偏好", "Preferences of messages"),
    "protection_now": ("守护状态", "Protection now"), "protection_change": ("守护变化", "Changes of protection"),
    "parameter_change": ("预警阈值", "Thresholds"), "pause": ("暂停", "Pauses"), "call_attempt": ("通话", "Calls"),
    "figure_person": ("月度统计明细", "Monthly facts"), "visit_result": ("上门结果", "Results of visits"),
}  # fmt: skip
"""Tables in words of people; others by their name."""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a table has about a person."""

    relation: str
    held: int

    @property
    def given(self) -> bool:
        """Whether a copy has them."""
        return self.relation not in NOT_GIVEN


def words_of(relation: str) -> tuple[str, str]:
    """The name of a table in Chinese and English; its own where nobody has named it."""
    plain = relation.replace("_", " ")
    return WORDS.get(relation, (plain, plain))


def holdings(conn: Connection[Any], resident_id: int) -> list[Holding]:
    """Count what every table has about a resident, in the order of the schema: near tables first."""
    return [
        Holding(relation=relation, held=held)
        for relation, held in conn.execute("SELECT relation, held FROM person_counts(%s)", (resident_id,))
    ]
