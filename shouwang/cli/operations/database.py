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
    from shouwang.cli.actions.secrets import secret

    with refusals():
        passwords = {service: secret(secrets_dir / service) for service in GRANTS} if secrets_dir else {}
        if not apply:
            typer.echo(";\n".join(roles_sql({name: verifier(word) for name, word in passwords.items()})) + ";")
            return
    with connection(url) as conn:
        create_roles(conn, passwords)
        renewed = renew_grants(conn)
    typer.echo("角色已就绪 roles are ready" + ("" if renewed else "; next: shouwang migrate"))
