"""``shouwang alerting``: the service, and ``replay``: recorded data through the same detection core."""

import datetime as dt
import importlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from alerting.replay import files, what_if
from alerting.replay.alerts import Alert, Difference, collect, compare
from alerting.replay.recording import Recording
from alerting.replay.residents import ResidentsFile, read_residents
from alerting.replay.rows import Reject, read_rows
from alerting.replay.run import replay as play
from shouwang.cli import parameters as parameters_cli
from vocabulary.severity import RANK
from vocabulary.times import DAY_US, HOUR_US, local, local_time

app = typer.Typer(help="Watch readings and events and raise alerts; replay recorded data.", invoke_without_command=True)
app.add_typer(parameters_cli.app, name="parameters")
app.add_typer(parameters_cli.pauses, name="pause")
MOST_SHOWN = 10
MOST_PLOTS = 40


@app.callback()
def alerting(context: typer.Context) -> None:
    """Watch readings and events and raise alerts: the service. Settings: SHOUWANG_… in the environment.

    With the commands "parameters" and "pause": what people set, for whom and why. With "replay": recorded or stored
    data through the same detection core.
    """
    if context.invoked_subcommand is None:
        importlib.import_module("alerting.__main__").main()


class Span(msgspec.Struct, frozen=True):
    """Alerts told from ``since_us`` on, before ``until_us``, are of interest; None: no bound."""

    since_us: int | None
    until_us: int | None

    def of(self, alerts: list[Alert]) -> list[Alert]:
        since, until = self.since_us or 0, self.until_us or 1 << 62
        return [alert for alert in alerts if since <= alert.told_us < until]


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
    compare_: Annotated[
        bool, typer.Option("--compare", help="Run without --set too, and tell which alerts have come and gone.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(file_okay=False, help="Draw each alert (PNG) into this folder.")] = None,
) -> None:
    """Recorded data through the detection core that runs live: which alerts, when, and why.

    Two ways in. A file:

      shouwang alerting replay --csv readings.csv --residents residents.toml --out alerts.jsonl

    with the columns time (ISO 8601 or µs since 1970), resident, device, channel (or an event's code), value. Rows that
    make no sense are told by their line, and written to ALERTS.rejects.csv beside the output. What the platform stored:

      shouwang alerting replay --from-database --resident R0001 --since 2026-11-01 --until 2026-11-08
      --as engineer --reason "ticket 12" --out alerts.jsonl

    What would be different with other parameters: --set baseline.sudden_minutes=5 --compare. All of it, with examples:
    docs/replay.md.
    """
    console = Console()
    try:
        parameters = what_if.parse(settings)
        if compare_ and not parameters:
            raise ValueError("--compare needs something to compare with: --set NAME=VALUE")
        bars = (TextColumn("{task.description:>9}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
        with Progress(*bars, TimeRemainingColumn(), console=console) as progress:
            if from_database:
                recording, span, notes = _stored(
                    _Request(url, resident, since, until, learn_days, login, reason, csv or residents), progress
                )
            else:
                recording, span, notes = _file(csv, residents, zone, since, until, out, progress)
            told = span.of(_run(what_if.tuned(recording, parameters), progress, "alerts"))
            before = span.of(_run(recording, progress, "before")) if compare_ else None
        files.write_alerts(out, told)
    except (ValueError, LookupError, PermissionError, OSError, ImportError, psycopg.Error) as error:
        typer.secho(f"replay: {str(error).strip()}", err=True, fg="red")
        raise typer.Exit(1) from error
    for note in notes:
        console.print(note, style="yellow", highlight=False)
    days = (recording.end_us - recording.begin_us) / DAY_US
    console.print(f"{len(recording):,} readings and events of {days:.1f} days → {len(told)} alerts in {out}")
    _table(console, told)
    if before is not None:
        _difference(console, compare(before, told), out.with_suffix(".diff.jsonl"))
    if plot is not None:
        _draw(plot, recording, told, console)


def _run(recording: Recording, progress: Progress, name: str) -> list[Alert]:
    task = progress.add_task(name, total=1.0)
    return collect(play(recording, lambda share: progress.update(task, completed=share)))


def _file(
    csv: Path | None, residents: Path | None, zone: str, since: str, until: str, out: Path, progress: Progress
) -> tuple[Recording, Span, list[str]]:
    if csv is None:
        raise ValueError("name --csv READINGS.csv (and --residents RESIDENTS.toml), or --from-database")
    known = ResidentsFile([]) if residents is None else read_residents(residents)
    task = progress.add_task("reading", total=csv.stat().st_size)
    rows = read_rows(csv, _zone(zone), lambda done: progress.update(task, completed=done))
    progress.update(task, completed=csv.stat().st_size)
    notes = _rejected(rows.rejects, rows.lines, out.with_suffix(".rejects.csv"))
    span = Span(_moment(since), _moment(until))
    played = files.recording_of(rows, known, span.until_us)
    if rows.ignored_columns:
        notes.append(f"columns that mean nothing here: {', '.join(rows.ignored_columns)}")
    where = "there is no residents file" if residents is None else f"not in {residents.name}"
    if played.residents:
        notes.append(f"{where}: {_some(played.residents)}: taken to live alone, with the usual limits")
    if residents is not None and played.devices:
        notes.append(f"{where}: {_some(played.devices)}: room by name, silence not judged")
    rooms = {source.name: source.room or "?" for source in played.recording.district.sources.values()}
    guessed = [
        f"{name.partition('.')[2]} {room}"
        for name, room in rooms.items()
        if name.replace(".", " ", 1) in played.devices
    ]
    if guessed:
        notes.append(f"rooms by name: {_some(guessed, 30)}")
    if span.until_us is None:
        notes.append(
            f"the last row is of {_clock(played.last_us)}; the clock ran on for {files.RUN_ON_US // HOUR_US} h "
            "(--until says otherwise)"
        )
    return played.recording, span, notes + _unused(played.unused)


def _some(names: list[str], most: int = MOST_SHOWN) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


class _Request(msgspec.Struct, frozen=True):
    url: str
    residents: list[str]
    since: str
    until: str
    learn_days: int
    login: str
    reason: str
    file: Path | None


def _stored(request: _Request, progress: Progress) -> tuple[Recording, Span, list[str]]:
    from alerting.replay.stored import load

    if request.file is not None:
        raise ValueError("--csv and --residents are the one way in, --from-database the other")
    missing = [
        name
        for name, given in (
            ("--url", request.url),
            ("--resident", request.residents),
            ("--since", request.since),
            ("--until", request.until),
            ("--as", request.login),
            ("--reason", request.reason.strip()),
        )
        if not given
    ]
    if missing:
        raise ValueError(f"--from-database needs {', '.join(missing)} too")
    since, until = local_time(request.since), local_time(request.until)
    if since >= until:
        raise ValueError("the time is empty: --since has to be before --until")
    task = progress.add_task("reading", total=1.0)
    show: Callable[[float], None] = lambda share: progress.update(task, completed=share)  # noqa: E731
    with psycopg.connect(request.url, autocommit=True, options="-c timezone=UTC") as conn:
        _audit(conn, request, since, until)
        recording, unused = load(conn, request.residents, since - dt.timedelta(days=request.learn_days), until, show)
    return recording, Span(_moment(request.since), _moment(request.until)), _unused(unused)


def _audit(
    conn: psycopg.Connection[tuple[object, ...]], request: _Request, since: dt.datetime, until: dt.datetime
) -> None:
    """Whose readings are read, by whom and what for: as an export of them. One answer for those who are not there and
    those who may not be seen."""
    from care_network.access.permissions import Action, audit, may_see
    from shouwang.cli.session import actor

    account = actor(conn, request.login, Action.EXPORT_VITALS)
    for code in request.residents:
        found = conn.execute("SELECT id FROM resident WHERE code = %s", (code,)).fetchone()
        seen = found is not None and may_see(conn, account, int(str(found[0])))
        detail = {"from": since.isoformat(), "to": until.isoformat(), "reason": request.reason, "format": "replay"}
        if not seen:
            detail = {"resident": code[:40], "refused": "true"}
        number = int(str(found[0])) if seen and found is not None else None
        audit(
            conn,
            account,
            Action.EXPORT_VITALS,
            at=dt.datetime.now(dt.UTC),
            resident_id=number,
            origin="command line",
            detail=detail,
        )
        if not seen:
            raise LookupError(f"no resident {code!r} that {request.login!r} may see")


def _moment(text: str) -> int | None:
    return round(local_time(text).timestamp() * 1e6) if text else None


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"--zone {name!r}: there is no such zone; write e.g. Asia/Shanghai") from error


def _rejected(rejects: list[Reject], lines: int, file: Path) -> list[str]:
    if not rejects:
        file.unlink(missing_ok=True)  # of an earlier run
        return []
    files.write_rejects(file, rejects)
    shown = [f"  line {reject.line}: {reject.why}" for reject in rejects[:MOST_SHOWN]]
    more = [f"  … and {len(rejects) - MOST_SHOWN} more"] if len(rejects) > MOST_SHOWN else []
    return [f"{len(rejects)} of {lines} rows were not used; all of them are in {file}:", *shown, *more]


def _unused(unused: dict[str, int]) -> list[str]:
    return [f"{count:,} readings not looked at: {why}" for why, count in unused.items()]


def _table(console: Console, alerts: list[Alert]) -> None:
    if not alerts:
        return
    table = Table("rule", "severity", "alerts", "the first")
    counts = Counter((alert.rule, alert.severity) for alert in alerts)
    for (rule, severity), count in sorted(counts.items(), key=lambda entry: (RANK[entry[0][1]], -entry[1])):
        first = next(alert for alert in alerts if (alert.rule, alert.severity) == (rule, severity))
        table.add_row(rule, severity, str(count), f"{_clock(first.told_us)} {first.resident}: {first.reason_en}")
    console.print(table)


def _difference(console: Console, difference: Difference, file: Path) -> None:
    files.write_difference(file, difference)
    table = Table("", "told", "rule", "of", "severity", title="against the run without --set")
    rows = [("came", alert) for alert in difference.came] + [("gone", alert) for alert in difference.gone]
    rows += [("changed", after) for _, after in difference.changed]
    for change, alert in sorted(rows, key=lambda row: row[1].told_us)[:50]:
        style = {"came": "green", "gone": "red"}.get(change, "")
        table.add_row(change, _clock(alert.told_us), alert.rule, alert.resident, alert.severity, style=style)
    console.print(table)
    console.print(
        f"{len(difference.came)} came, {len(difference.gone)} gone, {len(difference.changed)} changed, "
        f"{difference.same} the same; all of them in {file}"
    )


def _draw(folder: Path, recording: Recording, alerts: list[Alert], console: Console) -> None:
    from shouwang.evaluation.alert_plots import episode_picture

    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[int, int] = {}
    for row, person in enumerate(recording.district.people):
        rows.setdefault(person.household_id, row)
        if person.id is None:
            rows[person.household_id] = row
    by_subject = {person.subject: row for row, person in enumerate(recording.district.people)}
    for number, alert in enumerate(alerts[:MOST_PLOTS]):
        row = by_subject.get(alert.subject, rows[alert.household_id])
        file = folder / f"{number:03d}-{alert.rule}.png"
        title = f"{alert.resident}: {alert.rule}, {alert.severity}, told {_clock(alert.told_us)}"
        episode_picture(recording, row, alerts, alert.onset_us, alert.told_us, title, file)
    console.print(f"{min(len(alerts), MOST_PLOTS)} of {len(alerts)} alerts drawn in {folder}")


def _clock(us: int) -> str:
    return local(dt.datetime.fromtimestamp(us / 1e6, dt.UTC))
