"""The commands ``shouwang care equipment …``: stock, lending, return, repair, scrap."""

from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Session, Url, acting

if TYPE_CHECKING:
    from care_services.home_beds.equipment.desk import Equipment, Item

app = typer.Typer(
    help="Equipment and assistive devices: in stock, lent, overdue.\n\n"
    "shouwang care equipment list --state late --as station\n\n"
    "shouwang care equipment lend 7 YT0001A --until 2027-03-31 --as station",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Number = Annotated[int, typer.Argument(help="The item's number, as 'list' shows it.")]
Note = Annotated[str, typer.Option("--note", help="What happened, or why.")]


def _kit(session: Session) -> "Equipment":
    from care_services.home_beds.equipment.desk import Equipment

    return Equipment(session.conn, session.account, at=session.now, origin=session.origin)


def _line(item: "Item") -> str:
    from care_services.home_beds.equipment.desk import KINDS, STATES

    name = KINDS[item.kind].zh if item.kind in KINDS else item.kind
    lent = f"{item.resident_zh} {item.resident} → {item.due_on}" if item.resident else ""
    return f"{item.id}  {name} {item.serial}  {STATES[item.state][0]} {item.state}  {lent}".rstrip()


@app.command("list")
def listing(
    url: Url,
    login: Login,
    kind: Annotated[str, typer.Option(help="One kind alone, such as wheelchair.")] = "",
    state: Annotated[str, typer.Option(help="stock, lent, repair, scrapped, or late: not back in time.")] = "",
    after: Annotated[int, typer.Option(help="From this number on.")] = 0,
) -> None:
    """List items of the organisations of one's area, 50 at a time."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.VIEW_CARE) as session:
        for item in _kit(session).items(kind, state, after)[:50]:
            typer.echo(_line(item))
        session.audit("view_page", detail={"page": "/care/equipment"})


@app.command()
def show(number: Number, url: Url, login: Login) -> None:
    """Show an item with its history."""
    from care_network.access.permissions import Action
    from care_services.home_beds.equipment.desk import STEP_WORDS

    with acting(url, login, Action.VIEW_CARE) as session:
        item, steps = _kit(session).item(number)
        typer.echo(_line(item))
        for one in steps:
            zh, en = STEP_WORDS.get(one.step, (one.step, one.step))
            typer.echo(
                f"  {one.at:%Y-%m-%d %H:%M}  {zh} {en}  {one.resident or ''}  {one.actor}  {one.reason}".rstrip()
            )


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help="Such as wheelchair, walker, care_bed.")],
    serial: Annotated[str, typer.Argument(help="Its serial number.")],
    organisation: Annotated[str, typer.Argument(help="Code of the organisation that owns it.")],
    url: Url,
    login: Login,
    note: Note = "",
) -> None:
    """Add an item to a stock; prints its number."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        typer.echo(_kit(session).add(kind, serial, organisation, note))


@app.command()
def lend(
    number: Number,
    resident: Annotated[str, typer.Argument(help="Code of the resident.")],
    url: Url,
    login: Login,
    until: Annotated[str, typer.Option("--until", help="Day of return; left out: as usual for its kind.")] = "",
) -> None:
    """Lend an item of the stock to a resident."""
    from care_network.access.permissions import Action
    from care_services.home_beds.terms import day_of

    with acting(url, login, Action.MANAGE_BEDS) as session:
        _kit(session).lend(number, resident, day_of(until, "until") if until else None)


@app.command("return")
def give_back(
    number: Number,
    condition: Annotated[str, typer.Argument(help="good, worn, damaged (goes to repair) or lost (is scrapped).")],
    url: Url,
    login: Login,
    note: Note = "",
) -> None:
    """Take an item back; prints its new state."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        typer.echo(_kit(session).give_back(number, condition, note))


@app.command()
def extend(
    number: Number, day: Annotated[str, typer.Argument(help="The new day of return.")], url: Url, login: Login
) -> None:
    """Let a loan go on until another day."""
    from care_network.access.permissions import Action
    from care_services.home_beds.terms import day_of

    with acting(url, login, Action.MANAGE_BEDS) as session:
        _kit(session).extend(number, day_of(day, "day"))


@app.command()
def repair(number: Number, url: Url, login: Login, note: Note) -> None:
    """Send an item of the stock to repair."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        _kit(session).repair(number, note)


@app.command()
def repaired(number: Number, url: Url, login: Login, note: Note = "") -> None:
    """Put an item that was in repair back into the stock."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        _kit(session).repaired(number, note)


@app.command()
def scrap(number: Number, url: Url, login: Login, note: Note) -> None:
    """Take an item out of use for good."""
    from care_network.access.permissions import Action

    with acting(url, login, Action.MANAGE_BEDS) as session:
        _kit(session).scrap(number, note)
