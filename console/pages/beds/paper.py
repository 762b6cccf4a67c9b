"""The file of a bed as PDF, A4, made by typst: application, survey, devices and acceptance, contract, services."""

import datetime as dt
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import typst

from care_services.core.money import in_yuan
from care_services.grants.desk import STATE_WORDS
from care_services.grants.kinds import KINDS, PER
from care_services.grants.store import Application
from care_services.home_beds import life
from care_services.home_beds.acceptance import Heard, words_of
from care_services.home_beds.catalogue import SURVEY, models_to_plan, room_words
from care_services.home_beds.desk import BedFile, grade_words
from care_services.home_beds.services import WHY_NOT
from care_services.home_beds.store import PlannedDevice
from console.shell.i18n import Language, doer, pick
from console.shell.views import clock
from figures.export import fonts
from firmware_profiles.channels import CHANNELS

SURVEY_WORDS = {
    "present": ("已有", "is there"), "needed": ("需要", "needed"), "refused": ("家属不做", "refused"),
    "done": ("已完成", "done"),
}  # fmt: skip
CHECK_WORDS = {"good": ("合格", "good"), "mend": ("需整改", "to be mended")}


def said(heard: Heard) -> tuple[str, str]:
    """A reading or an event in words: 'in bed 1', in Chinese and English."""
    zh, en = words_of(heard.what)
    if heard.value is None:
        return zh, en
    channel = CHANNELS.get(heard.what)
    value = f"{heard.value:.1f}" if channel is not None and channel.resolution < 1 else f"{heard.value:.0f}"
    return f"{zh} {value}", f"{en} {value}"


def pdf(file: BedFile, grants: Sequence[Application], language: Language, now: dt.datetime) -> bytes:
    """The file as bytes. Raises NoChineseFontError where this machine cannot print it."""
    made = typst.compile(
        _source(), sys_inputs={"data": json.dumps(_data(file, grants, language, now), ensure_ascii=False)},
        font_paths=fonts.searched(),
    )  # fmt: skip
    assert isinstance(made, bytes)  # noqa: S101 - the form asked for is one file
    return made


@cache
def _source() -> bytes:
    return files(__package__).joinpath("paper.typ").read_bytes()


def _data(file: BedFile, grants: Sequence[Application], language: Language, now: dt.datetime) -> dict[str, Any]:
    def say(zh: str, en: str) -> str:
        return pick(language, zh, en)

    bed = file.bed
    return {
        "title": say("家庭养老床位档案", "File of a home care bed"), "language": language,
        "subtitle": say("申请、勘察、设备与验收、合同、服务", "application, survey, devices, contract, services"),
        "region": "cn" if language == "zh" else "gb", "fonts": [fonts.chinese()], "author": say("守望", "Shouwang"),
        "printed": say(f"打印于 {clock(now, '%Y-%m-%d %H:%M')}", f"printed {clock(now, '%Y-%m-%d %H:%M')}"),
        "head": [
            [say("姓名", "Name"), say(bed.name_zh, bed.name_en)],
            [say("编号", "Number"), f"{bed.resident} / {bed.id}"],
            [say("地址", "Address"), say(f"{bed.area_zh}{bed.address_zh}", f"{bed.address_en}, {bed.area_en}")],
            [say("出生日期", "Born"), str(bed.birth_date)],
            [say("申请人", "Applicant"), bed.applicant],
            [say("申请时间", "Applied"), clock(bed.applied_at, "%Y-%m-%d")],
            [say("能力等级", "Ability grade"), say(*grade_words(bed.ability_grade))],
            [say("承办机构", "Organisation"), say(bed.organisation_zh or "未定", bed.organisation_en or "not decided")],
            [say("状态", "State"), say(*life.STATE_WORDS[bed.state])],
            [say("状态起始", "Since"), clock(bed.state_since, "%Y-%m-%d")],
        ],
        "parts": [_steps(file, language), _survey(file, language), _devices(file, language),
                  _contracts(file, language), _services(file, language), _checks(file, language),
                  _grants(grants, language)],
        "signatures": [say("老人或家属", "Resident or family"), say("承办机构", "Organisation"),
                       say("街道中心", "Center of the street")],
    }  # fmt: skip


def _part(
    language: Language, title: tuple[str, str], columns: Sequence[tuple[str, str]], wide: tuple[int, ...],
    rows: list[list[str]], note: str = "",
) -> dict[str, Any]:  # fmt: skip
    """A table with its title. ``wide``: the columns that take the room that is left."""
    return {
        "title": pick(language, *title), "note": note, "columns": [pick(language, *one) for one in columns],
        "widths": ["1fr" if place in wide else "auto" for place in range(len(columns))], "rows": rows,
        "none": pick(language, "无记录", "nothing is recorded"),
    }  # fmt: skip


def _steps(file: BedFile, language: Language) -> dict[str, Any]:
    columns = (("时间", "When"), ("办理", "Step"), ("办理人", "Who"), ("原因", "Reason"))
    rows = [
        [clock(one.at, "%Y-%m-%d"), pick(language, *life.word_of(one.step)),
         doer(language, one.actor, one.actor_en), one.reason]
        for one in file.steps if one.from_state != one.to_state
    ]  # fmt: skip
    return _part(language, ("申请与办理", "Application and steps"), columns, (3,), rows)


