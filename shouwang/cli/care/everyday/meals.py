"""The commands ``shouwang care meals …``: menus, diets, orders, rounds, shut doors and the month of a canteen."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Session, Url, acting

if TYPE_CHECKING:
    from care_services.core.acting import Acting

app = typer.Typer(help="Meals: menus, diets, orders, delivery rounds, settlement.", no_args_is_help=True)
Canteen = Annotated[str, typer.Argument(help="The canteen's code.")]
Resident = Annotated[str, typer.Argument(help="Code of the resident.")]
Day = Annotated[str, typer.Option(help="2026-12-01; left out: today.")]


def _by(session: Session) -> "Acting":
    from care_services.core.acting import Acting

    return Acting(session.account, session.now, session.origin)


def _day(text: str, today: dt.date) -> dt.date:
    return dt.date.fromisoformat(text) if text else today


@app.command("list")
def listing(url: Url, login: Login, day: Day = "") -> None:
    """List the canteens with a day's meals by state."""
    from care_network.access.permissions import Action
    from care_services.meals import canteens, orders
    from care_services.meals.words import MEALS, STATES

    with acting(url, login, Action.VIEW_CARE) as session:
        by = _by(session)
        on = _day(day, by.today)
        for one in canteens.canteens(session.conn, by):
            typer.echo(f"{one.code}  {one.name_zh} / {one.name_en}")
            for _, _, meal, state, n in orders.counts(session.conn, [one.id], on, on):
                typer.echo(f"  {' '.join(MEALS[meal])}  {' '.join(STATES[state])}  {n}")


@app.command("load-menu")
def load_menu(
    canteen: Canteen, file: Annotated[Path, typer.Argument(help="TOML: a table [[set]] for each set.")], url: Url,
    login: Login,
) -> None:  # fmt: skip
    """Add the sets of a file: day, meal, code, price, dishes with allergens, marks and texture; all or none."""
    from care_network.access.permissions import Action
    from care_services.meals import menus

    with acting(url, login, Action.MANAGE_MEALS) as session, session.conn.transaction():
        sets = menus.read_sets(file.read_text("utf-8"))
        for one in sets:
            menus.put(session.conn, _by(session), canteen, one)
    typer.echo(f"sets added: {len(sets)}")


@app.command("copy-week")
def copy_week(
    canteen: Canteen, source: Annotated[str, typer.Argument(help="A day of the week to copy.")],
    target: Annotated[str, typer.Argument(help="A day of the week to fill.")], url: Url, login: Login,
) -> None:  # fmt: skip
    """Copy a week's sets to another; sets that are there already stay."""
    from care_network.access.permissions import Action
    from care_services.meals import menus

    with acting(url, login, Action.MANAGE_MEALS) as session:
        made = menus.copy_week(
            session.conn, _by(session), canteen, dt.date.fromisoformat(source), dt.date.fromisoformat(target)
        )
    typer.echo(f"sets added: {made}")


@app.command()
def diet(
    resident: Resident, url: Url, login: Login,
    said_by: Annotated[str, typer.Option(help="resident, family, doctor or carer")],
    allergy: Annotated[
        list[str] | None, typer.Option(help="gluten, crustacean, fish, egg, peanut, soy, milk, nuts")
    ] = None,
    none: Annotated[bool, typer.Option("--no-allergies", help="Asked, and there are none.")] = False,
    other: Annotated[str, typer.Option(help="Allergies that the eight groups do not name.")] = "",
    texture: Annotated[str, typer.Option(help="regular, soft, minced or pureed; left out: not asked")] = "",
) -> None:  # fmt: skip
    """Write down what somebody said of a resident's food. Without --allergy and --no-allergies it stays 'not asked'."""
    from care_network.access.permissions import Action
    from care_services.meals import diets
    from care_services.meals.diets import NewDiet

    with acting(url, login, Action.MANAGE_MEALS) as session:
        by = _by(session)
        number = by.resident(session.conn, resident, "record_diet")
        before = diets.current_of(session.conn, [number]).get(number)
        new = NewDiet(
            allergies=tuple(allergy or ()) if allergy or none else None, other_allergies=other,
            texture=texture or None, said_by=said_by, said_on=by.today,
        )  # fmt: skip
        diets.record(session.conn, by, resident, new, before.version if before else 0)
    typer.echo("recorded")


