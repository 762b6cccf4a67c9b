"""The program's tree of commands, for the tests that walk it."""

from collections.abc import Iterator
from typing import Any

import typer.main

from care_network.access.permissions import Action
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
    "care run": "a service",
    "care report run": "a service",
    "demo": "a platform of its own",
    "setup": "files of the machine, as root",
    "drill": "a platform of its own",
    "backup check": "ages of files and of the WAL, nobody's data",
    "backup drill": "the rights of the database server's own user",
    "backup open": "the archive's secret key is the permission",
    "backup reapply": "the database owner's own rights; numbers of erasures that were approved",
    "backup save": "files of the machine, encrypted",
    "care privacy doors": "the list of the program itself, nobody's data",
    "care privacy research columns": "the list of the program itself, nobody's data",
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
    "care registers create-key": "makes a key file",
    "care registers rotate-key": "the key file is the permission; shows no number",
    "care registers kinds": "a table of the program",
    "care report key": "makes a key file",
    "care report verify": "a package in a file; the receiver's own command",
    "care report counter-sign": "a package in a file; the receiver's own command",
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
    "care courses check": "whoever holds the paper: its code is the permission",
    "care workforce remind": "rows about certificates, made of the certificates",
}
"""Commands that need no account, with the reason."""

ACCOUNT_WHEN_NEEDED = {
    "accounts password": "to reset somebody's: one's own is changed by the present one",
    "alerting replay": "with --from-database alone: a file is not the district's",
    "provision district": "the first file brings the first accounts",
    "storage retention": "to change it: shown it is nobody's data",
}
"""Commands whose --as may be left out, with the reason; each has a test of its own."""

