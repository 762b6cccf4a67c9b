"""The commands ``shouwang alerting parameters …`` and ``shouwang alerting pause …``."""

import datetime as dt
from typing import Annotated

import typer

from shouwang.cli.session import Login, Url, acting

app = typer.Typer(
    no_args_is_help=True,
    help="""The numbers of the detectors, for a resident, a home, an ability grade or the whole district.

    A value for a resident wins over the home, the home over the grade, the grade over the district, and that over
    the detector's own default. Running services take a change within seconds. Every change keeps
    account, time and reason.

      shouwang alerting parameters list --resident R0001 --as dispatcher

      shouwang alerting parameters set inactivity.floor 120 --resident R0001 --reason "naps after lunch" --as carer

      shouwang alerting parameters unset inactivity.floor --resident R0001 --reason "lives with her son" --as carer

      shouwang alerting parameters history --grade severe --as admin

    A preset by condition changes several at once (1: in force; 'unset' withdraws it):

      shouwang alerting parameters set condition.copd 1 --resident R0001 --reason "letter of 3 May" --as carer
    """,
)
pause_app = typer.Typer(
    no_args_is_help=True,
    help="""Times in which some alerts of a home wait: a carer is there, or a device is worked on.

    A carer who is 'on scene' by an alert or a work order needs none of this. An alert that still lasts when a
    pause is over is told then; falls, SOS, smoke and vital signs are told in any case.

      shouwang alerting pause begin maintenance H0001 --hours 2 --reason "new battery" --as dispatcher
    """,
)

Resident = Annotated[str, typer.Option("--resident", help="A resident's code.")]
Home = Annotated[str, typer.Option("--home", help="A household's code.")]
Grade = Annotated[str, typer.Option("--grade", help="intact, mild, moderate, severe or lost (GB/T 42195-2022).")]
District = Annotated[bool, typer.Option("--district", help="The whole district.")]
Name = Annotated[str, typer.Argument(help="The parameter, as 'list' names it: inactivity.floor, limit.spo2.low …")]
ChangeReason = Annotated[str, typer.Option("--reason", help="Why; it stays in the history.")]


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
    from alerting.tuning import sheet as tuning
    from shouwang.cli.tables import parameters

    target = _target(resident, home, grade, district)
    with acting(url, login, None) as session:
        sheet = tuning.load_sheet(session.conn, session.account, *target, session.now, session.origin)
        parameters.print_sheet(sheet, own)


@app.command("conditions")
def list_conditions(
    url: Url, login: Login, resident: Annotated[str, typer.Option("--resident", help="A resident's code.")]
) -> None:
    """Presets by condition: what each changes, its source, and whether it is in force for the resident."""
    from alerting.tuning import sheet as tuning
    from shouwang.cli.tables import parameters

    with acting(url, login, None) as session:
        sheet = tuning.load_sheet(session.conn, session.account, "resident", resident, session.now, session.origin)
        parameters.print_presets(sheet)


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="As 'conditions' names it: condition.copd …")],
    url: Url,
    login: Login,
    resident: Annotated[str, typer.Option("--resident", help="A resident's code.")],
    reason: Annotated[str, typer.Option("--reason", help="Who says so, and when. Without it: only look.")] = "",
) -> None:
    """Show all that a preset changes for a resident; with --reason put it in force (or withdraw it) as one change."""
    from alerting.tuning import effect
    from alerting.tuning import sheet as tuning

    with acting(url, login, None) as session:
        look = effect.preset_outlook(session.conn, session.account, resident, name, session.now, session.origin)
        typer.echo(
            f"{look.condition.zh} {look.condition.en}: {'生效中 in force' if look.on else '未启用 not in force'}"
        )
        for one, parameter, now, source, then, then_source in look.lines:
            typer.echo(f"{one} ({parameter.en}): {now:g} ({source}) → {then:g} ({then_source})")
        if reason:
            value = None if look.on else 1.0
            tuning.change(
                session.conn, session.account, "resident", resident, name, value, reason, session.now, session.origin,
                look.seen,
            )  # fmt: skip
            typer.echo("已撤销 withdrawn" if look.on else "已启用 in force")


