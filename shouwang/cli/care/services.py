"""The commands ``shouwang care services …``: plans, visits, prices, comparison and settlement of services at home."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Session, Url, acting

if TYPE_CHECKING:
    from care_services.core.acting import Acting

app = typer.Typer(
    help="Services at home: catalogue, plans, visits, planned against done, settlement.", no_args_is_help=True
)
Resident = Annotated[str, typer.Argument(help="The resident's code.")]
Number = Annotated[int, typer.Argument(help="The visit's number, as 'visits' shows it.")]
Month = Annotated[dt.datetime, typer.Argument(help="The month, such as 2026-11.", formats=["%Y-%m"])]
Day = Annotated[dt.datetime | None, typer.Option(help="Day; left out: today.", formats=["%Y-%m-%d"])]


def acting_of(session: Session) -> "Acting":
    """The account of a command, as the service layer takes it."""
    from care_services.core.acting import Acting

    return Acting(session.account, session.now, session.origin)


@app.command("list")
def list_(url: Url, login: Login) -> None:
    """The catalogue, and who offers each service for how much today."""
    from care_network.access.permissions import Action
    from care_services.core.money import in_yuan
    from care_services.home_services.catalogue.catalogue import offers, services

    with acting(url, login, Action.VIEW_CARE) as session:
        offered = offers(session.conn, acting_of(session).today)
        for one in services(session.conn):
            by = ", ".join(
                f"{offer.organisation} ¥{in_yuan(offer.price_fen)}/{one.unit}"
                for offer in offered
                if offer.service == one.code
            )
            typer.echo(f"{one.code:20} {one.name_zh} / {one.name_en}, {one.minutes} min: {by or 'nobody offers it'}")


@app.command("set-price")
def set_price(
    service: Annotated[str, typer.Argument(help="Code of the service.")],
    organisation: Annotated[str, typer.Argument(help="Code of the provider.")],
    url: Url,
    login: Login,
    yuan: Annotated[str | None, typer.Option(help="Yuan for a unit; left out: no longer offered.")] = None,
    since: Annotated[dt.datetime | None, typer.Option(help="From day; left out: today.", formats=["%Y-%m-%d"])] = None,
) -> None:
    """Set what a provider asks for a service, from a day on."""
    from care_network.access.permissions import Action
    from care_services.core.money import yuan as read
    from care_services.home_services.catalogue.catalogue import set_price as put

    with acting(url, login, Action.SETTLE_SERVICES) as session:
        who = acting_of(session)
        fen = None if yuan is None else read(yuan, "yuan")
        put(session.conn, who, service, organisation, since.date() if since else who.today, fen)
        typer.echo("已设定 set")


@app.command()
def plans(resident: Resident, url: Url, login: Login) -> None:
    """The plans of a resident."""
    from care_network.access.permissions import Action
    from care_services.home_services.plans import desk

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in desk.of_resident(session.conn, acting_of(session), resident):
            zh, en = one.often
            typer.echo(f"{one.id:6} {one.state:7} {one.service_zh} {zh} / {en}, {one.organisation}, {one.ahead} ahead")


@app.command()
def plan(
    resident: Resident,
    service: Annotated[str, typer.Argument(help="Code of the service; see 'list'.")],
    organisation: Annotated[str, typer.Argument(help="Code of the provider.")],
    url: Url,
    login: Login,
    days: Annotated[str, typer.Option(help="Days of the week, 1 Monday to 7 Sunday: 1,4")],
    times: Annotated[str, typer.Option(help="Times, such as 09:30 or 09:30,16:00.")],
    minutes: Annotated[int, typer.Option(min=5, max=600)] = 60,
    every_weeks: Annotated[int, typer.Option(min=1, max=12)] = 1,
    since: Annotated[
        dt.datetime | None, typer.Option(help="First day; left out: tomorrow.", formats=["%Y-%m-%d"])
    ] = None,
    until: Annotated[dt.datetime | None, typer.Option(help="Last day; left out: open.", formats=["%Y-%m-%d"])] = None,
    staff: Annotated[str | None, typer.Option(help="Code of the preferred carer.")] = None,
) -> None:
    """Plan a service for a resident; its visits of the next 14 days are made at once."""
    from care_network.access.permissions import Action
    from care_services.home_services.plans import desk

    with acting(url, login, Action.PLAN_SERVICES) as session:
        who = acting_of(session)
        chosen = tuple(int(day) for day in days.split(",") if day.strip().isdecimal())
        new = desk.PlanData(
            service=service, organisation=organisation, weekdays=chosen, times=desk.times_of(times), minutes=minutes,
            every_weeks=every_weeks, first_day=since.date() if since else who.today + dt.timedelta(days=1),
            last_day=until.date() if until else None, staff=staff,
        )  # fmt: skip
        typer.echo(f"计划 plan {desk.add(session.conn, who, resident, new)}")


@app.command("end-plan")
def end_plan(
    number: Annotated[int, typer.Argument(help="The plan's number, as 'plans' shows it.")],
    url: Url,
    login: Login,
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """End a plan: its visits ahead are cancelled."""
    from care_network.access.permissions import Action
    from care_services.home_services.plans import desk

    with acting(url, login, Action.PLAN_SERVICES) as session:
        who = acting_of(session)
        found = desk.plan(session.conn, who, number)
        desk.set_state(session.conn, who, number, "ended", found.version, note)
        typer.echo(f"已结束，取消 {found.ahead} 次 ended, {found.ahead} visits cancelled")


@app.command()
def visits(
    url: Url,
    login: Login,
    day: Day = None,
    part: Annotated[str, typer.Option(help="late, now, planned, done or off; left out: all of them.")] = "",
    another: Annotated[bool, typer.Option(help="Of all days ahead, those that need another person, and why.")] = False,
) -> None:
    """The visits of a day: late, now, to come, done, and those that did not take place."""
    from care_network.access.permissions import Action
    from care_services.home_services.orders import listing
    from care_services.home_services.orders.states import WORDS
    from care_services.home_services.visits import unfit
    from vocabulary.times import SHANGHAI

    if part and part not in listing.PARTS:
        raise typer.BadParameter(f"one of {', '.join(listing.PARTS)}", param_hint="--part")
    with acting(url, login, Action.VIEW_CARE) as session:
        who = acting_of(session)
        session.audit("view_service_orders", detail={"view": "another" if another else part or "all"})
        onward: str | None = "" if another else None
        while onward is not None:
            found, onward = unfit.listing(session.conn, who, onward)
            for each in found:
                one = each.order
                start = one.planned_start.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
                typer.echo(f"  {one.id:8} {start} {one.resident_code} {one.service_zh} / {one.service_en},"
                           f" {each.name[0]}: {' / '.join(each.why)}")  # fmt: skip
        if another:
            return
        for name in (part,) if part else tuple(listing.PARTS):
            after: str | None = ""
            zh, en = listing.PARTS[name]
            typer.echo(f"{zh} / {en}")
            while after is not None:
                board = listing.board(session.conn, who, day.date() if day else who.today, name, after=after)
                for one in board.orders:
                    clock = one.planned_start.astimezone(SHANGHAI).strftime("%H:%M")
                    typer.echo(f"  {one.id:8} {clock} {one.resident_code} {one.service_zh} / {one.service_en},"
                               f" {one.staff_code or '-'}, {WORDS[one.state][1]}")  # fmt: skip
                after = board.next_key


@app.command()
def show(number: Number, url: Url, login: Login) -> None:
    """Show one visit with its history."""
    from care_network.access.permissions import Action
    from care_services.core.money import in_yuan
    from care_services.home_services.orders import desk, store
    from care_services.home_services.orders.states import WORDS
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_CARE) as session:
        one = desk.order(session.conn, acting_of(session), number)
        typer.echo(f"{one.service_zh} / {one.service_en}: {one.resident_code}, {local(one.planned_start)},"
                   f" {one.organisation} {one.staff_code or '-'}, ¥{in_yuan(one.amount_fen)}"
                   f" (own ¥{in_yuan(one.own_fen)})")  # fmt: skip
        for event in store.history(session.conn, number):
            typer.echo(f"  {local(event['at'])} {WORDS.get(event['action'], ('', event['action']))[1]},"
                       f" {event['actor']} {event['note']}")  # fmt: skip


@app.command()
def assign(
    number: Number,
    url: Url,
    login: Login,
    staff: Annotated[str, typer.Option(help="Code of who goes; empty: nobody any more.")],
) -> None:
    """Name who goes to a visit."""
    from care_network.access.permissions import Action
    from care_services.home_services.orders import desk

    with acting(url, login, Action.PLAN_SERVICES) as session:
        who = acting_of(session)
        desk.assign(session.conn, who, number, staff, desk.order(session.conn, who, number).version)
        typer.echo("已安排 named")


@app.command()
def cancel(number: Number, url: Url, login: Login, note: Annotated[str, typer.Option(help="Why.")]) -> None:
    """Cancel a visit."""
    from care_network.access.permissions import Action
    from care_services.home_services.orders import desk

    with acting(url, login, Action.PLAN_SERVICES) as session:
        who = acting_of(session)
        desk.close(session.conn, who, number, "cancel", desk.order(session.conn, who, number).version, note)
        typer.echo("已取消 cancelled")


@app.command()
def correct(
    number: Number,
    url: Url,
    login: Login,
    minutes: Annotated[int, typer.Option(min=0, max=1440, help="Minutes of work.")],
    note: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Correct the minutes of a visit that was done; settled ones come into the next settlement."""
    from care_network.access.permissions import Action
    from care_services.home_services.orders import desk

    with acting(url, login, Action.PLAN_SERVICES) as session:
        who = acting_of(session)
        desk.correct(session.conn, who, number, minutes, desk.order(session.conn, who, number).version, note)
        typer.echo("已更正 corrected")