COMMANDS: dict[Action, tuple[str, ...]] = {
    Action.APPROVE_PROPOSALS: ("care assessment approve", "care assessment decline"),
    Action.ASSESS: (
        "care assessment begin", "care assessment confirm", "care assessment object", "care assessment sign",
    ),
    Action.MANAGE_MEALS: (
        "care meals arrange", "care meals cancel", "care meals copy-week", "care meals diet", "care meals load-menu",
        "care meals order", "care meals plan-rounds", "care meals see-to", "care meals settlement",
    ),
    Action.DELIVER_MEALS: ("care meals record", "care meals round"),
    Action.ANSWER_COMPLAINTS: ("care complaints step",),
    Action.INSPECT: ("care quality draw", "care quality finding", "care quality verify-draw"),
    Action.DISPATCH: (
        "orders cancel", "orders dispatch", "orders link", "orders offer", "orders plan", "orders step",
        "orders suggest",
    ),
    Action.EDIT_MEDICAL_NOTE: ("network note set",),
    Action.EXPORT_VITALS: ("export",),
    Action.APPROVE_ERASURE: (
        "care privacy erasures list", "care privacy erasures vote", "care privacy erasures show",
        "care privacy erasures run", "care privacy research decide", "care privacy holds place",
        "care privacy holds lift",
    ),
    Action.VIEW_PRIVACY: (
        "care privacy research list", "care privacy retention show", "care privacy duties",
        "care privacy breaches list", "care privacy holds list",
    ),
    Action.GIVE_CONSENTS: (
        "care privacy consents give", "care privacy consents purposes", "care privacy consents show",
        "care privacy consents withdraw",
    ),
    Action.HAND_OVER: (
        "dispatch accept", "dispatch hand-over", "dispatch withdraw",
    ),
    Action.LET_IN: ("accounts let-in",),
    Action.MANAGE_ACCOUNTS: (
        "accounts add", "accounts change", "accounts consent give", "accounts consent withdraw", "accounts disable",
        "accounts enable", "accounts end-sessions", "accounts list", "accounts second-factor", "accounts sessions",
    ),
    Action.MANAGE_LIBRARY: ("care courses issued", "care courses load", "care library unread"),
    Action.MANAGE_MACHINES: (
        "exchange consent give", "exchange consent list", "exchange consent withdraw", "exchange tokens add",
        "exchange tokens list", "exchange tokens revoke", "exchange webhooks add", "exchange webhooks list",
        "exchange webhooks log", "exchange webhooks pause", "exchange webhooks remove", "exchange webhooks resend",
    ),
    Action.MANAGE_REGISTERS: (
        "care registers add-source", "care registers decide", "care registers import", "care registers pull",
        "care registers sources",
        "care registers list", "care registers set-identity", "care registers show", "care registers show-identity",
        "care registers take-over",
    ),
    Action.REPORT_UP: (
        "care report log", "care report make", "care report push", "care report receivers", "care report resume",
        "care report save", "care report set-receiver", "care report take-counter-signature", "care report withdraw",
    ),
    Action.MANAGE_PRIVACY: (
        "care privacy research plan", "care privacy research export", "care privacy research save",
        "care privacy retention run", "care privacy breaches add", "care privacy breaches note",
        "care privacy copies ask", "care privacy copies list", "care privacy copies save", "care privacy erasures plan",
    ),
    Action.MANAGE_STAFF: ("dispatch present", "network rosters copy-week", "network rosters swap",),
    Action.MERGE: (
        "dispatch merge", "dispatch unmerge",
    ),
    Action.PAUSE_ALERTS: (
        "alerting pause begin", "alerting pause end",
    ),
    Action.OPERATE_DEVICES: (
        "gateways pair", "gateways replace", "gateways retire", "gateways use-again",
    ),
    Action.PLAN_SERVICES: (
        "care one-tap accept", "care one-tap decline", "care services assign", "care services cancel",
        "care services correct", "care services end-plan", "care services plan",
    ),
    Action.PROVISION: (
        "gateways enrol", "gateways panel", "gateways revoke", "gateways update", "network add", "network change",
        "network ground load", "network ground remove", "network import", "network outlines load", "network remove",
    ),
    Action.RECORD_TRAITS: ("care traits record",),
    Action.REOPEN: ("dispatch reopen",),
    Action.REQUEST_SERVICE: ("care one-tap ask",),
    Action.SETTLE_QUARANTINE: (
        "gaps accept", "gaps ask", "quarantine discard", "quarantine reprocess",
    ),
    Action.SETTLE_SERVICES: ("care services set-price", "care services settle"),
    Action.SET_CARE_RULES: ("care rules set",),
    Action.MANAGE_TIME_BANK: ("care time-bank make-week", "care time-bank transfer"),
    Action.SET_CARE_RULES: ("care rules set", "care time-bank expire"),
    Action.SET_DISTRICT_LIMITS: (  # asked for the district, which needs the most
        "alerting parameters preview", "alerting parameters set", "alerting parameters unset",
    ),
    Action.SET_POLICIES: (
        "dispatch drop-policy", "dispatch dry-run-policy", "dispatch set-policies",
    ),
    Action.SET_PREFERENCES: ("notify prefer",),
    Action.MANAGE_BEDS: (
        "care beds accept-device", "care beds add-device", "care beds apply", "care beds check", "care beds step",
        "care beds survey", "care beds test", "care equipment add", "care equipment extend", "care equipment lend",
        "care equipment repair", "care equipment repaired", "care equipment return", "care equipment scrap",
        "care grants again", "care grants apply", "care grants withdraw",
    ),
    Action.APPROVE_BEDS: (
        "care beds refuse", "care beds renew", "care beds sign", "care grants decide", "care grants settle",
        "care grants stop",
    ),
    Action.VIEW_ALERTS: (
        "alerting pause list", "dispatch closed",
    ),
    Action.VIEW_AUDIT: (
        "accounts audit show", "audit show",
    ),
    Action.TAKE_COURSE: ("care courses list",),
    Action.VIEW_CARE: (
        "care complaints list", "care complaints show", "care complaints take-in", "care meals absent",
        "care meals list", "care meals not-ordered", "care quality checks", "care quality findings",
        "care quality providers", "care library documents", "care library products", "care workforce ending",
        "care workforce list",
        "care workforce show", "care workforce who",
        "care assessment evidence", "care assessment list", "care assessment pdf", "care assessment proposals",
        "care assessment show",
        "care rules history", "care rules list", "care rules show", "care traits list",
        "care beds list", "care beds show", "care equipment list", "care equipment show", "care grants list",
        "care grants paid", "care grants show",
        "care one-tap list", "care one-tap show", "care rounds", "care services compare", "care services list",
        "care services plans", "care services settlements", "care services show", "care services visits",
        "care time-bank matches", "care time-bank requests", "care time-bank statement", "care time-bank verify",
        "care time-bank volunteers",
    ),
    Action.VIEW_NOTICES: (
        "care notices again", "care notices list", "care notices waiting", "care notices why",
    ),
    Action.VIEW_FIGURES: (
        "figures report", "figures show",
    ),
    Action.VIEW_LIMITS: (
        "alerting parameters conditions", "alerting parameters history", "alerting parameters list",
        "alerting parameters preset",
    ),
    Action.VIEW_MEDICAL_NOTE: ("network note show",),
    Action.VIEW_NETWORK: (
        "dispatch holes", "dispatch policies",
        "network duty", "network holes", "network list", "network people",
        "network protection", "network show", "network tree", "network history", "network export", "trace",
    ),
    Action.VIEW_OPERATIONS: (
        "dispatch duty-tests", "dispatch report", "dispatch statistics", "dispatch status", "gaps list",
        "gateways certificates", "gateways programs", "orders sla", "quarantine list", "quarantine pairing",
        "quarantine show",
    ),
    Action.VIEW_ORDERS: (
        "orders list", "orders show",
    ),
}  # fmt: skip
"""Commands by the permission that each asks for first: what the roles may, the table of permissions says."""