@app.command()
def order(
    resident: Resident, day: Annotated[str, typer.Argument(help="2026-12-01")], url: Url, login: Login,
    meal: Annotated[str, typer.Option(help="lunch or dinner")] = "lunch",
    code: Annotated[str, typer.Option("--set", help="The set's letter.")] = "A",
    mode: Annotated[str, typer.Option(help="delivery or dine_in")] = "delivery",
    reason: Annotated[str, typer.Option(help="Why in spite of a warning.")] = "",
    though_away: Annotated[
        bool, typer.Option("--though-away", help="Made sure that they eat at home although the bed is suspended.")
    ] = False,
) -> None:  # fmt: skip
    """Order a meal for a resident; says who pays what. Exit status 1: something speaks against it."""
    from care_network.access.permissions import Action
    from care_services.core.money import in_yuan
    from care_services.meals import menus, orders
    from care_services.meals.orders import Choice

    with acting(url, login, Action.MANAGE_MEALS) as session:
        by, on = _by(session), dt.date.fromisoformat(day)
        number = by.resident(session.conn, resident, "order_meals")
        serving = [one.id for one in orders.serving(session.conn, by, number)]
        found = [o for o in menus.offers(session.conn, serving, on, on) if o.meal == meal and o.code == code]
        choices = [Choice(found[0].id, mode)] if found else [Choice(0, mode)]
        for paid in orders.order(session.conn, by, resident, choices, reason, though_away=though_away):
            typer.echo(f"{in_yuan(paid.price)} = {in_yuan(paid.subsidy)} + {in_yuan(paid.own)}  {paid.reason_zh}")


@app.command()
def cancel(resident: Resident, day: Annotated[str, typer.Argument(help="2026-12-01")], url: Url, login: Login,
           meal: Annotated[str, typer.Option(help="lunch or dinner")] = "lunch") -> None:  # fmt: skip
    """Cancel a resident's meal before the deadline."""
    from care_network.access.permissions import Action
    from care_services.meals import orders

    with acting(url, login, Action.MANAGE_MEALS) as session:
        by, on = _by(session), dt.date.fromisoformat(day)
        number = by.resident(session.conn, resident, "order_meals")
        lines = orders.of_resident(session.conn, number, on)
        found = next((o for o in lines if (o.day, o.meal, o.state) == (on, meal, "ordered")), None)
        orders.cancel(session.conn, by, found.id if found else 0, found.version if found else 0)
    typer.echo("cancelled")


@app.command()
def arrange(
    resident: Resident, canteen: Canteen, url: Url, login: Login,
    lunch: Annotated[str, typer.Option(help="Days of the week, 1 is Monday: 12345.")] = "",
    dinner: Annotated[str, typer.Option(help="Days of the week, 1 is Monday.")] = "",
    mode: Annotated[str, typer.Option(help="delivery or dine_in")] = "delivery",
    until: Annotated[str, typer.Option(help="The last day; left out: until somebody ends it.")] = "",
    end: Annotated[bool, typer.Option("--end", help="End it; its meals are cancelled where there is time.")] = False,
) -> None:  # fmt: skip
    """Let a resident's meals be ordered by themselves, or change that; says how many were ordered (or cancelled)."""
    from care_network.access.permissions import Action
    from care_services.meals.arrangements import desk

    with acting(url, login, Action.MANAGE_MEALS) as session:
        by = _by(session)
        before = desk.of_resident(session.conn, by.resident(session.conn, resident, "arrange_meals"))
        version = before.version if before else 0
        if end:
            typer.echo(f"cancelled: {desk.set_state(session.conn, by, resident, 'ended', version)}")
            return
        new = desk.NewArrangement(
            canteen=canteen, mode=mode, lunch=tuple(int(day) for day in lunch if day.isdecimal()),
            dinner=tuple(int(day) for day in dinner if day.isdecimal()),
            first_day=before.first_day if before else by.today,
            last_day=dt.date.fromisoformat(until) if until else None,
        )  # fmt: skip
        typer.echo(f"ordered: {desk.arrange(session.conn, by, resident, new, version)}")


