"""Preview a threshold by replay, as the page does, and print what came of it."""

import datetime as dt
import threading

import psycopg
import typer

from alerting.preview.jobs import Previews
from alerting.preview.keeping import DAYS, Preview
from shouwang.cli.session import acting
from vocabulary.times import local

LOOK_S = 0.2


def run(url: str, login: str, name: str, value: float, target: tuple[str, str]) -> None:
    """Begin the preview, wait for it and print it. Exit status 1 where the replay failed."""
    previews = Previews()
    with acting(url, login, None) as session:
        number = previews.begin(
            lambda: psycopg.connect(url), session.account, *target, name, value, session.now, session.origin
        )  # fmt: skip
        found = previews.get(session.conn, session.account, number)
        pause = threading.Event()
        while found.state in ("waits", "runs"):
            pause.wait(LOOK_S)
    show(found)
    raise typer.Exit(found.state == "failed")


def show(found: Preview) -> None:
    """Print a preview that has ended."""
    if found.state == "failed":
        typer.echo(f"{found.words_zh} {found.words_en}", err=True)
        return
    if not found.counts:
        typer.echo("没有这些天的数据 nothing is stored of these days, so nothing can be said")
        return
    n = len(found.counts)
    typer.echo(f"{DAYS} 天内预警 {found.then} 条，原为 {found.before} 条（重放 {n} 位老人，涉及 {found.group} 位）")
    typer.echo(f"{found.then} alerts in place of {found.before} ({n} residents replayed of {found.group})")
    for mark, every in (("+", "came"), ("-", "gone")):
        for counts in found.counts:
            for told in getattr(counts, every):
                at = local(dt.datetime.fromtimestamp(told.at_us / 1e6, dt.UTC))
                typer.echo(f"{mark} {at} {told.severity} {told.reason_zh} {told.reason_en}")