@app.command("set")
def set_(
    name: Name,
    value: Annotated[float, typer.Argument(help="The new value, in the parameter's unit.")],
    url: Url,
    login: Login,
    reason: ChangeReason,
    resident: Resident = "",
    home: Home = "",
    grade: Grade = "",
    district: District = False,
) -> None:
    """Set a parameter for one resident, home or grade, or the district."""
    _change(url, login, name, value, reason, _target(resident, home, grade, district))


@app.command()
def preview(
    name: Name,
    value: Annotated[float, typer.Argument(help="The value to try, in the parameter's unit.")],
    url: Url,
    login: Login,
    resident: Resident = "",
    home: Home = "",
    grade: Grade = "",
    district: District = False,
) -> None:
    """Replay the last 14 days with another value, nothing changed: how many alerts it would have given."""
    from shouwang.cli.actions import threshold_preview

    threshold_preview.run(url, login, name, value, _target(resident, home, grade, district))


@app.command()
def unset(
    name: Name,
    url: Url,
    login: Login,
    reason: ChangeReason,
    resident: Resident = "",
    home: Home = "",
    grade: Grade = "",
    district: District = False,
) -> None:
    """Remove the value; the next wider one (home, grade, district) applies again."""
    _change(url, login, name, None, reason, _target(resident, home, grade, district))


@app.command()
def history(
    url: Url, login: Login, resident: Resident = "", home: Home = "", grade: Grade = "", district: District = False
) -> None:
    """List changes of parameters with account, time and reason; the newest first."""
    from alerting.tuning import sheet as tuning
    from shouwang.cli.tables import parameters

    target = _target(resident, home, grade, district)
    with acting(url, login, None) as session:
        sheet = tuning.load_sheet(session.conn, session.account, *target, session.now, session.origin)
        parameters.print_history(sheet)


@pause_app.command("list")
def list_pauses(
    url: Url, login: Login, home: Annotated[str, typer.Option("--home", help="The last 20 of this home.")] = ""
) -> None:
    """Pauses that run now."""
    from alerting.tuning import pauses
    from care_network.access.permissions import Action
    from shouwang.cli.tables import parameters

    with acting(url, login, Action.VIEW_ALERTS) as session:
        entries = pauses.listing(session.conn, session.account, session.now, home or None)
        parameters.print_pauses(entries, session.now)


@pause_app.command()
def begin(
    kind: Annotated[str, typer.Argument(help="'carer' (at most 12 hours) or 'maintenance' (at most 72).")],
    home: Annotated[str, typer.Argument(help="The household's code.")],
    hours: Annotated[float, typer.Option("--hours", help="It ends by itself after so many hours.")],
    url: Url,
    login: Login,
    reason: ChangeReason,
    device: Annotated[str, typer.Option("--device", help="Maintenance of this device alone: gw-1/radar.")] = "",
) -> None:
    """From now on some alerts of the home wait."""
    from alerting.tuning import pauses
    from care_network.access.permissions import Action

    with acting(url, login, Action.PAUSE_ALERTS) as session:
        lasts = dt.timedelta(hours=hours)
        number = pauses.begin(
            session.conn, session.account, home, kind, lasts, reason, session.now, session.origin, device
        )
        typer.echo(f"pause {number} until {(session.now + lasts).astimezone():%Y-%m-%d %H:%M %Z}")


@pause_app.command("end")
def end_(number: Annotated[int, typer.Argument(help="As 'list' gives it.")], url: Url, login: Login) -> None:
    """It is over before its time."""
    from alerting.tuning import pauses
    from care_network.access.permissions import Action

    with acting(url, login, Action.PAUSE_ALERTS) as session:
        pauses.end(session.conn, session.account, number, session.now, session.origin)
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

    with acting(url, login, None) as session:
        done = tuning.change(session.conn, session.account, *target, name, value, reason, session.now, session.origin)
        typer.echo("done; running services take it within seconds" if done else "it is so already; nothing changed")
