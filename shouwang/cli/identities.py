"""The commands ``python -m shouwang.identities …``: certificates and NATS users for a real deployment.

Run it where the certificate authority lives, not on the broker: a person who has ``ca.key`` can become any gateway.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from shouwang.brokers.config import SERVICE_RIGHTS
from shouwang.brokers.pki import Pki
from shouwang.brokers.users import check_gateway_name, users_file
from shouwang.cli.session import Url, connection, refusals

app = typer.Typer(help="Certificates and broker users of gateways and services.", no_args_is_help=True)

PkiDir = Annotated[Path, typer.Option("--pki", help="Folder of the certificate authority; made on first use.")]


@app.command()
def broker(
    pki: PkiDir,
    hosts: Annotated[list[str], typer.Argument(help="Names and addresses clients use.")],
    name: Annotated[
        str, typer.Option(help="Of the files: 'enrolment' for the page where new gateways enrol.")
    ] = "broker",
) -> None:
    """The certificate of a broker or another server."""
    with refusals():
        _show([Pki(pki).ca, *Pki(pki).server(name, hosts), Pki(pki).revoke()])


@app.command()
def routes(
    pki: PkiDir, hosts: Annotated[list[str], typer.Argument(help="Names of the brokers to each other.")]
) -> None:
    """Make the certificate of the routes among NATS servers, from an authority that signs nothing else.

    Copy cluster/ca.crt as cluster-ca.crt, and cluster/route.crt and cluster/route.key, to the brokers alone.
    """
    with refusals():
        _show([Pki(pki).cluster.ca, *Pki(pki).route(hosts)])


@app.command()
def client(
    pki: PkiDir, names: Annotated[list[str], typer.Argument(help="Gateways, or svc-ingest, svc-alerting, svc-console.")]
) -> None:
    """Certificates of gateways and services; renewed, with the same key, a month before they expire."""
    for name in names:
        if name not in SERVICE_RIGHTS:
            try:
                check_gateway_name(name)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from error
        with refusals():
            _show(Pki(pki).client(name))


@app.command()
def issuing(pki: PkiDir) -> None:
    """Make the issuing authority: with its pair `shouwang certificates issue` renews gateways' certificates.

    Copy issuing.crt and issuing.key to the machine of that service; ca.key is not needed for years then.
    """
    with refusals():
        _show([*Pki(pki).issuing, Pki(pki).revoke()])


@app.command()
def revoke(
    pki: PkiDir, names: Annotated[list[str] | None, typer.Argument(help="Identities, gateways' or services'.")] = None
) -> None:
    """Write crl.pem, the revocation lists for mosquitto, with every certificate that ca.key signed for these names."""
    with refusals():
        typer.echo(Pki(pki).revoke(names or ()))


@app.command("nats-users")
def nats_users_command(
    url: Url,
    without: Annotated[
        list[str] | None, typer.Option(help="A gateway that may not connect any more; repeatable.")
    ] = None,
) -> None:
    """The file users.conf of NATS: every service and every gateway of the database.

    Write it on every broker and reload: nats-server --signal reload. A gateway that is not listed cannot connect.
    """
    from care_network.records.certificates import revoked
    from care_network.records.registry import gateway_names

    with connection(url) as conn:
        typer.echo(users_file(gateway_names(conn) - revoked(conn) - set(without or ())), nl=False)


def _show(files: Iterable[Path]) -> None:
    for file in files:
        typer.echo(file)
