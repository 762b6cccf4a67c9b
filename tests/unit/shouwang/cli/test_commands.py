"""Every command acts as an account, or stands in a short list that says why it needs none."""

import subprocess
import sys

import psycopg
import pytest
import typer

from care_network.errors import NotPermittedError
from shouwang.cli.session import refusal, refusals
from tests.support.commands import ACCOUNT_WHEN_NEEDED, COMMANDS, WITHOUT_ACCOUNT, commands

TREE = dict(commands())


def login_option(name: str) -> object:
    return next((option for option in TREE[name].params if "--as" in option.opts), None)


def test_a_command_names_an_account_or_the_list_says_why_not() -> None:
    for name in TREE:
        option = login_option(name)
        if name in WITHOUT_ACCOUNT:
            assert option is None, name
        else:
            advice = f"{name}: act through shouwang.cli.session.acting, or give a reason in WITHOUT_ACCOUNT"
            assert option is not None, advice
            assert getattr(option, "required", False) == (name not in ACCOUNT_WHEN_NEEDED), name


def test_every_command_stands_by_its_permission_once() -> None:
    listed = [name for names in COMMANDS.values() for name in names]
    assert len(listed) == len(set(listed))
    assert set(listed) == TREE.keys() - WITHOUT_ACCOUNT.keys() - ACCOUNT_WHEN_NEEDED.keys()


def test_the_lists_name_commands_that_exist() -> None:
    assert not (WITHOUT_ACCOUNT.keys() | ACCOUNT_WHEN_NEEDED.keys()) - TREE.keys()
    assert not WITHOUT_ACCOUNT.keys() & ACCOUNT_WHEN_NEEDED.keys()


@pytest.mark.parametrize(
    ("error", "texts"),
    [
        (NotPermittedError(en="you may not", zh="无权"), ("无权", "you may not")),
        (NotPermittedError(en="the same", zh="the same"), ("the same",)),
        (ValueError("no such thing"), ("no such thing",)),
        (LookupError("nobody"), ("nobody",)),
        (RuntimeError("another works here"), ("another works here",)),
        (TimeoutError("not within 60 s"), ("not within 60 s",)),
        (FileNotFoundError(2, "No such file or directory", "key"), ("key: No such file or directory",)),
        (psycopg.OperationalError("no server\n"), ("no server",)),
        (psycopg.DataError("out of range"), ("out of range",)),
        (KeyError("fault"), None),
        (IndexError("fault"), None),
        (TypeError("fault"), None),
        (RecursionError("fault"), None),
        (psycopg.ProgrammingError("fault"), None),
        (typer.Exit(3), None),
        (typer.Abort(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_refusals_are_said_and_faults_are_not_hidden(error: Exception, texts: tuple[str, ...] | None) -> None:
    assert refusal(error) == texts


def test_a_refusal_is_said_in_chinese_then_english(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end, refusals():
        raise NotPermittedError(en="you may not", zh="无权")
    assert end.value.exit_code == 1
    assert capsys.readouterr().err == "无权\nyou may not\n"
    with pytest.raises(typer.Exit) as end, refusals(status=2):
        raise ValueError("x")
    assert end.value.exit_code == 2


def test_help_loads_no_heavy_module() -> None:
    """``shouwang --help`` answers at once: what a command needs is loaded when it runs."""
    heavy = ("numpy", "scipy", "psycopg", "asyncio", "structlog", "cryptography", "argon2", "matplotlib", "pydantic")
    program = f"import sys, shouwang.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
