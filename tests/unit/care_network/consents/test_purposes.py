"""Purposes are data, and each is whole."""

import pytest

from care_network.consents.purposes import BASES, PURPOSES, read_purposes

WHOLE = """
[[purpose]]
code = "x"
zh = "甲"
en = "A"
basis = "{basis}"
kept_in = "{kept_in}"
sensitive = false
version = 1
data_zh = ""
data_en = ""
who_zh = ""
who_en = ""
kept_zh = ""
kept_en = ""
words_zh = ""
words_en = ""
end_zh = "{end}"
end_en = "{end}"
"""


def test_each_purpose_has_words_and_a_basis_of_law() -> None:
    assert {"emergency_contact", "family_view", "exchange", "research", "meal_allergies", "volunteers"} <= set(PURPOSES)
    for one in PURPOSES.values():
        assert one.basis in BASES
        assert all((one.words_zh, one.words_en, one.data_zh, one.who_zh, one.kept_zh)), one.code
        assert not one.named or "{who}" in one.end_zh


@pytest.mark.parametrize(
    ("basis", "kept_in", "end"), [("consent", "", "it ends"), ("duty", "register", ""), ("consent", "register", "")]
)
def test_a_purpose_that_is_not_whole_is_refused(basis: str, kept_in: str, end: str) -> None:
    with pytest.raises(ValueError, match="x"):
        read_purposes(WHOLE.format(basis=basis, kept_in=kept_in, end=end))


def test_a_purpose_does_not_stand_twice() -> None:
    text = WHOLE.format(basis="consent", kept_in="register", end="it ends")
    assert set(read_purposes(text)) == {"x"}
    with pytest.raises(ValueError, match="twice"):
        read_purposes(text + text)
