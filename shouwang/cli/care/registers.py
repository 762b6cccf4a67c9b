"""The commands ``shouwang care registers …``: registers of other offices, and residents' identity numbers."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli.session import ORIGIN, Login, Url, acting, connection, refusals

app = typer.Typer(help="Registers of other offices, and residents' identity numbers.", no_args_is_help=True)

KeyFile = Annotated[
    Path, typer.Option("--key-file", envvar="SHOUWANG_IDENTITY_KEY_FILE", help="Key file of the identity numbers.")
]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Of the import, as 'list' shows it.")]
LineNumber = Annotated[int, typer.Argument(metavar="LINE", help="Id of the line, as 'show' prints it.")]
Resident = Annotated[str, typer.Argument(metavar="RESIDENT", help="Code of the resident.")]
Reason = Annotated[str, typer.Option("--reason", help="It stays in the history.")]
Day = Annotated[dt.datetime | None, typer.Option("--taken-on", formats=["%Y-%m-%d"], help="As of; left out: today.")]


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=".csv or .xlsx")],
    url: Url,
    login: Login,
    key_file: KeyFile,
    register: Annotated[str, typer.Option(help="population, allowance, low_income, disability … ('kinds').")],
    taken_on: Day = None,
    complete: Annotated[bool, typer.Option("--complete", help="It names everybody of the area.")] = False,
    area: Annotated[str, typer.Option(help="Path; left out: your own area.")] = "",
    column: Annotated[list[str] | None, typer.Option(help="field=heading, where a heading is not known.")] = None,
) -> None:
    """Compare a register with the records, line by line; nothing of ours changes."""
    from care_network.access.permissions import Action
    from care_network.identity import keys
    from care_network.importing.tables import read_table
    from care_services.registers import collecting
    from care_services.registers.collecting import Reading
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        mapping = dict(one.split("=", 1) for one in column or () if "=" in one)
        day = taken_on.date() if taken_on else session.now.astimezone(SHANGHAI).date()
        reading = Reading(
            register=register, area=area or session.account.area_path or "", taken_on=day, mapping=mapping,
            complete=complete,
        )  # fmt: skip
        taken = collecting.take_in(
            session.conn, session.account, keys.load(key_file), read_table(file), reading, at=session.now, origin=ORIGIN
        )
        found = collecting.one(session.conn, session.account, taken.id)
    again = "，此前已导入 taken in before" if taken.again else ""
    typer.echo(f"import {taken.id}{again}: {found.lines} lines, {_counts(found.counts)}")


@app.command()
def kinds() -> None:
    """The registers that are known, and by which ground each is collected."""
    from care_services.registers.catalogue import REGISTERS

    for one in REGISTERS.values():
        typer.echo(f"{one.code:16} {one.zh} / {one.en}: {one.basis_zh}")


@app.command("list")
def listing(url: Url, login: Login) -> None:
    """The newest 50 imports of your area."""
    from care_network.access.permissions import Action
    from care_services.registers import collecting
    from vocabulary.times import local

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        for one in collecting.listing(session.conn, session.account):
            typer.echo(
                f"{one.id:>6}  {one.register:16} {one.taken_on}  {local(one.at)}  {one.lines} lines,"
                f" {_counts(one.counts)}; to do: {one.open}  {one.source or one.name}"
            )


@app.command()
def show(
    number: Number,
    url: Url,
    login: Login,
    only_open: Annotated[bool, typer.Option("--open", help="Only lines with something to do.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Lines at most.")] = 200,
) -> None:
    """The lines of an import with their verdict, and the fields that differ."""
    from care_network.access.permissions import Action
    from care_services.registers import collecting, store

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        rows = collecting.lines(
            session.conn, session.account, number, at=session.now, only_open=only_open, limit=limit, origin=ORIGIN
        )
        told = store.differences(session.conn, [one.id for one in rows])
        for one in rows:
            differ = "; ".join(
                f"{d.field}: {d.ours or '-'} → {d.theirs} [{d.choice or d.kind}]" for d in told.get(one.id, [])
            )
            state = one.settled_as or "open"
            typer.echo(
                f"{one.id:>8}  v{one.version}  line {one.number:<6} {one.verdict:10} {state:8} {one.code or '-':10}"
                f" {one.said.get('name', '')}  {one.reason_zh}{differ}"
            )


@app.command()
def decide(
    line: LineNumber,
    choices: Annotated[list[str], typer.Argument(metavar="FIELD=CHOICE...", help="ours, theirs or later.")],
    url: Url,
    login: Login,
    version: Annotated[int, typer.Option("--version", min=1, help="Of the line, as you saw it.")],
    reason: Reason,
) -> None:
    """Decide on fields of a line: keep ours, take the register's, or wait."""
    from care_network.access.permissions import Action
    from care_services.registers import deciding

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        wanted = dict(one.partition("=")[::2] for one in choices)
        found = deciding.decide(
            session.conn, session.account, line, version, wanted, reason, at=session.now, origin=ORIGIN
        )
    typer.echo(f"line {found.number}: {found.settled_as or 'open'}, version {found.version}")


@app.command("take-over")
def take_over(number: Number, url: Url, login: Login, reason: Reason) -> None:
    """Write everything of an import that is no conflict into the records."""
    from care_network.access.permissions import Action
    from care_services.registers import deciding

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        found = deciding.take_over_all(session.conn, session.account, number, reason, at=session.now, origin=ORIGIN)
    typer.echo(f"{found.lines} lines written; {len(found.failed)} refused; {found.left} more")
    for line, zh, en in found.failed:
        typer.echo(f"line {line}: {zh} {en}", err=True)
    if found.failed:
        raise typer.Exit(1)


