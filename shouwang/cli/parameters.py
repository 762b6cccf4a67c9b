"""The commands ``shouwang alerting parameters …`` and ``shouwang alerting pause …``: what people set, and why."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import psycopg

    from care_network.access.accounts import Account

app = typer.Typer(
    no_args_is_help=True,
    help="""The numbers of the detectors, for a resident, a home, an ability grade or the whole district.

    What is set for a resident wins over the home, the home over the grade, the grade over the district, and that over
    the detector's own default. Running services take a change within seconds. Every change keeps who, when and why.

      shouwang alerting parameters list --resident R0001 --as dispatcher

      shouwang alerting parameters set inactivity.floor 120 --resident R0001 --reason "naps after lunch" --as carer

      shouwang alerting parameters unset inactivity.floor --resident R0001 --reason "lives with her son" --as carer

      shouwang alerting parameters history --grade severe --as admin
    """,
)
pauses = typer.Typer(
    no_args_is_help=True,
    help="""Times in which some alerts of a home wait: a carer is there, or a device is worked on.

    A carer who is 'on scene' by an alert or a work order needs none of this. What still lasts when a pause is over is
    told then; falls, SOS, smoke and vital signs are told in any case.

      shouwang alerting pause begin maintenance H0001 --hours 2 --reason "new battery" --as dispatcher
    """,
)

Url = Annotated[str, typer.Option("--url", envvar="SHOUWANG_DATABASE_URL", help="postgresql://…")]
Login = Annotated[str, typer.Option("--as", help="Login of the account that does it: its role, its area, the audit.")]
Resident = Annotated[str, typer.Option("--resident", help="A resident's code.")]
Home = Annotated[str, typer.Option("--home", help="A household's code.")]
Grade = Annotated[str, typer.Option("--grade", help="intact, mild, moderate, severe or lost (GB/T 42195-2022).")]
District = Annotated[bool, typer.Option("--district", help="The whole district.")]
Name = Annotated[str, typer.Argument(help="The parameter, as 'list' names it: inactivity.floor, limit.spo2.low …")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the history.")]
ORIGIN = "cli"


@app.command("list")
def list_(
    url: Url,
    login: Login,
    resident: Resident = "",
    home: Home = "",
    grade: Grade = "",
    district: District = False,
    own: Annotated[bool, typer.Option("--set", help="Only what differs from the defaults.")] = False,
) -> None:
    """Every parameter: its value and where that comes from, the default, the limits."""
    from shouwang.cli.tables import parameters

    with _desk(url, login) as (conn, account, now):
        from alerting.tuning import sheet as tuning

        sheet = tuning.look(conn, account, *_target(resident, home, grade, district), now, ORIGIN)
        parameters.print_sheet(sheet, own)


@app.command("set")
def set_(
    name: Name,
    value: Annotated[float, typer.Argument(help="The new value, in the parameter's unit.")],
    url: Url,
    login: Login,
    reason: Reason,
    resident: Resident = "",
    home: Home = "",
    grade: Grade = "",
    district: District = False,
) -> None:
    """Set a parameter for one resident, home or grade, or the district."""
    _change(url, login, name, value, reason, _target(resident, home, grade, district))


@app.command()
def unset(
    name: Name,
    url: Url,
    login: Login,
    reason: Reason,
    resident: Resident = "",
    home: Home = "",
    grade: Grade = "",
    district: District = False,
) -> None:
    """Take it back: what holds around it counts again."""
    _change(url, login, name, None, reason, _target(resident, home, grade, district))


@app.command()
def history(
    url: Url, login: Login, resident: Resident = "", home: Home = "", grade: Grade = "", district: District = False
) -> None:
    """Who changed what, when and why; the newest first."""
    from shouwang.cli.tables import parameters

    with _desk(url, login) as (conn, account, now):
        from alerting.tuning import sheet as tuning

        sheet = tuning.look(conn, account, *_target(resident, home, grade, district), now, ORIGIN)
        parameters.print_history(sheet)


@pauses.command("list")
def list_pauses(
    url: Url, login: Login, home: Annotated[str, typer.Option("--home", help="The last 20 of this home.")] = ""
) -> None:
    """Pauses that run now."""
    from alerting.tuning import pauses as service
    from shouwang.cli.tables import parameters

    with _desk(url, login) as (conn, account, now):
        parameters.print_pauses(service.listing(conn, account, now, home or None), now)


@pauses.command()
def begin(
    kind: Annotated[str, typer.Argument(help="'carer' (at most 12 hours) or 'maintenance' (at most 72).")],
    home: Annotated[str, typer.Argument(help="The household's code.")],
    hours: Annotated[float, typer.Option("--hours", help="It ends by itself after so many hours.")],
    url: Url,
    login: Login,
    reason: Reason,
    device: Annotated[str, typer.Option("--device", help="Maintenance of this device alone: gw-1/radar.")] = "",
) -> None:
    """From now on some alerts of the home wait."""
    from alerting.tuning import pauses as service

    with _desk(url, login) as (conn, account, now):
        number = service.begin(conn, account, home, kind, dt.timedelta(hours=hours), reason, now, ORIGIN, device)
        typer.echo(f"pause {number} until {(now + dt.timedelta(hours=hours)).astimezone():%Y-%m-%d %H:%M %Z}")


@pauses.command("end")
def end_(number: Annotated[int, typer.Argument(help="As 'list' gives it.")], url: Url, login: Login) -> None:
    """It is over before its time."""
    from alerting.tuning import pauses as service

    with _desk(url, login) as (conn, account, now):
        service.end(conn, account, number, now, ORIGIN)
        typer.echo(f"pause {number} is over")


def _target(resident: str, home: str, grade: str, district: bool) -> tuple[str, str]:
    given = {"resident": resident, "home": home, "grade": grade, "district": "*" if district else ""}
    chosen = [scope for scope, key in given.items() if key]
    if len(chosen) != 1:
        typer.secho("name one of --resident CODE, --home CODE, --grade GRADE and --district", err=True, fg="red")
        raise typer.Exit(2)
    return chosen[0], "" if district else given[chosen[0]]


def _change(url: str, login: str, name: str, value: float | None, reason: str, target: tuple[str, str]) -> None:
    from alerting.tuning import sheet as tuning

    with _desk(url, login) as (conn, account, now):
        done = tuning.change(conn, account, *target, name, value, reason, now, ORIGIN)
        typer.echo("done; running services take it within seconds" if done else "it is so already; nothing changed")


@contextmanager
def _desk(url: str, login: str) -> "Iterator[tuple[psycopg.Connection[Any], Account, dt.datetime]]":
    """A connection and the account; refusals are told in both languages, with exit status 1."""
    import psycopg

    from care_network.access.accounts import account_by_login
    from care_network.errors import ProvisioningError

    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as conn:
            account = account_by_login(conn, login)
            if account is None:
                raise ValueError(f"no active account {login!r}")
            yield conn, account, dt.datetime.now(dt.UTC)
    except ProvisioningError as error:
        zh = "" if error.message_zh == error.message_en else f"{error.message_zh}\n"
        typer.secho(f"{zh}{error.message_en}", err=True, fg="red")
        raise typer.Exit(1) from error
    except (ValueError, psycopg.OperationalError) as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(1) from error
