"""Every door asks: the list of doors is whole, and each of them is where the list says."""

import re
from pathlib import Path

import pytest

from care_network.consents.doors import DOORS, NOBODYS, Door, read_doors
from care_network.consents.purposes import PURPOSES

ROOT = Path(__file__).parents[4]
FOLDERS = ("alerting", "care_network", "care_services", "console", "dispatch", "exchange", "figures", "ingest")
_TALKS = re.compile(
    r"^(?:import|from) (?:httpx2?|requests|niquests|aiohttp|smtplib|urllib\.request|urllib3|apprise|http\.client"
    r"|pywebpush|websockets|socket)\b|^from .*link\.mqtt import",
    re.MULTILINE,
)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.code)
def test_each_door_asks_where_the_list_says_and_a_test_shows_it(door: Door) -> None:
    asked = [words in (ROOT / file).read_text("utf-8") for file, words in door.asks.items()]
    assert all(asked) or door.open_zh, f"{door.code} does not ask any more in {list(door.asks)}"
    for named in door.tests:
        file, _, function = named.partition("::")
        assert (ROOT / file).exists(), named
        assert not function or f"def {function}(" in (ROOT / file).read_text("utf-8"), named


def test_every_purpose_has_a_door_and_every_program_that_talks_to_the_outside_is_listed() -> None:
    assert {one.purpose for one in DOORS} - {""} == {one.code for one in PURPOSES.values() if one.asked}
    talks = {
        str(file.relative_to(ROOT))
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        if _TALKS.search(file.read_text("utf-8"))
    }
    listed = {file for one in DOORS for file in one.sends} | set(NOBODYS)
    assert talks == listed, "name it in a door of care_network/consents/doors.toml, or under [nobody] with the reason"


def test_a_door_that_is_not_whole_is_refused() -> None:
    text = 'door = [{code = "x", zh = "甲", en = "A", purpose = "research", asks = {}, tests = []}]\n[nobody]\n'
    for wrong, words in ((text, "x: say where"), (text.replace("research", "rescue"), "no purpose")):
        with pytest.raises(ValueError, match=words):
            read_doors(wrong)
