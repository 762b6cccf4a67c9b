"""Words of an assessment: why it is made, and how far it is."""

from collections.abc import Mapping
from typing import Literal

Reason = Literal["first", "routine", "immediate", "doubt"]
State = Literal["draft", "signed", "objected", "in_force", "discarded"]

REASONS: Mapping[str, tuple[str, str]] = {
    "first": ("首次评估", "first"),
    "routine": ("常规评估", "routine"),
    "immediate": ("即时评估（身体状况有变化）", "immediate, after a change"),
    "doubt": ("复评（对结果有疑问）", "again, on doubt"),
}
STATES: Mapping[str, tuple[str, str]] = {
    "draft": ("填写中", "being filled in"),
    "signed": ("待第二评估员复核", "waits for the second assessor"),
    "objected": ("有异议，未生效", "objected to, not in force"),
    "in_force": ("已生效", "in force"),
    "discarded": ("草稿已作废", "draft, discarded"),
}
ACTIONS: Mapping[str, tuple[str, str]] = {
    "begin": ("开始评估", "began it"),
    "sign": ("第一评估员签署", "signed it as the first assessor"),
    "confirm": ("第二评估员复核同意，结果生效", "confirmed it as the second assessor: in force"),
    "object": ("第二评估员提出异议", "objected as the second assessor"),
    "discard": ("作废草稿", "discarded the draft"),
    "erase": (
        "答案和健康信息已依法删除，只留等级、日期和评估员",
        "answers and health erased by law; grade, days and assessors stay",
    ),
}
