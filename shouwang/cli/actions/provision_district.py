"""``shouwang provision district``: a district file, brought in by an account that may."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from care_network.access import accounts
from care_network.access.permissions import Action, audit
from care_network.errors import NotPermittedError
from care_network.importing.district_file import provision_file
from care_network.records.synthetic import add_synthetic
from shouwang.cli.session import ORIGIN, acting_account
from vocabulary.times import local_day


def provision_as(conn: psycopg.Connection[Any], file: Path, login: str | None) -> Mapping[str, int]:
    """Bring the file in as the account ``login``; how many records of each sort it holds.

    Without a login only into a database that has no account yet: the first file brings the first ones. Raises
    NotPermittedError, ProvisioningError.
    """
    now = dt.datetime.now(dt.UTC)
    with conn.transaction():
        # two first files at once: the second one waits here, and then needs a login
        accounts.lock_all(conn)
        account = None
        if login is not None:
            account = acting_account(conn, login, Action.PROVISION)
        elif accounts.has_any(conn):
            raise NotPermittedError(
                en="the database has accounts: name one that may provision with --as",
                zh="数据库中已有账号：请用 --as 指定有登记权限的账号",
            )
        counts = provision_file(conn, file.read_text("utf-8"), now)
        add_synthetic(conn, local_day(now))  # every district has them
        audit(conn, account, Action.PROVISION, at=now, origin=ORIGIN, detail={"file": file.name, **counts})
    return counts
