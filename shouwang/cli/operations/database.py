"""The commands ``shouwang database …``: the services' roles."""

from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import Url, connection, refusals

app = typer.Typer(help="The database: roles of the services.", no_args_is_help=True)


@app.callback()
def database() -> None:
    """The database: roles of the services."""


@app.command()
def roles(
    url: Url = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="Run it at --url (a superuser, or the owner with CREATEROLE).")
    ] = False,
    secrets_dir: Annotated[
        Path | None,
        typer.Option("--secrets", file_okay=False, help="Make a random password for each service here: DIR/<service>."),
    ] = None,
) -> None:
    """Print the SQL that makes a login role for each service, or run it; safe to repeat.

    Without --secrets the roles have no password: pg_hba.conf lets them in (peer, or a client certificate). Each
    service's rights on the tables follow at the next 'shouwang migrate', which the owner runs.
    """
    from database.rights.grants import GRANTS
    from database.rights.roles import create_roles, renew_grants, roles_sql, verifier

    with refusals():
        passwords = {service: _secret(secrets_dir / service) for service in GRANTS} if secrets_dir else {}
        if not apply:
            typer.echo(";\n".join(roles_sql({name: verifier(word) for name, word in passwords.items()})) + ";")
            return
    with connection(url) as conn:
        create_roles(conn, passwords)
        renewed = renew_grants(conn)
    typer.echo("角色已就绪 roles are ready" + ("" if renewed else "; next: shouwang migrate"))


def _secret(file: Path) -> str:
    """The password in a file that only its owner reads; made where there is none."""
    import os
    import secrets

    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(24) + "\n")
    return file.read_text("utf-8").strip()
