"""What a home's devices, line, pauses and outings make of the seven cells of its resident, each with its words."""

import datetime as dt

import msgspec

from alerting.detection.kit.routine import whereabouts
from care_network.protection.functions import EXITS, WORDS, Function, Level, serves
from care_network.protection.judging import Cell, Device, Gateway, Home, Trouble, judge
from care_network.protection.reasons import CODES, Reason, pack, unpack, words_of

NOW = 1_789_997_600
"""2026-09-21 21:33:20 in Shanghai."""
F = Function


def device(model: str, room: str = "", **facts: object) -> Device:
    return Device(**{"model": model, "room": room, "gateway": 1, "heard": NOW - 20, **facts})  # type: ignore[arg-type]


FULL = (
    device("shouwang-pendant", "worn", wearer=7, moved=NOW - 600, battery=80),
    device("sonoff-snzb-01p", "bedside", heard=NOW - 5000),
    device("heiman-hs1sa", "kitchen", heard=NOW - 40_000), device("heiman-hs1cg", "kitchen"),
    device("aqara-sjcgq11lm", "bathroom"), device("aqara-rtcgq11lm", "living_room", moved=NOW - 100),
    device("aqara-mccgq11lm", "hall", door=NOW - 30_000), device("seeed-mr60bha2", "bedroom"),
)  # fmt: skip
"""A home that covers everything."""


def cells(devices: object = FULL, receiving: int = NOW - 1, **home: object) -> dict[Function, Cell]:
    facts = {"gateways": {1: Gateway(NOW - 2)}, "devices": devices, "residents": [7], **home}
    return judge(Home(**facts), 7, receiving, NOW)  # type: ignore[arg-type]


def with_(index: int, **facts: object) -> list[Device]:
    changed = list(FULL)
    changed[index] = msgspec.structs.replace(FULL[index], **facts)
    return changed


def words(cell: Cell) -> str:
    return words_of(cell.reason, dt.datetime.fromtimestamp(NOW, dt.UTC))[0]


def test_a_full_home_is_covered_and_an_empty_one_blind() -> None:
    assert {cell.level for cell in cells().values()} == {Level.COVERED}
    empty = cells(())
    assert {cell.level for cell in empty.values()} == {Level.BLIND}
    assert words(empty[F.FALL]) == "未配置该类设备"
    assert words(cells(gateways={})[F.HELP]) == "未配置网关"


def test_without_a_line_all_is_blind_and_says_since_when() -> None:
    dead = cells(gateways={1: Gateway(NOW - 2, NOW - 3600)})
    assert {cell.level for cell in dead.values()} == {Level.BLIND}
    assert words(dead[F.FALL]) == "网关离线自 20:33"
    assert words(cells(gateways={1: Gateway(NOW - 180)})[F.FALL]) == "网关离线自 21:30"
    assert words(cells(gateways={1: Gateway(0)})[F.FALL]) == "网关从未上线"
    nobody = cells(gateways={1: Gateway(NOW - 200)}, receiving=NOW - 100)
    assert {cell.level for cell in nobody.values()} == {Level.UNKNOWN}  # the platform is deaf, not this home
    assert words(nobody[F.FALL]) == "平台自 21:31 收不到任何数据"


def test_a_second_gateway_carries_its_own_devices() -> None:
    two = {1: Gateway(NOW - 2, NOW - 60), 2: Gateway(NOW - 2)}
    seen = cells(with_(1, gateway=2), gateways=two)
    assert seen[F.HELP].level == Level.COVERED
    assert seen[F.VITALS].level == Level.BLIND


def test_each_fault_of_a_button_has_its_words() -> None:
    def button(**facts: object) -> tuple[Level, str]:
        cell = cells(with_(1, **facts))[F.HELP]
        return cell.level, words(cell)

    name = "床头紧急呼叫按钮："
    assert button(heard=0) == (Level.BLIND, f"{name}从未上报")
    assert button(heard=NOW - 3 * 7200) == (Level.BLIND, f"{name}离线自 15:33")
    assert button(unreachable=NOW - 60) == (Level.BLIND, f"{name}失联自 21:32")
    assert button(battery=8) == (Level.WEAK, f"{name}电量 8%")
    assert button(trouble=Trouble("stuck", NOW - 60)) == (Level.BLIND, f"{name}卡住自 21:32")
    assert button(trouble=Trouble("fault", NOW - 60)) == (Level.BLIND, f"{name}故障自 21:32")
    assert button(trouble=Trouble("low", NOW)) == (Level.WEAK, f"{name}电量低")
    assert button(trouble=Trouble("silent", NOW - 4000)) == (Level.BLIND, f"{name}离线自 20:10")
    assert button(trouble=Trouble("silent", NOW - 6000)) == (Level.COVERED, "")  # heard since
    assert button(paused=NOW + 1600) == (Level.BLIND, f"{name}已暂停至 22:00")


