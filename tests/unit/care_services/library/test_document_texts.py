"""Texts of documents: shown without what others could put in, searched by pairs of characters, compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_network.errors import ProvisioningError
from care_services.library.documents.comparing import compare
from care_services.library.documents.grams import asked, excerpt, grams, has_all
from care_services.library.documents.keeping import check_pdf
from care_services.library.documents.markdown import plain, to_html


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
    assert has_all(text, word)
    assert all(pair in have for _, pairs in asked(word) for pair in pairs)


def test_an_excerpt_is_around_the_word() -> None:
    text = "前" * 100 + "抗凝药一律送医" + "后" * 100
    assert excerpt(text, "抗凝药").startswith("…前")
    assert "抗凝药一律送医" in excerpt(text, "抗凝药")
    assert excerpt("短", "没有") == "短"


def test_versions_side_by_side_have_what_went_and_what_came() -> None:
    lines = compare("一步。二步。三步。四步。", "一步。二步改。三步。四步。五步。")
    assert [(one.kind, one.text) for one in lines if one.kind in ("out", "in")] == [
        ("out", "二步。"), ("in", "二步改。"), ("in", "五步。"),
    ]  # fmt: skip
    assert compare("一样。", "一样。") == []


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (b"MZ..", "不是完整的 PDF"), (b"%PDF-1.7 cut", "不是完整的 PDF"),
        (b"%PDF-1.7 /JavaScript (x) %%EOF", "脚本"), (b"%PDF-" + b"0" * (10 * 1024 * 1024) + b"%%EOF", "10 MB"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_plain_pdf_is_refused(file: bytes, says: str) -> None:
    check_pdf(b"%PDF-1.7 x %%EOF")
    with pytest.raises(ProvisioningError) as refused:
        check_pdf(file)
    assert says in refused.value.message_zh
