"""The family's sentence: short, and never more than the picture says."""

import datetime as dt
import itertools

from care_network.protection.family import LONGEST, _sentence
from care_network.protection.functions import Function, Level
from care_network.protection.judging import Cell, Cells
from care_network.protection.reasons import CODES, Reason

NOW = dt.datetime(2026, 11, 2, 13, tzinfo=dt.UTC)
AT = round(NOW.timestamp()) - 3600
COVERED: Cells = dict.fromkeys(Function, Cell(Level.COVERED))


def all_of(level: Level, code: str) -> Cells:
    return dict.fromkeys(Function, Cell(level, Reason(code, AT)))


def test_it_says_where_and_what_is_out() -> None:
    rooms = ["bedroom", "bathroom"]
    assert _sentence("妈妈", rooms, COVERED, NOW)[0] == "妈妈在卧室、卫生间有设备守护"
    low = {**COVERED, Function.FALL: Cell(Level.WEAK, Reason("battery", value=8))}
    assert _sentence("妈妈", rooms, low, NOW)[0] == "妈妈在卧室、卫生间有设备守护；吊坠电量 8%"
    out = {**COVERED, Function.HELP: Cell(Level.BLIND, Reason("silent", AT))}
    assert _sentence("", rooms, out, NOW) == (
        "在卧室、卫生间有设备守护；暂无呼救守护",
        "Watched in the bedroom, bathroom; not covered: calls for help",
    )


def test_it_does_not_claim_anything_when_the_line_is_dead_or_nobody_knows() -> None:
    dead = _sentence("妈妈", [], all_of(Level.BLIND, "offline"), NOW)
    assert dead[0] == "自 20:00 起与妈妈家中设备失去联系，现在看不到家中情况"
    assert "不明" in _sentence("妈妈", [], all_of(Level.UNKNOWN, "platform"), NOW)[0]
    assert "20:00 出门" in _sentence("妈妈", ["bedroom"], {**COVERED, **dict.fromkeys(
        (Function.FALL, Function.HELP), Cell(Level.BLIND, Reason("away", AT)))}, NOW)[0]  # fmt: skip


def test_no_state_makes_it_long_or_green_while_something_is_blind() -> None:
    rooms = ["living_room", "bedroom", "bathroom", "kitchen"]
    for level, code, watched in itertools.product(Level, sorted(CODES), (0, 4)):
        zh, en = _sentence("王秀英女士", rooms[:watched], all_of(level, code), NOW)
        assert len(zh) <= LONGEST, zh
        assert en
        if level == Level.BLIND:
            assert any(word in zh for word in ("暂无", "失去联系", "出门")), zh
