"""``shouwang alerting replay``: reads a recording, replays it, writes and shows the alerts."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from alerting.replay import files, what_if
from alerting.replay.alerts import Alert, Difference, collect, compare
from alerting.replay.recording import Recording
from alerting.replay.residents import ResidentsFile, read_residents
from alerting.replay.rows import Reject, read_rows
from alerting.replay.run import replay as play
from alerting.replay.stored import load
from care_network.access.permissions import Action
from shouwang.cli.actions.export_readings import visible_resident
from shouwang.cli.session import Session, acting
from vocabulary.severity import RANK
from vocabulary.times import DAY_US, HOUR_US, local, local_time

MOST_SHOWN = 10
MOST_PLOTS = 40


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command; see the command's help. Empty: not given."""

    out: Path
    csv: Path | None
    residents_file: Path | None
    zone: str
    from_database: bool
    url: str
    residents: list[str]
    since: str
    until: str
    learn_days: int
    login: str
    reason: str
    settings: list[str]
    compare: bool
    plot: Path | None


class Span(msgspec.Struct, frozen=True):
    """The time whose alerts are of interest: from ``since_us`` on, before ``until_us``; None: no bound."""

    since_us: int | None
    until_us: int | None

    def of(self, alerts: list[Alert]) -> list[Alert]:
        since, until = self.since_us or 0, self.until_us or 1 << 62
        return [alert for alert in alerts if since <= alert.told_us < until]


def run(request: ReplayRequest) -> None:
    """Replay, write the alerts and print a summary. Raises ValueError, LookupError, OSError, and ImportError where the
    extra 'export' is not installed."""
    console = Console()
    parameters = what_if.parse(request.settings)
    if request.compare and not parameters:
        raise ValueError("--compare needs something to compare with: --set NAME=VALUE")
    bars = (TextColumn("{task.description:>9}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(*bars, TimeRemainingColumn(), console=console) as progress:
        recording, span, notes = _stored(request, progress) if request.from_database else _file(request, progress)
        alerts = span.of(_run(what_if.tuned(recording, parameters), progress, "alerts"))
        before = span.of(_run(recording, progress, "before")) if request.compare else None
    files.write_alerts(request.out, alerts)
    for note in notes:
        console.print(note, style="yellow", highlight=False)
    days = (recording.end_us - recording.begin_us) / DAY_US
    console.print(f"{len(recording):,} readings and events of {days:.1f} days → {len(alerts)} alerts in {request.out}")
    _table(console, alerts)
    if before is not None:
        _difference(console, compare(before, alerts), request.out.with_suffix(".diff.jsonl"))
    if request.plot is not None:
        _draw(request.plot, recording, alerts, console)


def _run(recording: Recording, progress: Progress, name: str) -> list[Alert]:
    task = progress.add_task(name, total=1.0)
    return collect(play(recording, lambda share: progress.update(task, completed=share)))


def _file(request: ReplayRequest, progress: Progress) -> tuple[Recording, Span, list[str]]:
    csv, residents = request.csv, request.residents_file
    if csv is None:
        raise ValueError("name --csv READINGS.csv (and --residents RESIDENTS.toml), or --from-database")
    known = ResidentsFile([]) if residents is None else read_residents(residents)
    task = progress.add_task("reading", total=csv.stat().st_size)
    rows = read_rows(csv, zone_of(request.zone), lambda done: progress.update(task, completed=done))
    progress.update(task, completed=csv.stat().st_size)
    notes = _rejected(rows.rejects, rows.lines, request.out.with_suffix(".rejects.csv"))
    span = Span(_moment(request.since), _moment(request.until))
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


def _stored(request: ReplayRequest, progress: Progress) -> tuple[Recording, Span, list[str]]:
    if request.csv is not None or request.residents_file is not None:
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
    with acting(request.url, request.login, Action.EXPORT_VITALS) as session:
        conn = session.conn
        conn.execute("SET timezone TO 'UTC'")
        _audit(session, request, since, until)
        recording, unused = load(conn, request.residents, since - dt.timedelta(days=request.learn_days), until, show)
    return recording, Span(_moment(request.since), _moment(request.until)), _unused(unused)


def _audit(session: Session, request: ReplayRequest, since: dt.datetime, until: dt.datetime) -> None:
    """Record whose readings are read and why, as for an export of them. Raises NotFoundError for a resident the account
    may not see."""
    detail = {"from": since.isoformat(), "to": until.isoformat(), "reason": request.reason, "format": "replay"}
    for code in request.residents:
        resident_id = visible_resident(session, code)
        session.audit(Action.EXPORT_VITALS, resident_id=resident_id, detail=detail)


def _moment(text: str) -> int | None:
    return round(local_time(text).timestamp() * 1e6) if text else None


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of that name; None for no name. Raises ValueError for one that is not there."""
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
