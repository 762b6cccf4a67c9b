"""The command line of the platform: ``shouwang COMMAND --help`` tells more about each."""

import importlib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli import (
    accounts,
    alerting,
    audit,
    configure,
    dispatch,
    exchange,
    figures,
    network,
    notify,
    orders,
    trace,
    verify,
)
from shouwang.cli.care import group as care
from shouwang.cli.data import export, gaps, quarantine, storage
from shouwang.cli.evaluate import alerts, falls, news2, train
from shouwang.cli.operations import backup, certificates, city, database, drill, gateways, path
from shouwang.cli.session import Url, connection, refusals
from shouwang.cli.simulate import history, month
from shouwang.setup import command

if TYPE_CHECKING:
    import asyncio

app = typer.Typer(
    name="shouwang",
    help="守望 Shouwang: elderly-care monitoring for a city district.\n\nStart with: shouwang demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
simulate = typer.Typer(help="Simulated homes.", no_args_is_help=True)
provision = typer.Typer(help="Register people, homes and devices; issue certificates.", no_args_is_help=True)
app.add_typer(simulate, name="simulate")
simulate.command("month")(month.month)
simulate.command("history")(history.history)
falls.app.command("alerts")(alerts.alerts)
falls.app.command("news2")(news2.news2)
app.add_typer(falls.app, name="evaluate")
app.add_typer(train.app, name="train")
app.add_typer(provision, name="provision")
app.add_typer(alerting.app, name="alerting")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(network.app, name="network")
app.add_typer(accounts.app, name="accounts")
app.add_typer(audit.app, name="audit")
app.add_typer(exchange.app, name="exchange")
app.add_typer(database.app, name="database")
app.add_typer(city.app, name="city")
app.add_typer(gaps.app, name="gaps")
app.add_typer(dispatch.app, name="dispatch")
app.add_typer(notify.app, name="notify")
app.add_typer(orders.app, name="orders")
app.add_typer(storage.app, name="storage")
app.add_typer(figures.app, name="figures")
app.add_typer(care.app, name="care")
app.command("setup")(command.setup)
app.add_typer(gateways.app, name="gateways")
app.add_typer(certificates.app, name="certificates")
app.command("maintain")(storage.maintain)
app.command("export")(export.export)
app.command("verify")(verify.verify)
app.command("trace")(trace.trace)
app.command("drill")(drill.drill)
app.command("path")(path.path)
app.add_typer(backup.app, name="backup")
app.command("gateway")(configure.command)
provision.command("config-key")(configure.config_key)
provision.command("sign-config")(configure.sign_config)
provision.command("push-config")(configure.push_config)

DataDir = Annotated[Path, typer.Option("--data", help="Folder that keeps database, broker, certificates and logs.")]


@app.command()
def demo(
    homes: Annotated[int, typer.Option(min=1, max=2000, help="How many simulated homes.")] = 20,
    seconds: Annotated[float | None, typer.Option("--for", min=1, help="Stop by itself after so many seconds.")] = None,
    headless: Annotated[bool, typer.Option(help="No person: measure, and print the report at the end.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the report (JSON) here.")] = None,
    port: Annotated[int, typer.Option(help="Port of the console on 127.0.0.1.")] = 8420,
    data: DataDir = Path(".shouwang"),
    past: Annotated[int, typer.Option(min=0, max=90, help="Days of made-up history at the first start; 0: none.")] = 30,
) -> None:
    """Run the whole platform here: embedded database and broker, every service, simulated homes."""
    from rich.console import Console

    from shouwang.platform.demo import DemoOptions, run

    with refusals():
        run(DemoOptions(data, homes, port, seconds, headless, report, past), Console())


def _service(package: str) -> None:
    importlib.import_module(f"{package}.__main__").main()


@app.command()
def ingest(
    retire: Annotated[
        bool, typer.Option("--retire", help="Store what waits in this worker's session, and end the session.")
    ] = False,
) -> None:
    """Store what the homes send: MQTT to database, exactly once. Settings: SHOUWANG_… in the environment.

    Several workers share the homes: SHOUWANG_INGEST_WORKERS=2, and SHOUWANG_INGEST_WORKER=ingest-0 and ingest-1. When
    their number changes, start the new ones, then run --retire with the settings of each old one (docs/scaling.md).
    """
    from ingest.__main__ import main as serve

    raise typer.Exit(0 if serve(ending=retire) else 1)


@app.command()
def console() -> None:
    """Serve the dispatch console. Settings: SHOUWANG_… in the environment."""
    _service("console")


@exchange.app.callback(invoke_without_command=True)
def exchange_service(context: typer.Context) -> None:
    """Serve other systems (FHIR, Nightscout, webhooks). Settings: SHOUWANG_… in the environment."""
    if context.invoked_subcommand is None:
        _service("exchange")


@app.command()
def edge(
    config: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The home's configuration (TOML).")],
    check: Annotated[bool, typer.Option("--check", help="Only check the configuration and this machine.")] = False,
) -> None:
    """Run the agent of one home gateway."""
    # a fresh process: what this command line has loaded would stay in a small gateway's memory
    command = [sys.executable, "-m", "edge_agent", "--config", str(config), *(["--check"] if check else [])]
    os.execv(sys.executable, command)  # noqa: S606


@app.command()
def migrate(url: Url) -> None:
    """Bring the database to the newest schema; safe to repeat."""
    from database.migrate import migrate

    with refusals():
        typer.echo(f"schema is up to date; time-series grade: {migrate(url)}")


@provision.command("district")
def provision_district(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="District file (TOML).")],
    url: Url,
    login: Annotated[
        str | None,
        typer.Option("--as", help="Login of an account that may provision; the first file brings the first accounts."),
    ] = None,
) -> None:
    """Add areas, organisations, households, residents, gateways, devices and accounts; all or nothing."""
    from shouwang.cli.actions.provision_district import provision_as

    with connection(url) as conn:
        counts = provision_as(conn, file, login)
    typer.echo("in the file, and in the database now: " + ", ".join(f"{n} {sort}" for sort, n in counts.items()))


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="One JSON list of rows: what, good, text.")] = False,
) -> None:
    """Look at every part with the real identities: files, broker, database, services, roster, channels. As root.

    Exit status 1 where something is not well. The rows stand on the console's page of operations, too.
    """
    import msgspec

    from shouwang.doctor.doctor import checks

    rows = []
    for check in checks():
        rows.append(check)
        if not json:
            colour = "red" if not check.good else "yellow" if check.warning else None
            typer.secho(f"{check.mark} {check.what}: {check.text}", fg=colour)
    if json:
        typer.echo(msgspec.json.encode(rows).decode())
    raise typer.Exit(0 if all(check.good for check in rows) else 1)