@app.command()
def compare(month: Month, url: Url, login: Login) -> None:
    """Planned against done of a month, by provider."""
    from care_network.access.permissions import Action
    from care_services.home_services.visits.comparing import by_provider

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in by_provider(session.conn, acting_of(session), month.date()):
            typer.echo(f"{one.key:24} planned {one.planned}, done {one.done}, missed {one.missed},"
                       f" refused {one.refused}, cancelled {one.cancelled}, nothing known {one.open};"
                       f" {one.done_minutes} of {one.planned_minutes} min")  # fmt: skip


@app.command()
def settle(
    month: Month,
    url: Url,
    login: Login,
    organisation: Annotated[str | None, typer.Option(help="Code of one provider; left out: all of them.")] = None,
) -> None:
    """Settle a month: frozen under a number. This cannot be taken back; later changes come into the next one."""
    from care_network.access.permissions import Action
    from care_services.home_services.settlement import settling

    with acting(url, login, Action.SETTLE_SERVICES) as session:
        who, first = acting_of(session), month.date()
        numbers = (
            [settling.settle(session.conn, who, organisation, first)]
            if organisation
            else settling.settle_all(session.conn, who, first)
        )
        for number in numbers:
            typer.echo(number)


@app.command()
def settlements(month: Month, url: Url, login: Login) -> None:
    """A month by provider: what is settled, and what would be."""
    from care_network.access.permissions import Action
    from care_services.core.money import in_yuan
    from care_services.home_services.settlement import settling

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in settling.month(session.conn, acting_of(session), month.date()):
            typer.echo(f"{one.organisation:24} {one.number or 'open':28} {one.visits} visits, {one.minutes} min,"
                       f" ¥{in_yuan(one.amount_fen)} (subsidy ¥{in_yuan(one.subsidy_fen)},"
                       f" own ¥{in_yuan(one.own_fen)})")  # fmt: skip
