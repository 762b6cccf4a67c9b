"""The commands ``shouwang network …``: look at the care network and change it, as an account."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shouwang.cli.operations import rosters
from shouwang.cli.session import Login, Url, acting, connection, refusals

if TYPE_CHECKING:
    from care_network.records.network import Network
    from care_network.records.store import Stored

app = typer.Typer(help="The care network: areas, organisations, people, who is on duty.", no_args_is_help=True)
key_app = typer.Typer(help="The key file of the medical notes.", no_args_is_help=True)
note_app = typer.Typer(help="A resident's medical note, for responders.", no_args_is_help=True)
app.add_typer(key_app, name="key")
app.add_typer(note_app, name="note")
outlines_app = typer.Typer(help="Outlines of areas, for the map.", no_args_is_help=True)
app.add_typer(outlines_app, name="outlines")
ground_app = typer.Typer(help="The map's ground: one PMTiles file.", no_args_is_help=True)
app.add_typer(ground_app, name="ground")

app.add_typer(rosters.app, name="rosters")

NotesKeyFile = Annotated[
    Path, typer.Option("--key-file", envvar="SHOUWANG_MEDICAL_KEY_FILE", help="Key file of the medical notes.")
]
KindName = Annotated[str, typer.Argument(help="area, organisation, household, resident, contact, staff, shift …")]
Key = Annotated[str, typer.Argument(help="Its code; of several parts: gw-1/pendant, R0001/0755-00001234.")]
Fields = Annotated[list[str], typer.Argument(help="FIELD=VALUE …; '-' empties a field.")]
Version = Annotated[int, typer.Option("--version", min=1, help="The version you decided on, as 'show' gives it.")]
AsOf = Annotated[
    str,
    typer.Option("--as-of", help="How it was then: 2026-11-29 (the end of that day) or 2026-11-29T08:00 (Shanghai)."),
]
Under = Annotated[str | None, typer.Option("--under", help="Below this area only.")]


@app.command()
def tree(url: Url, login: Login, under: Under = None) -> None:
    """Areas and organisations, with how many households, residents and staff each has."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import network as network_views

    with acting(url, login, Action.VIEW_NETWORK) as session:
        network_views.print_tree(session.conn, under)


@app.command()
def people(url: Url, login: Login, under: Under = None) -> None:
    """Staff and volunteers with skills, languages and certificates; lapsed ones are marked."""
    from shouwang.cli.tables import network as network_views

    with _network(url, login) as network:
        network_views.print_people(network, under, dt.datetime.now(dt.UTC))


@app.command()
def protection(
    url: Url,
    login: Login,
    under: Under = None,
    month: Annotated[str, typer.Option("--month", help="YYYY-MM; without it this month so far.")] = "",
    function: Annotated[str | None, typer.Option("--function", help="falls, help, hazard … alone.")] = None,
) -> None:
    """Protection in a month: who was blind for how long, the longest first. The look is in the audit."""
    from care_network.access.permissions import Action, in_area
    from care_network.errors import NotFoundError
    from care_network.protection import history
    from care_network.records import registry
    from shouwang.cli.tables import protection as tables

    with acting(url, login, Action.VIEW_NETWORK) as session:
        area = under or session.account.area_path or ""
        if not in_area(session.account, area) or not registry.area_exists(session.conn, area):
            raise NotFoundError(en=f"there is no area {area!r} for you", zh=f"您的管辖范围内没有区域 {area}")
        since, until = history.month_of(month, session.now)
        lines = history.course(session.conn, area, since, min(until, session.now), tables.function_of(function))
        session.audit("view_protection", detail={"under": area, "month": f"{month or 'now'}", "lines": len(lines)})
        tables.print_history(lines, since, min(until, session.now))


@app.command("list")
def list_(kind: KindName, url: Url, login: Login, under: Under = None, as_of: AsOf = "") -> None:
    """All records of a kind, now or as they were."""
    from care_network.records.history import past
    from shouwang.cli.tables import network as network_views

    with _network(url, login) as network:
        moment = past.moment_of(as_of, dt.datetime.now(dt.UTC))
        network_views.print_records(kind, network.list(kind, under, moment))