def _survey(file: BedFile, language: Language) -> dict[str, Any]:
    columns = (("房间", "Room"), ("项目", "Item"), ("结果", "Result"), ("备注", "Remark"), ("勘察", "Surveyed"))
    rows = [
        [
            pick(language, *room_words(item.room)), pick(language, item.zh, item.en),
            pick(language, *SURVEY_WORDS[answer.state]), answer.note,
            f"{doer(language, answer.actor, file.english(answer.actor))} {clock(answer.at, '%Y-%m-%d')}",
        ]
        for code, item in SURVEY.items() if (answer := file.answers.get(code)) is not None
    ]  # fmt: skip
    note = f"{len(rows)} / {len(SURVEY)}"
    return _part(language, ("入户勘察（适老化清单）", "Home survey"), columns, (3,), rows, note)


def _devices(file: BedFile, language: Language) -> dict[str, Any]:
    columns = (
        ("房间", "Room"),
        ("设备", "Device"),
        ("验收依据", "Accepted by"),
        ("测试", "Test"),
        ("验收", "Accepted"),
    )
    models = models_to_plan()
    rows = [
        [
            pick(language, *room_words(one.room)), pick(language, *models.get(one.model, (one.model, one.model))),
            _proof(one, language), clock(one.test_began_at, "%Y-%m-%d %H:%M:%S") if one.test_began_at else "—",
            f"{one.accepted_by} {clock(one.accepted_at, '%Y-%m-%d %H:%M')}" if one.accepted_at else "—",
        ]
        for one in file.devices
    ]  # fmt: skip
    accepted = sum(one.accepted_at is not None for one in file.devices)
    note = pick(language, f"已验收 {accepted} / {len(rows)}", f"accepted {accepted} of {len(rows)}")
    return _part(language, ("设备方案与验收记录", "Device plan and acceptance"), columns, (1, 2), rows, note)


def _proof(one: PlannedDevice, language: Language) -> str:
    if one.accepted_how == "heard" and one.heard_at is not None:
        what = pick(language, *said(Heard(one.heard_at, one.heard_what, one.heard_value)))
        return f"{what} · {clock(one.heard_at, '%Y-%m-%d %H:%M:%S')}"
    if one.accepted_how == "person":
        return pick(language, f"人工验收：{one.accepted_reason}", f"by a person: {one.accepted_reason}")
    return pick(language, "未验收", "not accepted")


def _contracts(file: BedFile, language: Language) -> dict[str, Any]:
    columns = (("合同编号", "Number"), ("期限", "Period"), ("服务方案", "Plan"), ("签约", "Signed"))
    rows = [
        [
            one.number, f"{one.begins_on} – {one.ends_on}",
            pick(
                language,
                f"{grade_words(one.plan)[0]}：每月 {one.visits_month} 次、{one.hours_month} 小时",
                f"{grade_words(one.plan)[1]}: {one.visits_month} visits, {one.hours_month} hours a month",
            ),
            f"{one.signed_by} {clock(one.signed_at, '%Y-%m-%d')}",
        ]
        for one in file.contracts
    ]  # fmt: skip
    return _part(language, ("合同摘要", "Contracts"), columns, (2,), rows)


def _services(file: BedFile, language: Language) -> dict[str, Any]:
    columns = (("服务", "Service"), ("频次", "How often"), ("服务机构", "Provider"), ("截止", "Until"))
    rows = []
    for one in file.services:
        name = pick(language, *one.words)
        weekly = pick(language, f"每周 {one.weekly} 次", f"{one.weekly} a week")
        if one.meals is not None:
            place = pick(language, one.meals.canteen_zh, one.meals.canteen_en)
            rows.append([name, pick(language, *one.meals.often), place, str(one.meals.last_day or "—")])
            continue
        if one.plan is None:
            rows.append([name, weekly, pick(language, one.why_not, WHY_NOT.get(one.why_not, one.why_not)), "—"])
            continue
        provider = pick(language, one.plan.provider_zh, one.plan.provider_en)
        rows.append([name, pick(language, *one.plan.often), provider, str(one.plan.last_day or "—")])
    return _part(language, ("服务项目", "Services"), columns, (2,), rows)


def _checks(file: BedFile, language: Language) -> dict[str, Any]:
    columns = (("应查", "Due"), ("检查", "Done"), ("结果", "Result"), ("情况", "Findings"))
    rows = [
        [str(one.due_on),
         f"{doer(language, one.done_by, file.english(one.done_by))} {clock(one.done_at, '%Y-%m-%d')}",
         pick(language, *CHECK_WORDS[one.result]),
         one.findings]
        for one in file.checks
    ]  # fmt: skip
    return _part(language, ("质量检查", "Quality checks"), columns, (3,), rows)


def _grants(grants: Sequence[Application], language: Language) -> dict[str, Any]:
    columns = (("补贴", "Grant"), ("状态", "State"), ("金额", "Amount"), ("理由", "Reason"))
    rows = [
        [
            pick(language, KINDS[one.kind].zh, KINDS[one.kind].en), pick(language, *STATE_WORDS[one.state]),
            f"{in_yuan(one.amount_fen)} {pick(language, *PER[one.per])}" if one.amount_fen and one.per else "—",
            pick(language, one.reason_zh, one.reason_en),
        ]
        for one in grants if one.kind in KINDS
    ]  # fmt: skip
    return _part(language, ("补贴", "Grants"), columns, (3,), rows)
