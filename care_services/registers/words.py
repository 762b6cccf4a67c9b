"""Words for the rows of other tables that change when somebody is gone: what each is, and what follows."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from care_services.grants.kinds import KINDS
from care_services.grants.settling import amount_words
from care_services.home_beds.life import STATE_WORDS
from care_services.time_bank.kinds import KINDS as HELP
from vocabulary.times import SHANGHAI

_GROUPS: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "plans": (("服务计划", "Service plans"), ("终止", "end")),
    "visits": (("上门服务", "Visits"), ("取消", "are cancelled")),
    "asked": (("一键申请", "Requests by one tap"), ("撤回", "are taken back")),
    "arrangement": (("助餐安排", "Meal arrangement"), ("终止", "ends")),
    "meals": (("助餐订单", "Meals"), ("取消", "are cancelled")),
    "help": (("时间银行求助", "Requests to the time bank"), ("取消", "are cancelled")),
    "rounds": (("陪伴探访名单", "Rounds of company"), ("移出名单", "the person is taken off")),
    "helper": (("志愿者身份", "The person as a volunteer"), ("结束", "ends")),
    "bed": (("家庭养老床位", "Home care bed"), ("终止", "is closed")),
    "grants": (("补贴", "Grants"), ("停发", "stop")),
    "applications": (("待核定的补贴申请", "Applications for grants"), ("撤回", "are taken back")),
    "exchange": (("对外共享", "Other systems"), ("到期停止", "are told nothing any more")),
    "family": (("家属查看权限", "The family's access"), ("到期结束", "ends")),
}
MEALS = {"lunch": ("午餐", "lunch"), "dinner": ("晚餐", "dinner")}


def grouped() -> list[tuple[str, tuple[str, str], tuple[str, str]]]:
    """The rules in their order, with title and consequence."""
    return [(rule, *words) for rule, words in _GROUPS.items()]


class Words:
    """Reads the names that the rows refer to, each once."""

    def __init__(self, conn: Connection[Any]) -> None:
        self._conn = conn
        self._names: dict[tuple[str, Any], tuple[str, str]] = {}

    def of(self, rule: str, was: Mapping[str, Any]) -> tuple[str, str]:
        """The row in Chinese and English."""
        match rule:
            case "plans":
                return self._name("care_service", "code", was["service"])
            case "visits":
                return self._timed(was["planned_start"], self._name("care_service", "code", was["service"]))
            case "asked":
                return self._timed(was["wanted_at"], self._name("care_service", "code", was["service"]))
            case "meals":
                zh, en = MEALS.get(was["meal"], (was["meal"], was["meal"]))
                return f"{was['day']} {zh}", f"{was['day']} {en}"
            case "help":
                kind = HELP.get(was["kind"])
                return self._timed(was["wanted_from"], (kind.zh, kind.en) if kind else (was["kind"], was["kind"]))
            case "rounds":
                return self._name("time_round", "id", was["round_id"])
            case "helper":
                return was["code"], was["code"]
            case "bed":
                zh, en = STATE_WORDS.get(was["state"], (was["state"], was["state"]))
                return f"现为“{zh}”", f"now: {en}"
            case "grants" | "applications":
                known = KINDS.get(was["kind"])
                zh, en = (known.zh, known.en) if known else (was["kind"], was["kind"])
                if rule == "applications":
                    return zh, en
                sum_zh, sum_en = amount_words(was["amount_fen"], "month")
                if "from_on" not in was:
                    return f"{zh}（{sum_zh}）", f"{en} ({sum_en})"
                return (
                    f"{zh}（{sum_zh}，{was['from_on']} 起停发）",
                    f"{en} ({sum_en}, not paid from {was['from_on']} on)",
                )
            case "arrangement":
                return self._name("organisation", "id", was["canteen_id"])
            case "exchange":
                zh, en = self._name("account", "id", was["account_id"])
                return f"{zh}（{was['purpose']}）", f"{en} ({was['purpose']})"
            case "family":
                zh, en = self._name("account", "id", was["account_id"])
                return f"{zh}（{was['relation_zh']}）", f"{en} ({was['relation_en']})"
            case _:
                return rule, rule

    @staticmethod
    def amount(rule: str, was: Mapping[str, Any]) -> int | None:
        """The amount of a month, in fen, of a grant that stops."""
        return was["amount_fen"] if rule == "grants" else None

    def _timed(self, moment: str, words: tuple[str, str]) -> tuple[str, str]:
        at = f"{dt.datetime.fromisoformat(moment).astimezone(SHANGHAI):%m-%d %H:%M}"
        return f"{at} {words[0]}", f"{at} {words[1]}"

    def _name(self, table: str, key: str, value: Any) -> tuple[str, str]:
        if (table, value) not in self._names:
            row = self._conn.execute(
                f"SELECT name_zh, name_en FROM {table} WHERE {key} = %s",  # noqa: S608 - two words of this module
                (value,),
            ).fetchone()
            self._names[table, value] = (str(value), str(value)) if row is None else (row[0], row[1] or row[0])
        return self._names[table, value]