@app.command()
def show(kind: KindName, key: Key, url: Url, login: Login, as_of: AsOf = "") -> None:
    """One record and its version, now or as it was."""
    from care_network.records.history import past
    from care_network.records.network import parse_key

    with _network(url, login) as network:
        moment = past.moment_of(as_of, dt.datetime.now(dt.UTC))
        _print(kind, network.get(kind, parse_key(kind, key), moment))


@app.command()
def history(kind: KindName, key: Key, url: Url, login: Login) -> None:
    """The changes of a record, the newest first: when, who, from where, what. Of a removed record, too.

    Example: shouwang network history resident R0001 --as admin
    """
    from care_network.records.network import parse_key
    from shouwang.cli.tables import network as network_views

    with _network(url, login) as network:
        network_views.print_changes(network.history(kind, parse_key(kind, key)))


@app.command()
def add(kind: KindName, fields: Fields, url: Url, login: Login) -> None:
    """Add a record: shouwang network add resident code=R1 household=H1 name_zh=陈秀英 … --as admin"""
    with _network(url, login) as network:
        _print(kind, network.add(kind, _parsed(kind, fields)))


@app.command()
def change(kind: KindName, key: Key, fields: Fields, url: Url, login: Login, version: Version) -> None:
    """Change fields of a record, as it was at --version."""
    from care_network.records.network import parse_key

    with _network(url, login) as network:
        _print(kind, network.change(kind, parse_key(kind, key), version, _parsed(kind, fields)))


@app.command()
def remove(kind: KindName, key: Key, url: Url, login: Login, version: Version) -> None:
    """Delete a record that nothing else needs."""
    from care_network.records.network import parse_key

    with _network(url, login) as network:
        network.remove(kind, parse_key(kind, key), version)
        typer.echo(f"removed {kind} {key}")