@simulate.command("homes")
def simulate_homes(
    configurations: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="One TOML file per home.")],
) -> None:
    """Run the edge agents of several homes as tasks of one process."""
    from shouwang.platform.homes import run_homes

    _run_until_stopped(lambda stop: run_homes(configurations, stop))


@simulate.command("peripherals")
def simulate_peripherals(
    broker: Annotated[str, typer.Option(help="The broker in the home, as HOST:PORT.")] = "127.0.0.1:1883",
    seed: Annotated[int, typer.Option(min=0, help="Which home.")] = 1,
    drop_out: Annotated[float, typer.Option(min=0, max=1, help="Share of the messages that never come.")] = 0.0,
    garbage: Annotated[float, typer.Option(min=0, max=1, help="Share of damaged Zigbee messages.")] = 0.0,
    battery: Annotated[float | None, typer.Option(min=0, max=100, help="Charge of all batteries, per cent.")] = None,
) -> None:
    """Zigbee2MQTT and ESPHome devices of a simulated home on a real broker, for a gateway's drivers to hear."""
    from device_simulators.peripherals.household import Flaws, live
    from firmware_profiles.link.mqtt import Broker

    host, _, port = broker.rpartition(":")
    if not host or not port.isdecimal():
        raise typer.BadParameter(f"{broker!r} is not HOST:PORT", param_hint="--broker")

    _run_until_stopped(lambda stop: live(Broker(host, int(port)), seed, Flaws(drop_out, garbage, battery), stop))


def _run_until_stopped(work: "Callable[[asyncio.Event], Awaitable[None]]") -> None:
    """Run ``work`` until SIGINT or SIGTERM sets its event."""
    import asyncio
    import signal

    from observability import logs
    from observability.settings import LogSettings

    logs.configure(LogSettings.read())

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await work(stop)

    asyncio.run(until_stopped())


def main() -> None:
    from shouwang.setup.environment import adopt

    adopt()
    try:
        app()
    except Exception as error:  # a fault of the program: typer's own frame would show values
        from observability.logs import traceback_without_rows

        sys.stderr.write(traceback_without_rows(error))
        sys.exit(1)
