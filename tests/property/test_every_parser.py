"""Every parser that meets the outside, on inputs near good ones: it reads, or refuses with its own error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.parsers import PARSERS, Parser

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