@app.command()
def duty(
    url: Url,
    login: Login,
    at: Annotated[str | None, typer.Option("--at", help="2026-11-01T23:30 (Shanghai); default: now.")] = None,
    place: Annotated[str | None, typer.Option(help="Area: everyone of the organisations that serve it.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Code: this organisation's people only.")] = None,
) -> None:
    """List people on duty, nearest organisation first."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import network as network_views
    from vocabulary.times import local_time

    with acting(url, login, Action.VIEW_NETWORK) as session:
        network_views.print_duty(session, session.now if at is None else local_time(at), place, organisation)


@app.command()
def holes(
    url: Url,
    login: Login,
    organisations: Annotated[list[str] | None, typer.Argument(help="Codes; none: all that have a roster.")] = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 31, help="How far to look ahead.")] = 24,
    since: Annotated[str | None, typer.Option("--from", help="2026-11-01T20:00 (Shanghai); default: now.")] = None,
    together: Annotated[bool, typer.Option(help="One of them on duty is enough.")] = False,
) -> None:
    """Times at which nobody who can be reached is on duty. Exit status 1 where there are some."""
    from care_network.access.permissions import Action
    from shouwang.cli.tables import network as network_views
    from vocabulary.times import local_time

    with acting(url, login, Action.VIEW_NETWORK) as session:
        begin = session.now if since is None else local_time(since)
        found = network_views.print_holes(session.conn, begin, dt.timedelta(hours=hours), organisations, together)
    raise typer.Exit(1 if found else 0)


@app.command("import")
def import_(
    sheet: Annotated[str, typer.Argument(help="residents, contacts, devices, staff, certificates, shifts, rosters …")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=".csv (UTF-8 or GB18030) or .xlsx")],
    url: Url,
    login: Login,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, store nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Store the good rows although others are bad.")] = False,
) -> None:
    """Bring a table in; importing it again changes nothing. Exit status 1 where a row is bad."""
    from shouwang.cli.actions import network_import

    with acting(url, login, None) as session:
        good = network_import.import_file(session, sheet, file, dry_run, skip_bad)
    raise typer.Exit(0 if good else 1)


@app.command()
def export(
    sheet: Annotated[str, typer.Argument(help="residents, contacts, devices, staff, certificates, shifts, rosters …")],
    file: Annotated[Path, typer.Argument(help="Where to write it: .csv or .xlsx; no file of that name is there yet.")],
    url: Url,
    login: Login,
    under: Under = None,
    as_of: AsOf = "",
) -> None:
    """Records as the table that 'import' reads: importing it again changes nothing. The looks are in the audit."""
    from care_network.importing import exporting
    from care_network.importing.columns import sheet_named
    from care_network.records.history import past
    from care_network.records.listing.paging import Wanted
    from vocabulary.times import SHANGHAI

    with _network(url, login) as network:
        if file.exists():
            raise ValueError(f"{file} exists already; choose another name")
        now = dt.datetime.now(dt.UTC)
        known, moment = sheet_named(sheet), past.moment_of(as_of, now)
        wanted = Wanted(under=under or "", as_of=moment, today=now.astimezone(SHANGHAI).date())
        form = file.suffix.lower().removeprefix(".")
        file.write_bytes(exporting.write(known, exporting.rows(network, known, wanted), form))
        typer.echo(f"wrote {file}")


@app.command()
def template(
    sheet: Annotated[str, typer.Argument(help="residents, contacts, devices, staff, certificates, shifts, rosters …")],
    file: Annotated[Path | None, typer.Argument(help="Where to write it: .csv or .xlsx; default: SHEET.xlsx")] = None,
) -> None:
    """An empty table with the headings, what to write in each column, and an example."""
    from care_network.importing.columns import sheet_named
    from care_network.importing.tables import write_template

    with refusals():
        target = file or Path(f"{sheet}.xlsx")
        write_template(sheet_named(sheet), target)
        typer.echo(f"wrote {target}")


@key_app.command()
def create(key_file: NotesKeyFile) -> None:
    """A new key file, for a new database. Keep a copy of it apart from the database."""
    from care_network.medical.keyring import create_key_file

    with refusals():
        create_key_file(key_file)
        typer.echo(f"wrote {key_file}; keep a copy of it apart from the database: without it no note can be read")


@key_app.command()
def rotate(key_file: NotesKeyFile, url: Url) -> None:
    """Make a new key, encrypt every note with it, then drop the old keys."""
    from care_network.medical import keyring, notes

    with connection(url) as conn:
        ring = keyring.add_key(key_file)
        done = notes.reseal(conn, ring)
        left = set(notes.keys_in_use(conn)) - {ring.newest}
        if left:
            # Written meanwhile by a service that holds the old file in memory.
            raise ValueError(f"{len(left)} old keys are still in use; restart the services and repeat")
        keyring.drop_old_keys(key_file)
        typer.echo(f"{done} notes encrypted with the new key {ring.newest}; copy {key_file} to your backup again")


@note_app.command("show")
def show_note(
    resident: Annotated[str, typer.Argument(help="Code")], url: Url, login: Login, key_file: NotesKeyFile
) -> None:
    """The note, during an open alert of the resident only; the look is in the audit."""
    import msgspec

    from care_network.medical import keyring, notes

    with acting(url, login, None) as session:  # read_note asks, and audits a refusal
        ring = keyring.load_key_file(key_file)
        shown = notes.read_note(session.conn, ring, session.account, resident, at=session.now, origin=session.origin)
        if shown is None:
            typer.echo(f"no medical note of {resident}")
        else:
            for field, text in msgspec.structs.asdict(shown.note).items():
                typer.echo(f"{field}: {text}")
            typer.echo(f"version: {shown.version}")


@note_app.command("set")
def set_note(
    resident: Annotated[str, typer.Argument(help="Code")],
    fields: Annotated[list[str], typer.Argument(help="allergies=… conditions=… medication=… key_safe_code=… other=…")],
    url: Url,
    login: Login,
    key_file: NotesKeyFile,
    version: Annotated[int, typer.Option("--version", min=0, help="The version you decided on; 0: there is none.")] = 0,
) -> None:
    """Set some fields; the others stay as they are, unseen."""
    from care_network.medical import keyring, notes

    with acting(url, login, None) as session:  # write_note asks, and audits a refusal
        ring = keyring.load_key_file(key_file)
        values = dict(_pairs(fields))
        after = notes.write_note(
            session.conn, ring, session.account, resident, values, version, at=session.now, origin=session.origin
        )
        typer.echo(f"medical note of {resident}: version {after}")


def _pairs(fields: list[str]) -> Iterator[tuple[str, str]]:
    for text in fields:
        name, sign, value = text.partition("=")
        if not sign:
            raise ValueError(f"{text!r} is not FIELD=VALUE")
        yield name, value


def _parsed(kind: str, fields: list[str]) -> dict[str, Any]:
    from care_network.importing.importing import read_fields

    return read_fields(kind, dict(_pairs(fields)))


def _print(kind: str, stored: "Stored") -> None:
    from shouwang.cli.tables import network as network_views

    network_views.print_record(kind, stored)


@contextmanager
def _network(url: str, login: str) -> "Iterator[Network]":
    from care_network.records.network import Network

    with acting(url, login, None) as session:
        yield Network(session.conn, session.account, at=session.now, origin=session.origin)


@outlines_app.command("load")
def outlines_load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="GeoJSON: one area each, path or name.")],
    url: Url,
    login: Login,
    datum: Annotated[str, typer.Option("--from", help="Its coordinates: wgs84 (also CGCS2000), gcj02.")] = "wgs84",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would change.")] = False,
) -> None:
    """Give areas their outlines from a file; says which areas get one and what is left over.

    A property path (shenzhen.yantian.haishan) or name says which area it is. Outlines are simplified to a few metres.

    Example: shouwang network outlines load yantian.geojson --from gcj02 --dry-run --as admin
    """
    from care_network.access.permissions import Action
    from care_network.importing.datum import Datum
    from care_network.importing.outlines import MOST_BYTES, read_outlines
    from care_network.records.places.outlines import load_outlines

    data: dict[str, Datum] = {"wgs84": "wgs84", "gcj02": "gcj02"}
    if datum not in data:
        raise typer.BadParameter("wgs84 or gcj02", param_hint="--from")
    with acting(url, login, Action.PROVISION) as session:
        with file.open("rb") as handle:
            found = read_outlines(handle.read(MOST_BYTES + 1), data[datum])
        report = load_outlines(
            session.conn, session.account, found.outlines, file.name, at=session.now, origin=session.origin,
            dry_run=dry_run,
        )  # fmt: skip
    for match in report.matches:
        typer.echo(f"{match.change:<9} {match.path} {match.name_zh} ({match.read} → {match.points})")
    for label, zh, en in [(one.label, one.zh, one.en) for one in report.unmatched] + [
        (one.label, one.zh, one.en) for one in found.refused
    ]:
        typer.secho(f"left      {label}: {zh} {en}", fg="yellow")
    if dry_run:
        typer.echo("dry run: nothing is stored")


@ground_app.command("load")
def ground_load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One .pmtiles file, vector or pictures.")],
    url: Url,
    login: Login,
    attribution: Annotated[
        str, typer.Option("--attribution", help="Whose map it is, as the map says it; default: what the file says.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it and say what it holds.")] = False,
) -> None:
    """Check a file of map tiles and show it below the outlines; the one of before is replaced.

    Example: shouwang network ground load yantian.pmtiles --attribution "盐田区测绘 GS(2026)0000" --as admin
    """
    from care_network.access.permissions import Action
    from care_network.importing.ground import MOST_BYTES, plain_attribution, read_ground
    from care_network.records.places.ground import district_box, homes_within, require_ground, store_ground

    with acting(url, login, Action.PROVISION) as session:
        require_ground(session.conn, session.account)
        with file.open("rb") as handle:
            data = handle.read(MOST_BYTES + 1)
        found = read_ground(data, district_box(session.conn))
        words = plain_attribution(attribution) or found.attribution
        inside, homes = homes_within(session.conn, found.box)
        typer.echo(f"{found.kind}, zooms {found.min_zoom}-{found.max_zoom}, {found.tiles} tiles, {len(data)} bytes")
        typer.echo(f"layers: {', '.join(found.layers) or '-'}; {inside} of {homes} homes; attribution: {words or '-'}")
        if dry_run:
            typer.echo("dry run: nothing is stored")
            return
        store_ground(session.conn, session.account, found, data, name=file.name, attribution=words, at=session.now,
                     origin=session.origin)  # fmt: skip


@ground_app.command("remove")
def ground_remove(url: Url, login: Login) -> None:
    """Take the map's ground away: it shows outlines on plain paper again."""
    from care_network.access.permissions import Action
    from care_network.records.places.ground import remove_ground

    with acting(url, login, Action.PROVISION) as session:
        removed = remove_ground(session.conn, session.account, at=session.now, origin=session.origin)
    typer.echo("removed" if removed else "there was none")
