"""Environment files are read alike by us and by a shell; the administrator's are taken where nothing else is set."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.setup.environment import adopt, fill, parse, quote

WORDS = st.text(
    st.characters(min_codepoint=32, exclude_characters='"\\$`', exclude_categories=["Cs", "Cc"]), max_size=40
)


@given(WORDS)
def test_a_value_comes_back_as_it_was_written(value: str) -> None:
    assert parse(f"NAME={quote(value)}") == {"NAME": value}


def test_a_shell_reads_the_same() -> None:
    url = "postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=/etc/x y"
    script = f'set -a\nURL={quote(url)}\nprintf %s "$URL"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout == url


@pytest.mark.parametrize("value", ['a"b', "a$b", "a`b", "a\nb", "a\\b"])
def test_what_could_be_read_in_two_ways_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="setting can hold"):
        quote(value)


def test_only_values_of_a_template_change() -> None:
    assert fill("# a\nA=1\nB=2\n", {"B": "x&y"}) == '# a\nA=1\nB="x&y"\n'
    with pytest.raises(KeyError, match="C"):
        fill("A=1\n", {"C": "1"})


def test_the_administrators_settings_fill_what_nobody_has_set(tmp_path: Path) -> None:
    admin, common = tmp_path / "admin.env", tmp_path / "common.env"
    admin.write_text("SHOUWANG_DATABASE_URL=postgresql://owner@h/d\nSHOUWANG_BROKER_HOST=a\n")
    common.write_text("SHOUWANG_BROKER_HOST=b\nSHOUWANG_BROKER_PORT=1\n")
    here: dict[str, str] = {}
    adopt(here, (admin, common))
    assert here["SHOUWANG_BROKER_HOST"] == "a"
    assert here["SHOUWANG_BROKER_PORT"] == "1"
    named = {"SHOUWANG_DATABASE_URL": "mine"}
    adopt(named, (admin, common))
    assert named == {"SHOUWANG_DATABASE_URL": "mine"}
    nothing: dict[str, str] = {}
    adopt(nothing, (tmp_path / "missing", common))
    assert nothing == {}
