"""Every action that the program writes into the audit is said in words, in Chinese too."""

import ast
import re
from pathlib import Path

from care_network.access.auditing.words import WORDS, action_words, detail_words
from care_network.access.permissions import Action

ROOT = Path(__file__).parents[2]
HAN = re.compile(r"[\u4e00-\u9fff]")
WRITERS = {"audit", "audit_home", "_audit", "_told", "audit_order"}
"""Functions that write a line; one of their arguments is the action."""


def actions_in_code() -> set[str]:
    found = set()
    for folder in ("care_network", "care_services", "dispatch", "alerting", "console", "shouwang", "exchange"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in WRITERS:
                    texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
                    found |= {text for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z_]{4,}", text)}
    return found


def test_every_action_has_words() -> None:
    found = actions_in_code()
    assert {"logout", "view_page", "begin_pause", "change_account"} <= found
    bare = {action for action in found | {str(one) for one in Action} if not HAN.search(action_words(action)[0])}
    assert bare == set(), "give them words in care_network/access/auditing/words.py"


def test_verbs_and_kinds_are_composed_and_details_named() -> None:
    assert action_words("change_contact") == ("修改联系人", "changed a contact")
    assert action_words("something new")[0] == "something new"
    assert detail_words({"login": "zhao", "role": "lead", "nothing": None}, "zh") == [
        ("账号", "zhao"),
        ("角色", "值班长"),
    ]
    changed = {"changed": {"role": ["carer", "station"]}}
    assert detail_words(changed, "en") == [("changed", "role: carer → station")]
    assert all(HAN.search(zh) for zh, _ in WORDS.values())
