"""The answers of ``shouwang setup`` are checked before anything is written."""

from pathlib import Path

import pytest

from shouwang.setup.answers import Question, ask, parse, to_toml

DEPLOY = Path(__file__).parents[4] / "deploy"
EXAMPLE = (DEPLOY / "setup.example.toml").read_text()


def test_the_example_is_right_and_comes_back_as_it_was() -> None:
    answers = parse(EXAMPLE)
    assert answers.broker == "mosquitto"
    assert parse(to_toml(answers)) == answers


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"https://care.example.org"', '"http://care.example.org"', "https://"),
        ('"mosquitto"', '"rabbit"', "broker"),
        ('["broker.example.org"]', "[]", "broker_hosts"),
        ('["broker.example.org"]', '["a b; rm"]', "broker_hosts"),
        ('"shouwang"', '"x\'; DROP"', "database_name"),
        ('"mosquitto"', '"nats"', "single machine"),
        ("database_port = 5432", "database_port = 70000", "database_port"),
        ("this_node", "that_node", "that_node"),
    ],
)
def test_wrong_answers_are_named(old: str, new: str, words: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(ValueError, match=words):
        parse(EXAMPLE.replace(old, new))


def test_a_node_of_nats_says_which_one_it_is() -> None:
    text = EXAMPLE.replace('"mosquitto"', '"nats"').replace("nats_nodes = []", 'nats_nodes = ["n1", "n2", "n3"]')
    with pytest.raises(ValueError, match="this_node"):
        parse(text)
    assert parse(text.replace('this_node = ""', 'this_node = "n2"')).this_node == "n2"


def test_asking_takes_what_is_offered() -> None:
    asked: list[str] = []

    def put(question: Question) -> str:
        asked.append(question.name)
        return question.default

    answers = ask(put)
    assert answers.broker_hosts == ["broker.example.org"]
    assert len(asked) <= 6
