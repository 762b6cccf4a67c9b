"""Text: a device's is cleaned, a person's is refused with a reason; what passes can be stored and written as UTF-8."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocabulary.text import REPLACEMENT, TextError, check_text, clean_text

ANY = st.text(st.characters(exclude_categories=()), max_size=80)


@given(ANY, st.integers(1, 100), st.booleans())
def test_a_cleaned_text_is_bounded_and_can_be_stored(text: str, longest: int, lines: bool) -> None:
    cleaned = clean_text(text, longest, lines=lines)
    cleaned.encode()
    assert len(cleaned) <= longest
    assert "\0" not in cleaned
    assert clean_text(cleaned, longest, lines=lines) == cleaned
    assert check_text(cleaned, longest) == cleaned


@given(ANY)
def test_a_text_that_passes_is_one_that_cleaning_leaves_alone(text: str) -> None:
    try:
        passed = check_text(text, 60)
    except TextError as error:
        assert error.message_zh
        assert clean_text(text.replace("\r\n", "\n"), 60, lines=True) != text.replace("\r\n", "\n")
    else:
        assert clean_text(passed, 60, lines=True) == passed


@pytest.mark.parametrize("bad", ["\0", "\x1b", "\x7f", "\x9b", "\ud800", "\u202e", "\u2028", "\uffff"])
def test_a_bad_character_is_replaced_or_named(bad: str) -> None:
    assert clean_text(f"a{bad}b") == f"a{REPLACEMENT}b"
    with pytest.raises(TextError, match=rf"character 2 \(U\+{ord(bad):04X}\)"):
        check_text(f"a{bad}b")


def test_lines_stay_where_people_write_them() -> None:
    assert check_text("一\r\n二\t三") == "一\n二\t三"
    assert clean_text("a\nb") == f"a{REPLACEMENT}b"
    with pytest.raises(TextError):
        check_text("a\nb", lines=False)


def test_what_is_too_long_is_cut_or_refused() -> None:
    assert clean_text("守望" * 10, 5) == "守望守望…"
    with pytest.raises(TextError, match="20 characters, 5 at most"):
        check_text("守望" * 10, 5)