@app.command("sources")
def list_sources(url: Url, login: Login) -> None:
    """The registers that platforms beside offer, and what came of the last fetch."""
    from care_network.access.permissions import Action
    from care_services.registers import sources
    from vocabulary.times import local

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        for one in sources.listing(session.conn, session.account):
            asked = local(one.asked_at) if one.asked_at else "-"
            typer.echo(f"{one.code:16} {one.register:16} {one.url}  {asked}  {one.answer}")


@app.command("add-source")
def add_source(
    code: Annotated[str, typer.Argument(help="Code of the source.")],
    url: Url,
    login: Login,
    register: Annotated[str, typer.Option(help="population, low_income … ('kinds').")],
    address: Annotated[str, typer.Option(help="https://…")],
    name_zh: Annotated[str, typer.Option()],
    name_en: Annotated[str, typer.Option()],
    area: Annotated[str, typer.Option(help="Path; left out: your own area.")] = "",
    column: Annotated[list[str] | None, typer.Option(help="field=heading, where a heading is not known.")] = None,
) -> None:
    """Name a register that a platform beside offers."""
    from care_network.access.permissions import Action
    from care_services.registers import pulling

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        mapping = dict(one.split("=", 1) for one in column or () if "=" in one)
        pulling.add(
            session.conn, session.account, code, register, name_zh, name_en, address,
            area or session.account.area_path or "", mapping, at=session.now, origin=ORIGIN,
        )  # fmt: skip
    typer.echo(f"source {code}")


@app.command()
def pull(
    code: Annotated[str, typer.Argument(help="Code of the source.")], url: Url, login: Login, key_file: KeyFile
) -> None:
    """Fetch what is new from a platform beside, and compare it with the records."""
    from care_network.access.permissions import Action
    from care_network.identity import keys
    from care_services.registers import pulling

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        found = pulling.pull(session.conn, session.account, keys.load(key_file), code, at=session.now, origin=ORIGIN)
    if found.import_id is None:
        typer.echo("没有更新 nothing new")
    else:
        typer.echo(f"import {found.import_id}: {found.pages} pages, {found.lines} lines")


@app.command("show-identity")
def show_identity(
    resident: Resident,
    url: Url,
    login: Login,
    key_file: KeyFile,
    reason: Annotated[str, typer.Option(help="Show it whole, for this reason; left out: masked.")] = "",
) -> None:
    """The number, masked; whole for a reason, which is in the audit."""
    from care_network.access.permissions import Action
    from care_network.identity import keys, vault
    from care_network.records.residents import resident_id

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        ring = keys.load(key_file)
        if reason:
            whole = vault.reveal(session.conn, ring, session.account, resident, reason, at=session.now, origin=ORIGIN)
            typer.echo("-" if whole is None else f"{whole.document.value} {whole.number}")
            return
        kept = vault.one(session.conn, ring, session.account, resident)
        session.audit(Action.MANAGE_REGISTERS, resident_id=resident_id(session.conn, resident))
        typer.echo("-" if kept is None else f"{kept.document.value} {kept.masked} version {kept.version}")


@app.command("set-identity")
def set_identity(
    resident: Resident,
    number: Annotated[str, typer.Argument(help="As it stands on the document.")],
    url: Url,
    login: Login,
    key_file: KeyFile,
    document: Annotated[str, typer.Option(help="id_card, residence_permit, home_return_permit …")] = "id_card",
    version: Annotated[int, typer.Option(min=0, help="The version you saw; 0: there is none.")] = 0,
) -> None:
    """Record a resident's number; each mistake is told at its place."""
    from care_network.access.permissions import Action
    from care_network.errors import ProvisioningError
    from care_network.identity import keys, numbers, vault
    from vocabulary.times import SHANGHAI

    with acting(url, login, Action.MANAGE_REGISTERS) as session:
        if document not in {one.value for one in numbers.Document}:
            raise ProvisioningError(en=f"there is no document {document!r}", zh=f"没有证件类型 {document}")
        identity = numbers.parse(number, document, on=session.now.astimezone(SHANGHAI).date())
        vault.put(
            session.conn, keys.load(key_file), session.account, resident, identity, version, at=session.now,
            origin=ORIGIN,
        )  # fmt: skip
    typer.echo(f"{resident}: {identity.document.value} {identity.masked}")


@app.command("create-key")
def create_key(key_file: KeyFile) -> None:
    """A new key file, for a new database. Keep a copy of it apart from the database."""
    from care_network.identity import keys

    with refusals():
        keys.create(key_file)
        typer.echo(f"wrote {key_file}; keep a copy of it apart from the database: without it no number can be read")


@app.command("rotate-key")
def rotate_key(key_file: KeyFile, url: Url) -> None:
    """Encrypt every number and line with a new key, then drop the old keys; the key of the search stays."""
    from care_network.identity import keys, vault
    from care_network.medical import keyring
    from care_services.registers import store

    with connection(url) as conn:
        ring = keyring.add_key(key_file, keys.IDENTITY_NUMBERS)
        done, lines = vault.reseal(conn, ring), store.reseal(conn, ring)
        left = (vault.keys_in_use(conn).keys() | store.keys_in_use(conn)) - {ring.newest}
        if left:
            raise ValueError(f"{len(left)} old keys are still in use; restart the console and repeat")
        keyring.drop_old_keys(key_file, keys.IDENTITY_NUMBERS)
        typer.echo(f"{done} numbers and {lines} lines encrypted with the new key {ring.newest}")
        typer.echo(f"copy {key_file} to your backup again")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{verdict} {n}" for verdict, n in sorted(counts.items())) or "-"
