"""The commands ``shouwang alerting …``; without one of them: the service that watches readings and raises alerts."""

import importlib
from pathlib import Path
from typing import Annotated

import typer

from shouwang.cli import parameters
from shouwang.cli.session import refusals

app = typer.Typer(help="Watch readings and events and raise alerts; replay recorded data.", invoke_without_command=True)
app.add_typer(parameters.app, name="parameters")
app.add_typer(parameters.pause_app, name="pause")


@app.callback()
def alerting(context: typer.Context) -> None:
    """Watch readings and events and raise alerts: the service. Settings: SHOUWANG_… in the environment.

    With the commands "parameters" and "pause": settings and pauses, for whom and why. With "replay": recorded or stored
    data through the same detection core; with "try": through one detector of it, or one of your own.
    """
    if context.invoked_subcommand is None:
        importlib.import_module("alerting.__main__").main()


@app.command()
def retire() -> None:
    """End the sessions that an alerting process which is gone has at the broker; with its settings, on its machine.

    A session that nobody reads keeps every message. The process that stays has heard what waits there.
    """
    raise typer.Exit(0 if importlib.import_module("alerting.__main__").main(ending=True) else 1)


@app.command()
def replay(
    out: Annotated[Path, typer.Option(dir_okay=False, help="Write the alerts here: JSON, one a line.")],
    csv: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Readings: time,resident,device,channel,value.")
    ] = None,
    residents: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="With --csv: who they are (TOML); everybody alone without it."),
    ] = None,
    zone: Annotated[str, typer.Option(help="Zone of times in the CSV that name none.")] = "Asia/Shanghai",
    from_database: Annotated[bool, typer.Option("--from-database", help="Replay what is stored, instead.")] = False,
    url: Annotated[str, typer.Option("--url", envvar="SHOUWANG_DATABASE_URL", help="postgresql://…")] = "",
    resident: Annotated[list[str], typer.Option(help="With --from-database: a resident's code; repeatable.")] = [],  # noqa: B006
    since: Annotated[str, typer.Option(help="Alerts from this moment on: 2026-11-01, 2026-11-01T08:00.")] = "",
    until: Annotated[
        str, typer.Option(help="Alerts before this moment; the clock runs until then, else 3 h past the last row.")
    ] = "",
    learn_days: Annotated[
        int, typer.Option(min=0, max=90, help="With --from-database: begin so many days earlier, to learn.")
    ] = 14,
    login: Annotated[str, typer.Option("--as", help="With --from-database: your login, for the audit.")] = "",
    reason: Annotated[str, typer.Option(help="With --from-database: what it is for, for the audit.")] = "",
    settings: Annotated[list[str], typer.Option("--set", help="Another parameter: NAME=VALUE; repeatable.")] = [],  # noqa: B006
    compare: Annotated[
        bool, typer.Option("--compare", help="Run without --set too, and tell which alerts have come and gone.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(file_okay=False, help="Draw each alert (PNG) into this folder.")] = None,
) -> None:
    """Recorded data through the detection core that runs live: which alerts, when, and why.

    Two ways in. A file:

      shouwang alerting replay --csv readings.csv --residents residents.toml --out alerts.jsonl

    with the columns time (ISO 8601 or µs since 1970), resident, device, channel (or an event's code), value. Rows that
    make no sense are told by their line, and written to ALERTS.rejects.csv beside the output. Replay
    stored data:

      shouwang alerting replay --from-database --resident R0001 --since 2026-11-01 --until 2026-11-08
      --as engineer --reason "ticket 12" --out alerts.jsonl

    To compare with other parameters: --set baseline.sudden_minutes=5 --compare. All of it, with examples:
    docs/replay.md.
    """
    from shouwang.cli.actions import replay as action

    with refusals():
        action.run(
            action.ReplayRequest(
                out=out,
                csv=csv,
                residents_file=residents,
                zone=zone,
                from_database=from_database,
                url=url,
                residents=resident,
                since=since,
                until=until,
                learn_days=learn_days,
                login=login,
                reason=reason,
                settings=settings,
                compare=compare,
                plot=plot,
            )
        )


@app.command("try")
def try_detector(
    detector: Annotated[str, typer.Argument(help="A name, such as climate, or the path of a Python file.")],
    csv: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Readings: time,resident,device,channel,value.")
    ],
    residents: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Who they are (TOML); everybody alone without it.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Zone of times in the CSV that name none.")] = "Asia/Shanghai",
    settings: Annotated[list[str], typer.Option("--set", help="Another parameter: NAME=VALUE; repeatable.")] = [],  # noqa: B006
) -> None:
    """One detector alone on one recording: its parameters, and each finding in words.

      shouwang alerting try climate --csv readings.csv

      shouwang alerting try ./low_perfusion.py --csv readings.csv --set perfusion.low=0.6

    The engine, its steps of time and what keeps a rule quiet are those that run live; the other detectors are left
    out, so that nothing explains or joins a finding. The file is run as Python: try your own. How to write one:
    docs/write-a-detector.md. The format of the recording: docs/replay.md.

    Exit status 1 when the detector fails or cannot be used.
    """
    from shouwang.cli.actions import try_detector as action

    with refusals():
        action.run(action.TryRequest(detector=detector, csv=csv, residents=residents, zone=zone, settings=settings))


@app.command("detectors")
def list_detectors() -> None:
    """Every detector that is installed, with its rules and parameters; plug-ins that are left out, and why.

    Exit status 1 when a plug-in is left out.
    """
    from shouwang.cli.actions import try_detector as action

    raise typer.Exit(0 if action.list_all() else 1)
