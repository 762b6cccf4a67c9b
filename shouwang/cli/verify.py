"""The command ``shouwang verify``."""

import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import refusals

if TYPE_CHECKING:
    from shouwang.verify.harness import ProofResult


def verify(
    broker: Annotated[
        str, typer.Option(help="nats (embedded), nats-cluster (three of them) or mosquitto (where it is installed).")
    ] = "nats",
    workers: Annotated[int, typer.Option(min=1, max=8, help="How many workers of ingest share the gateways.")] = 1,
    database: Annotated[
        str, typer.Option(help="plain (embedded PostgreSQL) or timescaledb (where it is installed).")
    ] = "plain",
    gateways: Annotated[int, typer.Option(min=1, max=500, help="How many gateways send.")] = 40,
    seconds: Annotated[float, typer.Option(min=5, help="How long things go wrong; then it settles.")] = 180,
    seed: Annotated[int, typer.Option(help="The same seed gives the same troubles in the same order.")] = 1,
    fault: Annotated[
        list[str] | None, typer.Option(help="This kind of trouble alone; may be given again. See docs/verify.md.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep databases and logs in this new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")] = False,
) -> None:
    """Prove that nothing is lost or doubled.

    Gateways send numbered readings and events over a real broker into a real database, on servers of its own; ingest,
    broker and database are killed and stopped, lines between them are cut or lose answers, gateways are cut off and
    send twice, at moments that the seed chooses. Then every reading is accounted for.
    Exit status 0: none missing, none doubled, none altered; 1: otherwise.
    """
    from rich.console import Console

    from shouwang.brokers.local import mosquitto_binary
    from shouwang.verify.faults import FAULTS
    from shouwang.verify.harness import verify as prove
    from shouwang.verify.servers import BROKERS, DATABASES

    if broker not in BROKERS:
        raise typer.BadParameter(f"{broker!r} is none of {', '.join(BROKERS)}", param_hint="--broker")
    if broker == "mosquitto" and mosquitto_binary() is None:
        raise typer.BadParameter("mosquitto is not installed here", param_hint="--broker")
    if database not in DATABASES:
        raise typer.BadParameter(f"{database!r} is neither of {', '.join(DATABASES)}", param_hint="--database")
    unknown = set(fault or ()) - set(FAULTS)
    if unknown:
        raise typer.BadParameter(
            f"no trouble named {', '.join(sorted(unknown))}; there are: {', '.join(FAULTS)}", param_hint="--fault"
        )
    if keep is not None and keep.exists():
        raise typer.BadParameter(f"{keep} exists already; name a new folder", param_hint="--keep")
    _silence_gateways()
    progress = Console(stderr=True)
    folder = keep if keep is not None else Path(tempfile.mkdtemp(prefix="shouwang-verify-"))
    try:
        with refusals(status=2), progress.status("starting database, broker and ingest …") as status:

            def tell(text: str) -> None:
                status.update(text)
                if not text.startswith("settling"):
                    progress.print(text)

            result = prove(
                folder,
                broker,
                gateways,
                seconds,
                seed,
                tell,
                database=database,
                faults=tuple(fault or ()),
                workers=workers,
                keep=keep is not None,
            )
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        _print_json(result)
    else:
        _print(result)
    raise typer.Exit(0 if result.exact else 1)


def _silence_gateways() -> None:
    """Gateways that say that they lost a connection are what is expected here."""
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _print_json(result: "ProofResult") -> None:
    import msgspec

    typer.echo(json.dumps(msgspec.to_builtins(result) | {"exact": result.exact}))


def _print(result: "ProofResult") -> None:
    import msgspec
    from rich.console import Console
    from rich.table import Table

    out = Console()
    table = Table("", "sent", "stored", "missing", "doubled", "altered", "invented")
    rows = {"readings": result.readings, "readings to be refused": result.refused, "events": result.events}
    for name, balance in rows.items():
        table.add_row(name, *(f"{number:,}" for number in msgspec.structs.astuple(balance)))
    out.print(table)
    frames = ", ".join(f"{number:,} {stream} frames" for stream, number in sorted(result.frames.items()))
    gaps = ", ".join(f"{number} {state}" for state, number in sorted(result.gaps.items())) or "none"
    out.print(
        f"{result.gateways} gateways over {result.broker} into {result.database}, {len(result.faults)} faults in"
        f" {result.seconds:.0f} s, seed {result.seed}; {frames}; gaps: {gaps}; quiet after"
        f" {result.settled_after_s} s"
    )
    out.print("exactly once" if result.exact else "NOT exactly once")