def test_a_pendant_covers_while_it_moves_and_else_nobody_knows() -> None:
    still = cells(with_(0, moved=NOW - 13 * 3600))[F.FALL]
    assert (still.level, words(still)) == (Level.UNKNOWN, "跌倒吊坠：最近一次活动 08:33，是否佩戴不明")
    assert words(cells(with_(0, moved=0))[F.FALL]) == "跌倒吊坠：是否佩戴不明"
    assert cells(with_(0, wearer=8))[F.FALL].level == Level.BLIND  # somebody else's
    radar = [*with_(0, moved=0), device("seeed-mr60fda2", "bathroom")]
    assert (cells(radar)[F.FALL].level, words(cells(radar)[F.FALL])) == (Level.WEAK, "仅卫生间")


def test_a_missing_or_dead_hazard_detector_makes_it_weak() -> None:
    two = [one for one in FULL if one.model not in ("heiman-hs1cg", "aqara-sjcgq11lm")]
    assert (cells(two)[F.HAZARD].level, words(cells(two)[F.HAZARD])) == (Level.WEAK, "未配置燃气、漏水报警器")
    assert cells(with_(2, heard=0))[F.HAZARD] == Cell(Level.WEAK, Reason("never", model="heiman-hs1sa", room="kitchen"))


def test_stillness_needs_all_sensors_and_vital_signs_what_measures_by_itself() -> None:
    assert cells(with_(5, heard=NOW - 3 * 3600))[F.STILLNESS].level == Level.WEAK
    cuff = device("and-ua-651ble", "living_room", heard=NOW - 3600)
    by_hand = cells([*with_(7, heard=NOW - 300), cuff])
    assert (by_hand[F.VITALS].level, words(by_hand[F.VITALS])) == (Level.WEAK, "客厅血压计：仅按次测量，最近 20:33")
    assert words(by_hand[F.BREATHING]) == "卧室呼吸心率雷达：离线自 21:28"
    late = cells([msgspec.structs.replace(cuff, heard=NOW - 200_000)])
    assert words(late[F.VITALS]) == "客厅血压计：久未测量，最近 09-19 14:00"


def test_away_and_pauses_rest_what_rests() -> None:
    out = cells(with_(6, door=NOW - 700))  # motion 100 s ago: somebody came home
    assert out[F.FALL].level == Level.COVERED
    gone = [
        msgspec.structs.replace(d, moved=NOW - 800) if d.room == "living_room" else d for d in with_(6, door=NOW - 700)
    ]
    away = cells(gone)
    assert {f for f, cell in away.items() if cell.reason.code == "away"} == {
        F.FALL, F.HELP, F.STILLNESS, F.VITALS, F.BREATHING
    }  # fmt: skip
    assert words(away[F.FALL]) == "外出自 21:21"
    assert cells(gone, residents=[7, 8])[F.FALL].level == Level.COVERED  # somebody else may have gone
    carer = cells(carer=NOW + 1600)
    assert (carer[F.STILLNESS].level, words(carer[F.STILLNESS])) == (Level.WEAK, "护理员在场，暂停至 22:00")
    worked_on = cells(paused=NOW + 1600)
    assert (worked_on[F.LEAVING].level, worked_on[F.HELP].level) == (Level.BLIND, Level.WEAK)


def test_models_serve_by_their_channels_and_rooms_of_doors_are_those_of_detection() -> None:
    assert EXITS == whereabouts.EXITS
    fridge, wrist = serves("aqara-mccgq11lm", "kitchen"), serves("shouwang-pendant", "wrist")
    assert fridge is not None
    assert not fridge.door
    assert wrist is not None
    assert not wrist.falls
    radar = serves("seeed-mr60bha2")
    assert radar is not None
    assert radar.functions() == {F.STILLNESS, F.VITALS, F.BREATHING}
    assert serves("nobody-knows") is None
    assert set(WORDS) == set(Function)


def test_every_reason_has_words_in_both_languages_and_survives_storage() -> None:
    now = dt.datetime.fromtimestamp(NOW, dt.UTC)
    for code in CODES - {""}:
        for at in (0, NOW - 90_000):
            zh, en = words_of(Reason(code, at, 8, parts=("bedroom", "gas_cleared")), now)
            assert zh
            assert en
            assert "{" not in zh + en
    reason = Reason("battery", value=8, model="x", parts=("a",))
    assert unpack(pack(reason)) == reason
