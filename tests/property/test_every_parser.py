"""Every parser that meets the outside, on inputs near good ones: it reads, or refuses with its own error."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.parsers import PARSERS, Parser

ROOT = Path(__file__).parents[2]
ODD = (
    b"",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"[" * 2000,
    b"9" * 400,
    b"\x7f\xff\xff\xff",
    b'"',
    b"1e999",
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 8), st.sampled_from(ODD) | st.binary(max_size=6)), max_size=5
)


def edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Some bytes of a good input taken out, and others put in their place."""
    for place, removed, added in edits:
        at = int(place * len(data))
        data = data[:at] + added + data[at + removed :]
    return data


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=40)
@given(st.data())
def test_it_reads_or_refuses(name: str, data: st.DataObject) -> None:
    parser = PARSERS[name]
    good = st.builds(edited, st.sampled_from(parser.examples), EDITS)
    check(parser, data.draw(good | st.binary(max_size=60)))


@pytest.mark.parametrize("name", PARSERS)
def test_its_own_examples(name: str) -> None:
    for good in PARSERS[name].examples:
        check(PARSERS[name], good)


def check(parser: Parser, data: bytes) -> None:
    try:
        parser.read(data)
    except parser.errors as error:
        assert str(error), "a refusal says why"


def test_by_coverage() -> None:
    """A few seconds in every run, all parsers together; ``make fuzz`` takes longer for each."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("no atheris for this interpreter: .venv/bin/pip install -c requirements.lock atheris")
    done = subprocess.run(
        [sys.executable, "tools/fuzz.py", "--together", "5"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
