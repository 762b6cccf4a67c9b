"""The words of each reason for which a message is refused: what is wrong with it, and what to do."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class Why(msgspec.Struct, frozen=True):
    """A reason in Chinese and English, and what to do about it."""

    zh: str
    en: str
    do_zh: str
    do_en: str


_FAULT = ("更新程序后重新处理", "process it again after an update")
_SENDER = ("查看该网关的程序与接线；不能恢复则丢弃", "look at that gateway's program; discard it where nothing helps")

REASONS: Mapping[str, Why] = MappingProxyType(
    {
        "undecodable": Why("无法解码", "cannot be decoded", *_SENDER),
        "partly unreadable": Why(
            "部分无法读取",
            "partly unreadable",
            "其余部分已入库；核对后丢弃",
            "the rest is stored; look, then discard it",
        ),
        "too large": Why("过大", "too large", *_SENDER),
        "wrong gateway": Why(
            "冒用其他网关的名称",
            "another gateway's name",
            "核对证书与主题，可能有人冒名",
            "look into it: somebody may pretend",
        ),
        "unknown gateway": Why(
            "网关未登记", "unknown gateway", "登记该网关，再重新处理", "register the gateway, then process it again"
        ),
        "numbering": Why(
            "编号混乱",
            "broken numbering",
            "查看网关的存储，必要时更换",
            "look at the gateway's storage, replace it if need be",
        ),
        "reused number": Why(
            "编号重复使用",
            "number used twice",
            "网关可能从备份恢复；重新处理",
            "its outbox came from a copy; process it again",
        ),
        "unknown device": Why(
            "设备未登记", "unknown device", "配对该设备，再重新处理", "pair the device, then process it again"
        ),
        "unknown patient": Why(
            "对不上老人",
            "names no resident who agreed",
            "核对外部系统的编号与同意书，再重新处理",
            "look at the other system's number and the consent, then process it again",
        ),
        "unknown channel": Why(
            "未知的测量项", "unknown channel", "更新平台后重新处理", "process it again after an update of the platform"
        ),
        "unknown event": Why(
            "未知的事件", "unknown event", "更新平台后重新处理", "process it again after an update of the platform"
        ),
        "wrong unit": Why("单位不符", "wrong unit", *_SENDER),
        "not a reading": Why("不是读数", "not a reading", *_SENDER),
        "impossible value": Why(
            "数值不可能", "impossible value", "检查传感器；数值不会入库", "look at the sensor; the value is not stored"
        ),
        "time ahead": Why(
            "时间超前", "time ahead", "校准网关时钟；到时可重新处理", "set the gateway's clock; process it again later"
        ),
        "time too old": Why(
            "时间过旧", "time too old", "已过保留期的数据不再入库，可丢弃", "older than what is kept: discard it"
        ),
        "contradiction": Why(
            "与已有数据矛盾",
            "contradicts what is stored",
            "核对来源后丢弃",
            "look at where it comes from, then discard it",
        ),
        "over limit": Why(
            "超出限额", "over the limit", "重新处理；常见于积压补传", "process it again; common after an outage"
        ),
        "refused by database": Why("数据库拒绝", "refused by the database", *_FAULT),
        "fault of ingest": Why("接入程序出错", "a fault of the program", *_FAULT),
    }
)
"""By the code that ingest gives (a test compares)."""
OTHER = Why("其他原因", "another reason", *_SENDER)


def why(code: str) -> Why:
    """The words for a code."""
    return REASONS.get(code, OTHER)
