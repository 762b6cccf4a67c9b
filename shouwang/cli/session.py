"""The frame of a command: shared options, connection, acting account, and refusals as text with an exit status.

Imports of weight stay inside the functions, here as in every module of commands: ``shouwang --help`` has to be quick.
"""

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import psycopg

    from care_network.access.accounts import Account
    from care_network.access.permissions import Action
    from dispatch.core.history import Actor

ORIGIN = "cli"
"""Names the command line as the origin of a change or a look, in histories and in the audit."""


def _verified(url: str) -> str:
    from database.address import verified

    return verified(url) if url else url


Url = Annotated[str, typer.Option("--url", envvar="SHOUWANG_DATABASE_URL", help="postgresql://…", callback=_verified)]
Login = Annotated[str, typer.Option("--as", help="Login of the account that does it: its role, its area, the audit.")]
Gateway = Annotated[str | None, typer.Option("--gateway", help="Of this gateway only.")]


@dataclass(frozen=True)
class Session:
    """A connection in autocommit, the account that acts, and the time of the command."""

    conn: "psycopg.Connection[Any]"
    account: "Account"
    now: dt.datetime
    origin: str = ORIGIN

    @property
    def actor(self) -> "Actor":
        """The account as an alert's or an order's history names it."""
        from dispatch.core.history import Actor

        return Actor(self.account.id, self.account.name_zh, self.origin)

    def audit(
        self, action: "Action | str", *, resident_id: int | None = None, detail: dict[str, Any] | None = None
    ) -> None:
        """Record in the audit what the account does; see :func:`care_network.access.permissions.audit`."""
        from care_network.access.permissions import audit

        at = dt.datetime.now(dt.UTC)  # of the act: a long command begins earlier
        audit(self.conn, self.account, action, at=at, resident_id=resident_id, origin=self.origin, detail=detail)


@contextmanager
def acting(url: str, login: str, action: "Action | None") -> Iterator[Session]:
    """Connect and act as the account of that login; refusals end the command.

    ``action`` is asked of the permission table before anything else happens. None where it depends on what is asked
    for (the kind of a record, the scope of a parameter): the called function then asks the table.
    """
    with connection(url) as conn:
        yield Session(conn, acting_account(conn, login, action), dt.datetime.now(dt.UTC))


def acting_account(conn: "psycopg.Connection[Any]", login: str, action: "Action | None") -> "Account":
    """Find the active account of that login. Raises NotPermittedError where there is none, or its role may not.

    No password is asked for: a person who has the database's password could read everything without us. The login
    makes the audit name a person.
    """
    from care_network.access.accounts import account_by_login
    from care_network.access.permissions import require
    from care_network.errors import NotPermittedError

    account = account_by_login(conn, login)
    if account is None:
        raise NotPermittedError(en=f"no active account {login!r}", zh=f"没有可用的账号 {login}")
    if action is not None:
        require(account, action)
    return account


@contextmanager
def connection(url: str) -> Iterator["psycopg.Connection[Any]"]:
    """Connect in autocommit: each called function is its own transaction. Refusals end the command."""
    with refusals():
        import psycopg

        with psycopg.connect(_verified(url), autocommit=True, connect_timeout=5) as conn:
            yield conn


@contextmanager
def refusals(status: int = 1) -> Iterator[None]:
    """Turn each error that is said to people into its text on stderr, Chinese before English, and an exit status."""
    try:
        yield
    except Exception as error:
        texts = refusal(error)
        if texts is None:
            raise
        typer.secho("\n".join(texts), err=True, fg="red")
        raise typer.Exit(status) from error


def refusal(error: Exception) -> tuple[str, ...] | None:
    """Return the texts of an error that is said to people; None for one that is a fault of the program.

    Our own refusals are BilingualError, ValueError, or a bare LookupError or RuntimeError; a KeyError or an IndexError
    is a fault. Of the database's errors, those count that the person can mend: no server, no rights, no schema, bad
    data.
    """
    from vocabulary.errors import BilingualError

    original = getattr(error, "orig", None)  # SQLAlchemy wraps the database's error, with the statement
    if isinstance(original, Exception):
        return refusal(original)
    if isinstance(error, BilingualError):
        return tuple(dict.fromkeys((error.message_zh, error.message_en)))
    if isinstance(error, OSError) and error.filename is not None:
        return (f"{error.filename}: {error.strerror}",)
    if isinstance(error, (ValueError, OSError, ImportError)) or type(error) is LookupError or _is_our_runtime(error):
        return (str(error).strip() or type(error).__name__,)
    return _database_refusal(error)


def _database_refusal(error: Exception) -> tuple[str, ...] | None:
    if "psycopg" not in sys.modules:  # a home gateway has none
        return None
    from psycopg import DataError, OperationalError, errors

    if isinstance(error, (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)):
        return (f"{error.diag.message_primary}: is the schema up to date? See: shouwang migrate",)
    if isinstance(error, errors.InsufficientPrivilege):
        return (
            f"{error.diag.message_primary or str(error).strip()}: the role in SHOUWANG_DATABASE_URL may not do this",
        )
    if isinstance(error, (OperationalError, DataError)):
        return (" ".join(str(error).split()),)
    return None


def _is_our_runtime(error: Exception) -> bool:
    """RuntimeErrors that our code raises: neither the interpreter's own nor typer's ways to end a command."""
    foreign = (RecursionError, NotImplementedError, typer.Exit, typer.Abort)
    return isinstance(error, RuntimeError) and not isinstance(error, foreign)
