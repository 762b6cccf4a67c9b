"""Words of people for the tables of the database, for the pages on which somebody reads what is kept, and where."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec

from vocabulary.toml import read_toml


@cache
def words() -> Mapping[str, tuple[str, str]]:
    """The tables that have words: Chinese and English by name."""
    text = resources.files(__package__).joinpath("words.toml").read_text("utf-8")
    return msgspec.convert(read_toml(text)["words"], dict[str, tuple[str, str]])


def words_of(table: str) -> tuple[str, str]:
    """The words for a table; a table that nobody has named yet says so, with its name."""
    return words().get(table, (f"未命名的数据（{table}）", f"data without a name ({table})"))
