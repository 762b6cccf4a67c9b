"""A course as data: chapters, questions, what it takes to pass, and how it is read from a file. Pure."""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import msgspec

from care_network.access.permissions import Role
from care_network.catalogues.workforce import CERTIFICATES
from care_network.errors import ProvisioningError
from care_services.library.topics import TOPICS
from vocabulary.toml import read_toml

MOST_BYTES = 2 * 1024 * 1024
"""Of a file: a course is read in half an hour, and has a few pictures."""
MOST_PICTURE = 120_000
"""Bytes of a picture."""


MOST_PICTURES = 6
_NAMED = re.compile(r"\]\(picture:([a-z0-9]{1,20})\)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")


class Chapter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a course; its text is Markdown."""

    zh: str
    en: str
    text_zh: str
    text_en: str


class Picture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture of a course, which its texts name as ``![](picture:NAME)``. ``zh`` and ``en``: what is to be seen."""

    name: str
    zh: str
    en: str
    data: str
    """JPEG, base64."""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question of the test. ``right``: numbers of the options that are right, from 0; it counts when all are named
    and no other."""

    zh: str
    en: str
    options: list[tuple[str, str]]
    """Chinese and English."""
    right: list[int]
    why_zh: str
    """Why: shown after the test."""
    why_en: str


class Course(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A course with its test."""

    code: str
    zh: str
    en: str
    about_zh: str
    about_en: str
    minutes: int
    """That reading it takes."""
    pass_percent: int
    draw: int
    """Questions of a test, drawn of all."""
    tries: int
    """Tests within seven days; after that the person reads again first."""
    test_minutes: int = 30
    valid_months: int = 0
    """Of the certificate; 0: it does not expire."""
    gives: str = ""
    """A certificate of the staff records, by its code, which somebody approves; empty: none."""
    roles: list[str] = []
    """Whose course it is; empty: everybody's."""
    topics: list[str] = []
    chapter: list[Chapter]
    question: list[Question]
    picture: list[Picture] = []

    def open_to(self, role: str) -> bool:
        """Whether accounts of this role take it."""
        return not self.roles or role in self.roles


def read_course(text: str) -> Course:
    """Read a course from TOML. Raises ProvisioningError, which says where it is wrong."""
    try:
        course = msgspec.convert(read_toml(text), Course)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProvisioningError(
            en=f"the file of the course is not right: {error}", zh=f"课程文件有误：{error}", field="file"
        ) from error
    try:
        check(course)
    except ProvisioningError as error:
        raise ProvisioningError(
            en=f"{course.code}: {error.message_en}", zh=f"{course.code}：{error.message_zh}", field="file"
        ) from error
    return course


def check(course: Course) -> None:
    """Raises ProvisioningError with the field that is wrong."""
    for field, good, en, zh in _rules(course):
        if not good:
            raise ProvisioningError(en=en, zh=zh, field=field)


def picture_sources(course: Course, language: str) -> dict[str, tuple[str, str]]:
    """The pictures of a course by name: the address that holds all of it, and what is to be seen."""
    return {
        one.name: (f"data:image/jpeg;base64,{one.data}", one.zh if language == "zh" else one.en)
        for one in course.picture
    }


def from_database(content: Mapping[str, Any]) -> Course:
    """The course of a version that is kept."""
    return msgspec.convert(content, Course)


def built_in() -> list[Course]:
    """The courses that come with the platform, by code."""
    folder = files(__package__) / "content"
    texts = [one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".toml")]
    return sorted((read_course(text) for text in texts), key=lambda one: one.code)


def _rules(course: Course) -> list[tuple[str, bool, str, str]]:
    def right(one: Question) -> bool:
        fits = len(set(one.right)) == len(one.right) and all(0 <= place < len(one.options) for place in one.right)
        return 2 <= len(one.options) <= 8 and 0 < len(one.right) < len(one.options) and fits

    wrong = next((number for number, one in enumerate(course.question, 1) if not right(one)), 0)
    named = {name for one in course.chapter for name in _NAMED.findall(one.text_zh + one.text_en)}
    lost = sorted(named - {one.name for one in course.picture})
    return [
        (
            "code",
            course.code.replace("_", "").isalnum() and course.code.isascii() and course.code == course.code.lower()
            and len(course.code) <= 40 and course.code not in ("tests", "certificates"),
            "its code has small letters, digits and _", "代码只能用小写字母、数字和下划线",
        ),
        ("c1", bool(course.chapter), "it has no chapter", "没有章节"),
        (
            "draw", 1 <= course.draw <= len(course.question),
            f"it draws more questions than it has ({len(course.question)})",
            f"抽题数多于题库（现有 {len(course.question)} 题）",
        ),
        ("pass_percent", 50 <= course.pass_percent <= 100, "the pass mark is 50 to 100 %", "合格线须为 50 至 100"),
        ("tries", 1 <= course.tries <= 20, "tries are 1 to 20", "七天内可考次数须为 1 至 20"),
        ("test_minutes", 5 <= course.test_minutes <= 240, "a test takes 5 to 240 min", "考试时长须为 5 至 240 分钟"),
        (
            "valid_months", 0 <= course.valid_months <= 120, "a certificate is valid for 120 months at most",
            "证书有效期最长 120 个月",
        ),
        (
            "gives", not course.gives or course.gives in CERTIFICATES, "there is no such certificate of staff",
            "没有这种人员证书",
        ),
        ("roles", set(course.roles) <= set(Role), "there is no such role", "没有这种角色"),
        ("topics", set(course.topics) <= TOPICS.keys(), "there is no such topic", "没有这个主题"),
        (
            f"q{wrong}", not wrong,
            f"question {wrong}: two to eight options, and at least one of them right and one wrong",
            f"第 {wrong} 题：须有二至八个选项，且至少一个对、一个错",
        ),
        ("c1", not lost, f"there is no picture {', '.join(lost)}", f"没有图片 {'、'.join(lost)}"),
        (
            "picture",
            len(course.picture) <= MOST_PICTURES and all(_is_picture(one) for one in course.picture),
            f"{MOST_PICTURES} pictures at most, each a small JPEG", f"最多 {MOST_PICTURES} 张图片，须为小尺寸 JPEG",
        ),
    ]  # fmt: skip


def _is_picture(one: Picture) -> bool:
    return len(one.data) <= MOST_PICTURE * 4 // 3 + 4 and one.data.startswith("/9j/") and bool(_BASE64.match(one.data))
