"""A certificate on paper: one page A4 as PDF, made by typst, with the code by which anybody can look it up."""

import io
import json
from functools import cache
from importlib.resources import files
from typing import Literal

import segno
import typst

from care_services.library.courses.certificates import Certificate, grouped


def paper(
    one: Certificate, address: str, language: Literal["zh", "en"], font: str, fonts: typst.Fonts
) -> bytes:  # fmt: skip
    """The certificate as bytes. ``address``: where it is looked up; ``font``: a family of ``fonts`` with Chinese
    letters. ``fonts``: those of this machine; to look for them takes longer than to make the certificate."""
    zh = language == "zh"
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="svg", border=0)
    until = ("长期有效" if zh else "does not expire") if one.expires_on is None else str(one.expires_on)
    data = {
        "font": font, "language": language, "region": "cn" if zh else "gb",
        "head": "课程证书" if zh else "Certificate of a course", "name": one.name_zh if zh else one.name_en,
        "says": "已学完以下课程并通过考试：" if zh else "has completed this course and passed its test:",
        "title": one.title_zh if zh else one.title_en,
        "rows": [
            ["证书编号" if zh else "Number", one.number], ["发证日期" if zh else "Issued on", str(one.issued_on)],
            ["有效期至" if zh else "Valid until", until], ["查验码" if zh else "Code", grouped(one.check_code)],
        ],
        "how": "扫码或在下列地址输入查验码，可查询证书是否有效：" if zh
        else "Scan, or type the code at this address, to see whether it holds:",
        "address": address.partition("?")[0], "picture": drawn.getvalue().decode(),
        "revoked": ("已撤销" if zh else "REVOKED") if one.revoked_at else "",
        "foot": "守望 · 居家养老守护平台" if zh else "Shouwang · care at home",
    }  # fmt: skip
    made = typst.compile(
        _source(), sys_inputs={"data": json.dumps(data, ensure_ascii=False)}, font_paths=fonts
    )  # fmt: skip
    assert isinstance(made, bytes)  # noqa: S101 - the form asked for is one file
    return made


@cache
def _source() -> bytes:
    return files(__package__).joinpath("certificate.typ").read_bytes()
