"""The commands of periods, duties, doors and breaches below ``shouwang care privacy``."""

from typing import Annotated

import typer

from shouwang.cli.session import ORIGIN, Login, Url, acting

retention = typer.Typer(help="Periods of data, and what is over them.", no_args_is_help=True)
breaches = typer.Typer(help="The register of breaches, with its clocks.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="As 'list' shows it.")]


@retention.command("show")
def show_retention(url: Url, login: Login) -> None:
    """Show how long each kind of data is kept, by which law, and how much is over it now."""
    from care_network.access.permissions import Action
    from care_services.privacy import retention as periods

    with acting(url, login, Action.VIEW_PRIVACY) as session:
        for one in periods.periods(session.conn, session.account):
            days = f"{one.days} d" if one.days is not None else "需要期间 while needed"
            over = "" if one.over is None else f" 已到期 over {one.over}"
            typer.echo(f"{one.period.kind:11} {one.period.zh} / {one.period.en}: {days}{over}  {one.period.law_en}")


@retention.command("run")
def run_retention(url: Url, login: Login) -> None:
    """Remove now what is over its period: archives of copies, files of research, and what law had kept after erasures.

    The maintenance service does it by itself each day. With the rights of the database's owner.
    """
    from care_network.access.permissions import Action
    from care_services.privacy import job

    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        gone = job.end_periods(session.conn)
        session.audit("run_retention")
    typer.echo(f"清除 removed {gone}")


def duties(url: Url, login: Login) -> None:
    """List the duties of the Personal Information Protection Law: the state now, and where each is met."""
    from care_network.access.permissions import Action
    from care_services.privacy.duties import DUTIES, STATES, live

    with acting(url, login, Action.VIEW_PRIVACY) as session:
        found = live(session.conn, session.account, session.now)
    for one in DUTIES:
        now = found.get(one.article)
        state = now.state if now else one.state
        typer.echo(f"{one.article:8} {' '.join(STATES[state])}: {one.zh} / {one.en}  {one.where}")
        for zh, en in [(one.open_zh, one.open_en)] if one.open_zh else []:
            typer.echo(f"         - {zh} / {en}")
        for zh, en in now.words if now else []:
            typer.echo(f"         - {zh} / {en}")


def doors() -> None:
    """List every place where data of residents leaves, the consent that is asked there, and what is open."""
    from care_network.consents.doors import DOORS

    for one in DOORS:
        gap = f"  未接入 open: {one.open_zh} / {one.open_en}" if one.open_zh else ""
        typer.echo(f"{one.code:20} {one.purpose or one.basis:18} {one.zh} / {one.en}{gap}")


@breaches.command("list")
def list_breaches(url: Url, login: Login) -> None:
    """List breaches, the newest first, with the hours since they were noticed and who was told."""
    from care_network.access.permissions import Action
    from care_services.privacy import breaches as register
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_PRIVACY) as session:
        for one in register.listing(session.conn, session.account):
            typer.echo(f"{one.id:6} {local(one.happened_at)} {' '.join(register.KINDS[one.kind])} {one.what}")
            for step in ("authority", "people"):
                clock = one.clock(step, session.now)
                word = " ".join(register.CLOCKS[clock.state])
                typer.echo(f"       {step} v{one.version}: {word} {clock.hours:.1f} h")


@breaches.command()
def add(
    url: Url, login: Login, what: Annotated[str, typer.Argument(help="What happened; no names of residents.")],
    happened: Annotated[str, typer.Option(help="When, in Shanghai: 2026-11-30T10:00.")],
    kind: Annotated[str, typer.Option(help="leak, tamper or loss.")] = "leak",
    people: Annotated[int, typer.Option(help="How many; -1: not known yet.")] = -1,
    measures: Annotated[str, typer.Option(help="What was done at once.")] = "",
) -> None:  # fmt: skip
    """Write a breach down; its clock runs from now on.

    Example: shouwang care privacy breaches add 误发名单 --happened 2026-11-30T10:00 --people 6 --as admin
    """
    import datetime as dt

    from care_network.access.permissions import Action
    from care_services.privacy import breaches as register
    from vocabulary.times import SHANGHAI

    try:
        at = dt.datetime.fromisoformat(happened).replace(tzinfo=SHANGHAI)
    except ValueError:
        raise typer.BadParameter("请写 2026-11-30T10:00 这样的时间 a time such as 2026-11-30T10:00") from None
    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        number = register.add(
            session.conn, session.account, at, kind, what, None if people < 0 else people, measures, at=session.now,
            origin=ORIGIN,
        )  # fmt: skip
    typer.echo(f"事件 breach {number}")


@breaches.command()
def note(
    url: Url, login: Login, number: Number,
    step: Annotated[str, typer.Argument(help="authority, people, waived (people need not be told) or close.")],
    version: Annotated[int, typer.Option(help="As 'list' shows it (v…).")],
    why: Annotated[str, typer.Option(help="Of waived: which measures averted the harm (article 57).")] = "",
) -> None:  # fmt: skip
    """Note that the authority or the people were told, why they need not be, or that it is closed."""
    from care_network.access.permissions import Action
    from care_services.privacy import breaches as register

    with acting(url, login, Action.MANAGE_PRIVACY) as session:
        register.note(session.conn, session.account, number, step, version, why, at=session.now, origin=ORIGIN)
    typer.echo("已登记 written down")
