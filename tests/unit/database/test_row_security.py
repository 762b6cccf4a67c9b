"""The policies of rows ask roles by the one table of permissions."""

import re
from pathlib import Path

from care_network.access.permissions import PERMISSIONS, Action
from care_services.registers.data.classes import groups
from care_services.registers.data.lineage import countings, lineage
from database.rights.decisions import DECISIONS
from database.rights.grants import BY_VIEWER, GRANTS, OF_CONSOLE
from database.rights.machine_rows import MACHINE, MACHINE_ROWS, UNBOUND
from database.rights.row_security import NOBODYS, ROLES_THAT, ROWS
from database.rights.words import words

ROOT = Path(__file__).parents[3]


def test_the_policies_know_the_roles_of_the_table_of_permissions() -> None:
    assert {
        action: {role.value for role, actions in PERMISSIONS.items() if Action(action) in actions}
        for action in ROLES_THAT
    } == {action: set(roles) for action, roles in ROLES_THAT.items()}


def test_every_table_of_the_console_and_the_exchange_has_a_policy_or_is_nobodys() -> None:
    for service, bound, free in ((BY_VIEWER, ROWS, NOBODYS), (MACHINE, MACHINE_ROWS, UNBOUND)):
        named = GRANTS[service].tables()
        assert named - set(bound) - free == set(), f"whose rows does {service} see? database/rights"
        assert not free & set(bound)


def test_the_decision_on_every_table_is_written_down_and_what_the_console_writes_has_a_condition() -> None:
    rights = GRANTS[BY_VIEWER]
    decided = " ".join(DECISIONS.values()).split()
    assert len(decided) == len(set(decided))
    assert set(decided) == set(ROWS) | NOBODYS, "database/rights/decisions.py"
    written = set(f"{rights.insert} {rights.update} {rights.delete}".split())
    written |= {table for right, table, _ in rights.columns if right != "SELECT"}
    assert not written & NOBODYS - {"certificate_expiry"}, "the console writes it: on what condition?"


def test_the_program_of_the_console_has_logins_of_its_own() -> None:
    assert {BY_VIEWER, *OF_CONSOLE} <= GRANTS.keys()
    board = GRANTS["board"]
    assert set(ROWS).isdisjoint(f"{board.insert} {board.update} {board.delete}".split()), "it changes nobody's record"


def test_every_table_of_the_schema_has_a_class_and_words_of_people() -> None:
    made: set[str] = set()
    for file in sorted((ROOT / "database/migrations/sql").glob("*.sql")):
        text = file.read_text("utf-8")
        made |= set(re.findall(r"^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?([a-z_]+) \(", text, re.MULTILINE))
        made -= set(re.findall(r"^DROP TABLE (?:IF EXISTS )?([a-z_]+)", text, re.MULTILINE))
    assert made - set(words()) == set(), "name it for people: database/rights/words.toml"
    named = [name for group in groups() for name in group.tables.split()]
    assert len(named) == len(set(named)), "a table is named once"
    assert made - set(named) == set(), "say its class, owner, retention: care_services/registers/data/classes.toml"
    assert set(words()) == set(named), "words of a table that there is not, or the other way round"
    assert len({pair[0] for pair in words().values()}) == len(words()), "two tables have the same words"


def test_figures_say_which_tables_they_are_counted_from_as_their_queries_do() -> None:
    counted = {name: one for one in countings() for name in one.tables.split()}
    for figure, steps in lineage():
        assert all(step.sources for step in steps), figure.en
        asked = _asked(ROOT / figure.by)
        assert {one for one in asked if one in counted} <= set(figure.reads.split()), figure.by
    for one in countings():
        if not one.by.endswith(".py"):
            continue
        asked, written = _asked(ROOT / one.by), _written(ROOT / one.by)
        assert written == set(one.tables.split()), one.by
        assert asked - counted.keys() <= set(one.from_.split()), one.by
    assert {name for name in words() if name.startswith("figure_")} <= counted.keys(), "data/lineage.toml"


def _asked(file: Path) -> set[str]:
    return set(re.findall(r"\b(?:FROM|JOIN|USING)\s+([a-z_]+)", file.read_text("utf-8"))) & words().keys()


def _written(file: Path) -> set[str]:
    return set(re.findall(r"\bINSERT INTO\s+([a-z_]+)", file.read_text("utf-8"))) & words().keys()
