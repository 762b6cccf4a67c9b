"""The glossary of docs/architecture.md: each word once, with its Chinese term and one sentence."""

import re
from pathlib import Path
from typing import NamedTuple, get_args

from vocabulary.alert_state import AlertState
from vocabulary.severity import SEVERITIES

ROOT = Path(__file__).parents[2]


class Entry(NamedTuple):
    word: str
    chinese: str
    folder: str
    meaning: str


def entries(part: str) -> list[Entry]:
    """Rows of the tables in a part of the page; the header's first column is 'word' or 'metaphor'."""
    found = []
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] not in ("word", "metaphor", "---"):
            found.append(Entry(cells[0], cells[1], cells[2] if len(cells) == 4 else "", cells[-1]))
    return found


GLOSSARY = (ROOT / "docs" / "architecture.md").read_text().split("\n## Glossary\n")[1]
WORDS, METAPHORS = (entries(part) for part in GLOSSARY.split("\n### Metaphors\n"))


def test_a_word_has_a_chinese_term_and_one_sentence() -> None:
    for entry in [*WORDS, *METAPHORS]:
        assert re.search(r"[\u4e00-\u9fff]", entry.chinese), entry.word
        assert entry.meaning.endswith("."), entry.word
        assert not re.search(r"[.!?] [A-Z]", entry.meaning), entry.word


def test_no_word_stands_there_twice() -> None:
    words = [entry.word for entry in [*WORDS, *METAPHORS]]
    assert len(words) > 80
    assert len(set(words)) == len(words)


def test_every_severity_and_every_state_is_explained() -> None:
    assert {f"`{code}`" for code in (*SEVERITIES, *get_args(AlertState))} <= {entry.word for entry in WORDS}


def test_a_folder_keeps_one_metaphor_at_most() -> None:
    folders = [entry.folder.strip("`") for entry in METAPHORS]
    assert len(set(folders)) == len(folders)
    assert all((ROOT / folder).is_dir() for folder in folders)
