"""Courses as a form and as a file: there and back again without a loss, and each fault at its field."""

import base64
import io

import pytest
from PIL import Image

from care_network.errors import ProvisioningError
from care_services.library.courses import forming
from care_services.library.courses.course import built_in, picture_sources, read_course
from care_services.library.courses.forming import Filled
from care_services.library.courses.pictures import picture
from care_services.library.courses.writing import to_toml
from care_services.library.documents.markdown import to_html


def fields(filled: Filled) -> list[tuple[str, str]]:
    """What a browser sends of the form."""
    sent = [
        *filled.plain.items(),
        *(("roles", one) for one in filled.roles),
        *(("topics", one) for one in filled.topics),
    ]
    for kind, rows in (("c", filled.chapters), ("q", filled.questions), ("p", filled.pictures)):
        for number, row in enumerate(rows, 1):
            sent += [(f"{kind}{number}.{name}", value.replace("\n", "\r\n")) for name, value in row.items()]
    return sent


def jpeg(size: tuple[int, int] = (1600, 900)) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, "teal").save(held, "JPEG")
    return held.getvalue()


def test_a_course_is_the_same_after_the_form_and_after_the_file() -> None:
    for course in built_in():
        again = forming.course_of(forming.of_fields(fields(forming.of_course(course))))
        assert [(one.zh, one.text_zh.strip()) for one in again.chapter] == [
            (one.zh, one.text_zh.strip()) for one in course.chapter
        ]
        assert again.question == course.question
        assert read_course(to_toml(again)) == again
        assert read_course(to_toml(course)) == course


def test_rows_are_added_moved_and_taken_out() -> None:
    filled = forming.of_fields([("c1.zh", "一"), ("c2.zh", "二"), ("q7.zh", "问"), ("c9999.zh", "x"), ("other", "y")])
    for step in ("up:c:2", "add:c", "drop:q:1", "add:p", "drop:c:9", "up:c:1", "save", "drop:x:1"):
        forming.turn(filled, step)
    assert ([row.get("zh") for row in filled.chapters], filled.questions) == (["二", "一", None], [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"zh": ""}, "zh"), ({"draw": "99"}, "draw"), ({"tries": "x"}, "tries"),
        ({"pass_percent": "40"}, "pass_percent"),
        ({"c2.text_zh": " "}, "c2"), ({"q3.zh": ""}, "q3"), ({"q2.options": "甲\n乙"}, "q2"), ({"code": "A b"}, "code"),
        ({"c1.text_zh": "![](picture:p9)"}, "c1"), ({"p1.data": "PHN2Zz4="}, "picture"),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_field(change: dict[str, str], field: str) -> None:
    course = next(one for one in built_in() if one.code == "family_carers")
    sent = dict(fields(forming.of_course(course))) | change
    with pytest.raises(ProvisioningError) as refused:
        forming.course_of(forming.of_fields(list(sent.items())))
    assert refused.value.field == field


def saved(one: Image.Image, form: str, note: bytes = b"") -> bytes:
    held = io.BytesIO()
    one.save(held, form, exif=note)
    return held.getvalue()


def test_a_picture_is_made_small_and_stands_only_where_it_is_named() -> None:
    made = picture(jpeg(), "p1", "床边的扶手", "")
    with Image.open(io.BytesIO(base64.b64decode(made.data))) as seen:
        assert max(seen.size) == 1000
    course = next(one for one in built_in() if one.code == "family_carers")
    filled = forming.of_course(course)
    filled.pictures = [{"name": "p1", "zh": made.zh, "en": made.en, "data": made.data}]
    filled.chapters[0]["text_zh"] = "扶手 ![](picture:p1) ![甲](https://e/x.png) <img src=x>"
    again = forming.course_of(forming.of_fields(fields(filled)))
    shown = to_html(again.chapter[0].text_zh, pictures=picture_sources(again, "zh"))
    assert shown.count("<img") == 1
    assert 'alt="床边的扶手"' in shown
    assert "甲" in shown
    many = saved(Image.new("1", (6000, 5000)), "PNG")  # 4 kB, and 90 MB unpacked
    damaged = saved(Image.new("RGB", (8, 8)), "WEBP", b"MMZZ of the camera")
    for file, words in ((b"<svg>", "栏"), (jpeg(), " "), (jpeg()[:200], "栏"), (many, "栏"), (damaged, "栏")):
        with pytest.raises(ProvisioningError):
            picture(file, "p1", words, "")