@app.command("not-ordered")
def not_ordered(url: Url, login: Login) -> None:
    """List the meals of arrangements that could not be ordered, with the reason and what to do."""
    from care_network.access.permissions import Action
    from care_services.meals.arrangements import gaps
    from care_services.meals.words import MEALS

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in gaps.waiting(session.conn, _by(session)):
            typer.echo(f"{one.day} {MEALS[one.meal][0]}  {one.resident} {one.name_zh}  {one.zh}  {one.en}")


@app.command("plan-rounds")
def plan_rounds(
    canteen: Canteen, staff: Annotated[list[str], typer.Argument(help="Codes of the people who go.")], url: Url,
    login: Login, day: Day = "", meal: Annotated[str, typer.Option(help="lunch or dinner")] = "lunch",
) -> None:  # fmt: skip
    """Make the delivery rounds of a meal; rounds that nobody has begun are made anew."""
    from care_network.access.permissions import Action
    from care_services.meals import delivery

    with acting(url, login, Action.MANAGE_MEALS) as session:
        by = _by(session)
        made = delivery.plan(session.conn, by, canteen, _day(day, by.today), meal, staff)
    typer.echo(f"rounds: {', '.join(map(str, made))}")


@app.command("round")
def show_round(number: Annotated[int, typer.Argument(help="Number of the round.")], url: Url, login: Login) -> None:
    """Show a round door by door."""
    from care_network.access.permissions import Action
    from care_services.meals import delivery
    from care_services.meals.words import STATES

    with acting(url, login, Action.DELIVER_MEALS) as session:
        _, stops = delivery.load(session.conn, _by(session), number)
        for s in stops:
            typer.echo(
                f"{s.place}  {s.name_zh}  {s.address_zh}  {s.code}  {' '.join(STATES[s.state])}  order {s.order_id}"
            )


@app.command()
def record(
    order: Annotated[int, typer.Argument(help="Number of the order.")],
    result: Annotated[str, typer.Argument(help="delivered, refused, absent or failed")], url: Url, login: Login,
    handed_to: Annotated[str, typer.Option(help="resident, family, neighbour or carer")] = "resident",
    note: Annotated[str, typer.Option()] = "",
) -> None:  # fmt: skip
    """Record what happened at a door; a door that nobody opened is on the station's list at once."""
    from care_network.access.permissions import Action
    from care_services.meals import delivery, orders

    with acting(url, login, Action.DELIVER_MEALS) as session:
        by = _by(session)
        found = orders.one(session.conn, by, order)
        delivery.record(session.conn, by, order, result, found.version, handed_to, note)
    typer.echo("recorded")


@app.command()
def absent(url: Url, login: Login) -> None:
    """List doors that nobody opened for a meal, with the last sign of life at home."""
    from care_network.access.permissions import Action
    from care_services.meals import delivery
    from vocabulary.times import local

    with acting(url, login, Action.VIEW_CARE) as session:
        for one in delivery.absences(session.conn, _by(session)):
            sign = (
                local(one.sign.at)
                if one.sign.at
                else "两天内无 none in two days"
                if one.sign.watched
                else "未知 unknown"
            )
            typer.echo(f"{one.order_id}  {one.name_zh}  {one.address_zh}  {local(one.at)}  最近活动 last sign: {sign}")


@app.command("see-to")
def see_to(
    order: Annotated[int, typer.Argument(help="Number of the order.")],
    found: Annotated[str, typer.Argument(help="well, out, hospital or helped")], url: Url, login: Login,
    note: Annotated[str, typer.Option()] = "",
) -> None:  # fmt: skip
    """Say what became of somebody who did not open the door."""
    from care_network.access.permissions import Action
    from care_services.meals import delivery

    with acting(url, login, Action.MANAGE_MEALS) as session:
        delivery.see_to(session.conn, _by(session), order, found, note)
    typer.echo("recorded")


@app.command()
def settlement(canteen: Canteen, month: Annotated[str, typer.Argument(help="2026-11")], url: Url, login: Login) -> None:
    """Print a canteen's month as CSV, a line for each resident and the sums."""
    from care_network.access.permissions import Action
    from care_services.meals import settlement as month_of

    with acting(url, login, Action.MANAGE_MEALS) as session:
        typer.echo(month_of.as_csv(session.conn, _by(session), canteen, month).removeprefix("\ufeff"), nl=False)
