"""The program's tree of commands, for the tests that walk it."""

from collections.abc import Iterator
from typing import Any

import typer.main

from shouwang.cli.main import app


def commands(group: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, command) of every command: 'orders list'. A group that does something by itself is one, too."""
    group = typer.main.get_command(app) if group is None else group
    for name, command in sorted(group.commands.items()):
        path = f"{before} {name}".strip()
        if not hasattr(command, "commands"):
            yield path, command
            continue
        if command.invoke_without_command:
            yield path, command
        yield from commands(command, path)


WITHOUT_ACCOUNT = {
    # services, and what runs a platform of its own
    "alerting": "a service",
    "alerting retire": "the certificate and its key are the permission",
    "console": "a service",
    "exchange": "a service",
    "certificates issue": "a service",
    "certificates follow-mosquitto": "a service",
    "certificates follow-nats": "a service",
    "dispatch": "a service",
    "edge": "a home gateway's program",
    "ingest": "a service",
    "maintain": "a service",
    "notify": "a service",
    "orders run": "a service",
    "demo": "a platform of its own",
    "setup": "files of the machine, as root",
    "drill": "a platform of its own",
    "backup check": "ages of files and of the WAL, nobody's data",
    "backup drill": "the rights of the database server's own user",
    "backup open": "the archive's secret key is the permission",
    "backup save": "files of the machine, encrypted",
    "verify": "servers of its own",
    "path": "ages of proofs with synthetic residents, nobody's data",
    "city publish": "the rights of the database's owner",
    "city withdraw": "the rights of the database's owner",
    "city init": "the rights of the city's database server",
    "city join": "the rights of the city's database server; the district's address is the permission",
    "city leave": "the rights of the city's database server",
    "city status": "the rights of the city's database server",
    "city report": "the city's reading role: counts, nobody's data",
    # simulation and evaluation: files, or a database of their own
    "simulate homes": "simulated homes",
    "simulate history": "simulated residents in a database of their own, or the demonstration's",
    "simulate month": "files of simulated residents",
    "simulate peripherals": "simulated devices",
    "alerting detectors": "what is installed",
    "dispatch check-procedures": "a file of cards, nobody's data",
    "alerting try": "recordings in files",
    "evaluate alerts": "simulated residents",
    "evaluate falls": "recordings in files",
    "evaluate news2": "recordings in files",
    "train falls": "recordings in files",
    # keys and files: the permission is to read them
    "network key create": "makes a key file",
    "network key rotate": "the key file is the permission; shows no note",
    "network template": "writes an empty table",
    "notify check": "reads a file of channels",
    "notify link-key": "makes a key file",
    "notify push-key": "makes a key file",
    "provision config-key": "makes a key file",
    "provision sign-config": "the district's private key is the permission",
    "gateways bundle": "the district's private key is the permission",
    # gateways: the broker's certificate is the permission
    "gateway": "the certificate of svc-console is the permission",
    "provision push-config": "the certificate of svc-console is the permission",
    # accounts: before there is one, and a check that shows nobody's data
    "accounts first-admin": "the first account; refused when there is an administrator",
    "accounts audit verify": "whether the audit was changed",
    "audit verify": "whether the audit was changed",
    "audit checkpoint": "signs the head of the chain, and shows nobody's data",
    "audit checkpoints": "hashes and signatures, nobody's data",
    "audit make-key": "makes a file",
    # the database as such, nobody's data
    "database roles": "the database's own roles",
    "doctor": "whether servers answer",
    "migrate": "the schema",
    "orders services": "a table of the program",
    "figures refresh": "sums, counted again from the same rows",
    "storage refresh": "roll-ups, made again from the same readings",
    "storage status": "sizes and ages of tables",
}
"""Commands that need no account, with the reason."""

ACCOUNT_WHEN_NEEDED = {
    "accounts password": "to reset somebody's: one's own is changed by the present one",
    "alerting replay": "with --from-database alone: a file is not the district's",
    "provision district": "the first file brings the first accounts",
    "storage retention": "to change it: shown it is nobody's data",
}
"""Commands whose --as may be left out, with the reason; each has a test of its own."""
