"""Texts of documents: shown without what others could put in, searched by pairs of characters, compared."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.errors import ProvisioningError
from care_services.library.documents import files
from care_services.library.documents.comparing import compare
from care_services.library.documents.grams import asked, flat, grams
from care_services.library.documents.markdown import plain, to_html
from tests.support.word_files import docx, paragraph


def test_markdown_is_shown_and_nothing_of_theirs_runs() -> None:
    shown = to_html("# 目的\n\n**先**评估\n再扶\n\n| 一 | 二 |\n| --- | --- |\n| a | b |\n")
    assert "<h3>目的</h3>" in shown
    assert "<strong>先</strong>评估再扶" in shown, "no blank between characters at a line's end"
    assert "<table>" in shown
    hostile = to_html(
        "<script>x</script> <img src=x onerror=y> [a](javascript:alert(1)) ![b](http://e/x.png) [c](https://e)"
    )
    assert "<script" not in hostile
    assert "<img" not in hostile
    assert 'href="javascript' not in hostile
    assert 'rel="noopener noreferrer nofollow"' in hostile
    assert plain("# 目的\n\n- **先**评估\n") == "目的 先评估"


WORDS = st.text("跌倒预警处置规程ab1 ", min_size=1, max_size=12)


@given(WORDS, WORDS, WORDS)
def test_the_pairs_of_a_text_never_miss_a_word_of_it(before: str, word: str, after: str) -> None:
    text = before + word + after
    have = set(grams([text]))
    assert all(one in flat(text) for one, _ in asked(word))
    assert all(pair in have for _, pairs in asked(word) for pair in pairs)


def test_versions_side_by_side_have_what_went_and_what_came() -> None:
    lines = compare("一步。二步。三步。四步。", "一步。二步改。三步。四步。五步。")
    assert [(one.kind, one.text) for one in lines if one.kind in ("out", "in")] == [
        ("out", "二步。"), ("in", "二步改。"), ("in", "五步。"),
    ]  # fmt: skip
    assert compare("一样。", "一样。") == []


def pdf(words: str) -> bytes:
    """A PDF of one page with words in Latin letters."""
    content = f"BT /F 12 Tf 72 720 Td ({words}) Tj ET".encode()
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]  # fmt: skip
    body, places = b"%PDF-1.7\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(parts) + 1, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(parts) + 1, table) + end


def test_the_words_inside_a_file_are_read() -> None:
    two = paragraph("地面", "保持干燥") * 2
    assert files.read(docx(two)) == files.Inside("text", "地面保持干燥\n地面保持干燥")
    assert files.read(docx("<w:p/>")).how == "none", "pictures alone"
    nested = f"<w:tbl>{paragraph('甲')}<w:p><w:txbx>{paragraph('乙')}</w:txbx><w:r><w:t>丙</w:t></w:r></w:p></w:tbl>"
    assert files.read(docx(nested)).text == "甲\n乙\n丙", "each word once"
    pytest.importorskip("pypdf", reason="no pypdf: make setup")
    assert files.read(pdf("Keep floors dry")) == files.Inside("text", "Keep floors dry", 1)
    assert files.read(pdf("")).how == "none"
    with patch.object(files, "MOST_S", -1.0):
        assert files.read(pdf("Keep floors dry")).how == "partly", "out of time: that there are none nobody knows"


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (b"MZ..", "请选择 PDF 或 Word"), (b"", "空的"), (b"%PDF-1.7 cut", "不完整"), (b"\xd0\xcf\x11\xe0old", "旧版"),
        (b"%PDF-1.7 /JavaScript (x) %%EOF", "脚本"), (b"%PDF-" + b"0" * (10 * 1024 * 1024) + b"%%EOF", "10 MB"),
        (b"PK\x03\x04 cut", "已损坏"), (docx("", more={"word/vbaProject.bin": b"x"}), "宏"),
        (docx("", '<!DOCTYPE x [<!ENTITY e "e">]>'), "已损坏"),
        (docx("<w:p>" * 501 + "</w:p>" * 501), "已损坏"),  # each inside each: hours of work in 3 kB
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_taken_says_what_to_do(file: bytes, says: str) -> None:
    with pytest.raises(ProvisioningError) as refused:
        files.read(file)
    assert says in refused.value.message_zh
