"""The commands ``shouwang city …``: a district publishes, the city joins districts and reads them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shouwang.cli.session import Url, connection

if TYPE_CHECKING:
    import psycopg
    from rich.console import Console

app = typer.Typer(
    help="A city of districts: each tells counts and alerts without persons, by PostgreSQL's logical replication.\n\n"
    "In each district: city publish. In the city: city init, city join, then city status and city report"
    " (docs/city.md).",
    no_args_is_help=True,
)

FeedUrl = Annotated[
    str, typer.Option("--feed", help="postgresql://… of the feed, a database of its own, as a superuser of its server.")
]
CityUrl = Annotated[
    str, typer.Option("--url", envvar="SHOUWANG_CITY_URL", help="postgresql://… of the city's database.")
]
Secrets = Annotated[
    Path | None,
    typer.Option("--secrets", file_okay=False, help="Make a random password for each role here: DIR/<role>."),
]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def publish(
    url: Url,
    feed_url: FeedUrl,
    code: Annotated[
        str | None,
        typer.Option("--district", help="Code of the district, the same for ever; default: that of its area."),
    ] = None,
    secrets_dir: Secrets = None,
) -> None:
    """In a district: make the feed that the city may follow, with a role for it that sees nothing else.

    Repeat it after an upgrade. Prints what is to be done next.
    Example: shouwang city publish --feed postgresql:///shouwang_feed?port=5433 --secrets /root/feed
    """
    from database.city import feed
    from database.city.names import FOLLOWER, WRITER
    from shouwang.cli.actions.secrets import secret
    from shouwang.cli.tables.city import next_steps, settings_advice

    with connection(url) as main, connection(feed_url) as conn:
        wrong = feed.wrong_settings(conn)
        if wrong:
            typer.secho(settings_advice(wrong), err=True, fg="red")
            raise typer.Exit(1)
        district, names = _district(main, code)
        passwords = {role: secret(secrets_dir / role) for role in (WRITER, FOLLOWER)} if secrets_dir else {}
        feed.publish(conn, district, names, passwords)
        typer.echo(next_steps(district, conn.info.host, conn.info.port, conn.info.dbname, secrets_dir))


@app.command()
def withdraw(feed_url: FeedUrl) -> None:
    """In a district: end it. The city cannot connect any more, and no log is held for it; the feed's rows stay."""
    from database.city import feed

    with connection(feed_url) as conn:
        dropped = feed.withdraw(conn)
    typer.echo(f"已停止上报 nothing is published any more; slots dropped: {', '.join(dropped) or 'none'}")


@app.command()
def init(url: CityUrl, secrets_dir: Secrets = None) -> None:
    """In the city: make or upgrade its database, and the reading role shouwang_city. Before the districts' upgrades.

    As a superuser of the city's server. Next: shouwang city join, for each district.
    """
    from database.city import following
    from database.city.names import READER
    from shouwang.cli.actions.secrets import secret

    with connection(url) as conn:
        version = following.init(conn, secret(secrets_dir / READER) if secrets_dir else None)
    typer.echo(
        f"市级数据库已就绪 the city's database is ready, version {version}; next: shouwang city join DISTRICT_URL"
    )


@app.command()
def join(
    district_url: Annotated[
        str, typer.Argument(help="postgresql://shouwang_feed_follower@HOST:PORT/FEED?sslmode=verify-full&sslrootcert=…")
    ],
    url: CityUrl,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", dir_okay=False, exists=True, help="Password of that role.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Give the old subscription up, and copy all anew.")] = False,
) -> None:
    """In the city: follow a district. Copies what its feed has (400 days), then every change within seconds.

    --again after a slot was lost: what the city has of the time before stays.
    """
    from psycopg.conninfo import make_conninfo

    from database.address import verified
    from database.city import following

    district_url = verified(district_url)
    with connection(url) as conn:
        if password_file is not None:
            district_url = make_conninfo(district_url, password=password_file.read_text("utf-8").strip())
        code = following.join(conn, district_url, again=again)
    typer.echo(f"已接入 {code} is followed; the copy is on its way: shouwang city status")


@app.command()
def leave(
    code: Annotated[str, typer.Argument(metavar="DISTRICT", help="Code of the district.")],
    url: CityUrl,
    forget: Annotated[bool, typer.Option("--forget", help="Remove its rows, too.")] = False,
) -> None:
    """In the city: follow a district no longer."""
    from database.city import following

    with connection(url) as conn:
        dropped = following.leave(conn, code, forget=forget)
    typer.echo(f"已退出 {code} is not followed any more")
    if not dropped:
        typer.secho(
            "its feed does not answer, so its slot holds the log there up to the bound: shouwang city withdraw there",
            err=True,
            fg="yellow",
        )


@app.command()
def status(url: CityUrl, as_json: Json = False) -> None:
    """In the city: age and lag of each district, and what to do. Exit status 1 where one is not current.

    As a superuser, whom the server shows the addresses of the districts: each feed is asked for the city's slot, how
    much log it holds, and at which bound it gives the city up (max_slot_wal_keep_size).
    """
    import msgspec

    from database.city.status import status as look
    from shouwang.cli.tables.city import status_table

    with connection(url) as conn:
        found = look(conn)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _wide().print(status_table(found))
    raise typer.Exit(0 if all(one.good for one in found) else 1)


@app.command()
def report(
    url: CityUrl,
    days: Annotated[int, typer.Option(min=1, max=3660, help="Alerts raised in so many days.")] = 30,
    as_json: Json = False,
) -> None:
    """In the city: indicators of each district. The present of a district that is not heard is unknown ("?").

    Times are of emergencies and urgent alerts. Any role that reads the schema 'city' will do: shouwang_city.
    """
    import msgspec

    from database.city.report import report as make
    from shouwang.cli.tables.city import report_notes, report_table

    with connection(url) as conn:
        found = make(conn, days)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    out = _wide()
    out.print(report_table(found))
    for line in report_notes(found):
        out.print(line, style="yellow", markup=False)


def _wide() -> "Console":
    """A console; what goes into a file is wide enough for every column."""
    from rich.console import Console

    out = Console()
    return out if out.is_terminal else Console(width=200)


def _district(main: "psycopg.Connection[Any]", code: str | None) -> tuple[str, tuple[str, str]]:
    """The code and the names of the district whose database this is."""
    rows = main.execute(
        "SELECT replace(path::text, '.', '_'), name_zh, name_en FROM area WHERE level = 'district'"
        " AND NOT path <@ 'synthetic' ORDER BY path"
    ).fetchall()
    if len(rows) != 1 and code is None:
        raise ValueError(f"{len(rows)} areas of the level 'district' are registered: name the code with --district")
    _, name_zh, name_en = rows[0] if rows else (code, code, code)
    return code or str(rows[0][0]), (str(name_zh), str(name_en))
