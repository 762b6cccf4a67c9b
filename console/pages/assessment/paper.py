"""The assessment as PDF, A4, made by typst: items with their answers, sums, grade and reasons, evidence, signatures."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import typst

from care_services.assessment import evidence
from care_services.assessment.reasons import REASONS, STATES
from care_services.assessment.scoring import DIAGNOSES, grade_words
from care_services.assessment.standard import standard
from care_services.assessment.store import Assessment, Signature
from console.shell.i18n import Language, pick
from console.shell.views import clock
from figures.export import fonts


def pdf(x: Assessment, person: dict[str, Any], language: Language) -> bytes:
    """The sheet as bytes. Raises NoChineseFontError where this machine cannot print it."""

    def say(zh: str, en: str) -> str:
        return pick(language, zh, en)

    rules, found = standard(), x.score
    data = {
        "title": say("老年人能力评估表", "Assessment of ability"), "standard": rules.name, "language": language,
        "region": "cn" if language == "zh" else "gb", "fonts": [fonts.chinese()], "author": say("守望", "Shouwang"),
        "head": [
            [say("姓名", "Name"), say(x.name_zh, x.name_en)],
            [say("编号", "Code"), f"{x.resident} / {x.id}"],
            [say("性别", "Sex"), say({"female": "女", "male": "男"}[person["sex"]], person["sex"])],
            [say("年龄", "Age"), str(person["age"])],
            [say("评估原因", "Reason"), say(*REASONS[x.reason])],
            [say("状态", "State"), say(*STATES[x.state])],
            [say("情况提供者", "Told by"), x.fields.informant or "—"],
            [say("下次评估", "Next"), str(x.due_on or "—")],
        ],
        "domains": [
            {
                "name": say(one.zh, one.en), "sum": f"{found.sums[one.code]} / {one.maximum}",
                "items": [
                    [say(item.zh, item.en), *_answer(x, item.code, language), str(item.maximum)] for item in one.items
                ],
            }
            for one in rules.domains
        ],
        "result": [
            [
                say("总分", "Total"),
                say("未填完", "incomplete") if found.total is None else f"{found.total} / {rules.maximum}",
            ],
            [say("初步等级", "Preliminary grade"), say(*grade_words(x.preliminary or found.preliminary))],
            [say("确诊情况", "Diagnosis"),
             say(*DIAGNOSES[x.fields.diagnosis]) if x.fields.diagnosis else say("未填", "not filled in")],
            [say("近 30 天照护风险事件", "Care-risk events in 30 days"), _events(x, language)],
            [say("等级变更依据", "Reasons for another grade"),
             "；".join(say(one.zh, one.en) for one in x.adjustments or found.adjustments) or say("无", "none")],
            [say("评估结果", "Grade"), say(*grade_words(x.grade or found.grade))],
        ],
        "grade": say("评估结果", "Grade"),
        "known_title": say("平台提供的情况（供参考，未自动计入）", "Known to the platform (offered, not applied)"),
        "known": [
            [say(*evidence.LABELS[line.kind]), say(*evidence.words(line))] for line in map(evidence.kept, x.evidence)
        ],
        "note": [say("备注", "Note"), x.fields.note] if x.fields.note else [],
        "objection": [say("异议", "Objection"), x.objection] if x.objection else [],
        "signatures": [
            [say("第一评估员", "First assessor"), *_signed(x.first, language)],
            [say("第二评估员", "Second assessor"), *_signed(x.second if x.state == "in_force" else None, language)],
            [say("老人或家属签名", "Resident or family"), "", ""],
        ],
        "points": say("分", "points"),
    }  # fmt: skip
    made = typst.compile(
        _source(), sys_inputs={"data": json.dumps(data, ensure_ascii=False)}, font_paths=fonts.searched()
    )
    assert isinstance(made, bytes)  # noqa: S101 - the form asked for is one file
    return made


@cache
def _source() -> bytes:
    return files(__package__).joinpath("paper.typ").read_bytes()


def _answer(x: Assessment, code: str, language: Language) -> tuple[str, str]:
    level = x.answer(code)
    if level is None:
        return "—", pick(language, "未填", "not filled in")
    return str(level.score), pick(language, level.zh, level.en)


def _events(x: Assessment, language: Language) -> str:
    said = []
    for one in standard().risks:
        count = x.fields.events.get(one.code)
        said.append(f"{pick(language, one.zh, one.en)} {'?' if count is None else count}")
    return pick(language, "、", ", ").join(said)


def _signed(one: Signature | None, language: Language) -> tuple[str, str]:
    return ("", "") if one is None else (pick(language, one.zh, one.en), clock(one.at, "%Y-%m-%d %H:%M"))
