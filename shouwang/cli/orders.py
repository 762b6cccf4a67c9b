"""The commands ``shouwang orders …``: list, offer and follow work orders, as an account."""

import datetime as dt
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shouwang.cli.session import Login, Session, Url, acting

if TYPE_CHECKING:
    from dispatch.orders.store import Order

app = typer.Typer(
    help="Work orders: people sent to homes.\n\nAn alert, or a planned service, becomes an order; it is offered to the"
    " best person on duty, and to the next where that person declines or stays silent. A day at the desk:\n\n"
    "shouwang orders list --as dispatcher\n\nshouwang orders suggest ALERT --as dispatcher\n\n"
    "shouwang orders dispatch ALERT --as dispatcher\n\nshouwang orders show 12 --as dispatcher",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Number = Annotated[int, typer.Argument(help="The order's number, as 'list' shows it.")]
AlertId = Annotated[uuid.UUID, typer.Argument(help="The alert's id: the end of its address on the console.")]
ServiceCode = Annotated[str | None, typer.Option("--service", help="Code of the service; see 'services'.")]
To = Annotated[
    str | None, typer.Option("--to", help="Staff code of the person sent; the best one where it is left out.")
]
Note = Annotated[str, typer.Option("--note", help="Why, for the history.")]


@app.command("list")
def list_(
    url: Url,
    login: Login,
    view: Annotated[str, typer.Option(help="live, waiting, done or cancelled.")] = "live",
    urgency: Annotated[str | None, typer.Option(help="emergency, urgent, attention, technical or planned.")] = None,
    service: ServiceCode = None,
) -> None:
    """Orders of the account's area, the gravest first."""
    from care_network.access.permissions import Action
    from care_network.access.visible import visible_households
    from dispatch.orders.states import LIVE
    from dispatch.orders.store import OrderFilter, list_orders
    from shouwang.cli.tables import orders

    views: dict[str, list[str]] = {
        "live": list(LIVE), "waiting": ["open", "offered"], "done": ["done"], "cancelled": ["cancelled"],
    }  # fmt: skip
    if view not in views:
        raise typer.BadParameter(f"one of {', '.join(views)}", param_hint="--view")
    with acting(url, login, Action.VIEW_ORDERS) as session:
        households = sorted(visible_households(session.conn, session.account))
        wanted = OrderFilter(states=views[view], urgency=urgency, service=service, households=households)
        found = list_orders(session.conn, wanted)
        session.audit("view_orders", detail={"view": view, "orders": len(found)})
        orders.print_orders(found)


@app.command()
def services() -> None:
    """The services, with the skills they ask for."""
    from shouwang.cli.tables import orders

    orders.print_services()


@app.command()
def show(number: Number, url: Url, login: Login) -> None:
    """Show one order with its history: people asked, reasons, and their steps."""
    from care_network.access.permissions import Action
    from dispatch.orders.store import history
    from shouwang.cli.tables import orders

    with acting(url, login, Action.VIEW_ORDERS) as session:
        order = _order(session, number)
        orders.print_order(order, history(session.conn, order.id))


@app.command()
def suggest(alert: AlertId, url: Url, login: Login, service: ServiceCode = None) -> None:
    """The best three for an alert, with reasons; or why nobody fits. Nobody is asked."""
    from care_network.access.permissions import Action
    from dispatch.orders import assigning
    from dispatch.orders.people import Crews
    from shouwang.cli.tables import orders

    with acting(url, login, Action.DISPATCH) as session:
        row = _alert(session, alert, "view_candidates")
        chosen, found = assigning.suggest(session.conn, Crews(), row, service, session.now)
        orders.print_match(chosen, found)


@app.command("dispatch")
def dispatch_(alert: AlertId, url: Url, login: Login, service: ServiceCode = None, to: To = None) -> None:
    """One tap: an order for the alert, offered to the best (or --to). Silence and a refusal go to the next."""
    from care_network.access.permissions import Action
    from dispatch.orders import assigning
    from dispatch.orders.people import Crews
    from shouwang.cli.tables import orders

    with acting(url, login, Action.DISPATCH) as session:
        _alert(session, alert, "dispatch")
        order = assigning.dispatch_alert(
            session.conn, Crews(), alert, session.actor, session.now, service=service, staff_code=to
        )
        orders.print_orders([order])


@app.command()
def plan(
    service: Annotated[str, typer.Argument(help="See 'services'.")],
    resident: Annotated[str, typer.Argument(help="The resident's code.")],
    at: Annotated[str, typer.Argument(help="When, by Shanghai's clock: 2026-12-01T09:30.")],
    url: Url,
    login: Login,
    note: Note = "",
) -> None:
    """Plan a service. The running 'orders run' assigns a person to it, together with the other planned ones."""
    from care_network.access.permissions import Action
    from care_network.access.visible import visible_residents
    from care_network.errors import NotFoundError
    from care_network.records.residents import resident_id
    from dispatch.orders import assigning
    from shouwang.cli.tables import orders
    from vocabulary.times import local_time

    with acting(url, login, Action.DISPATCH) as session:
        found = resident_id(session.conn, resident)
        if found is None or found not in visible_residents(session.conn, session.account):
            raise NotFoundError(
                en=f"there is no resident {resident!r} in your area", zh=f"您的管辖区域内没有老人 {resident}"
            )
        with session.conn.transaction():
            order = assigning.plan_service(
                session.conn, service, resident, local_time(at), session.actor, session.now, note=note
            )
            session.audit("dispatch", resident_id=found, detail={"order": str(order.id)})
        orders.print_orders([order])


@app.command()
def offer(number: Number, url: Url, login: Login, to: To = None, note: Note = "") -> None:
    """Take the order from the person who has it and offer it to --to, or to the best of the others."""
    from care_network.access.permissions import Action
    from dispatch.orders import assigning
    from dispatch.orders.people import Crews
    from shouwang.cli.tables import orders

    with acting(url, login, Action.DISPATCH) as session:
        order = _order(session, number)
        changed = assigning.reassign(
            session.conn,
            Crews(),
            order.id,
            session.actor,
            session.now,
            expected_version=order.version,
            staff_code=to,
            note=note,
        )
        orders.print_orders([changed])


@app.command()
def step(
    number: Number,
    what: Annotated[str, typer.Argument(help="accept, depart, arrive, finish, decline or note.")],
    url: Url,
    login: Login,
    note: Note = "",
) -> None:
    """Write down what the person who has the order told by telephone."""
    from care_network.access.permissions import Action
    from dispatch.orders import assigning
    from dispatch.orders.people import Crews
    from dispatch.orders.states import BY_PERSON
    from shouwang.cli.tables import orders

    if what not in BY_PERSON:
        raise typer.BadParameter(f"one of {', '.join(BY_PERSON)}", param_hint="WHAT")
    with acting(url, login, Action.DISPATCH) as session:
        order = _order(session, number)
        if order.staff_id is None:
            raise ValueError(f"nobody has order {number}; offer it first: shouwang orders offer {number}")
        changed = assigning.act_as_person(
            session.conn,
            Crews(),
            order.id,
            what,
            order.staff_id,
            session.actor,
            session.now,
            expected_version=order.version,
            note=note,
        )
        orders.print_orders([changed])


@app.command()
def cancel(number: Number, url: Url, login: Login, note: Note = "") -> None:
    """Nobody has to go any more."""
    from care_network.access.permissions import Action
    from dispatch.orders import assigning
    from shouwang.cli.tables import orders

    with acting(url, login, Action.DISPATCH) as session:
        order = _order(session, number)
        orders.print_orders(
            [
                assigning.cancel(
                    session.conn, order.id, session.actor, session.now, expected_version=order.version, note=note
                )
            ]
        )


@app.command()
def link(
    number: Number,
    url: Url,
    login: Login,
    key_file: Annotated[Path, typer.Option("--key-file", envvar="SHOUWANG_LINK_KEY_FILE", help="Key of the links.")],
    rate: Annotated[
        bool, typer.Option("--rate", help="Instead, the link by which the family rates the visit.")
    ] = False,
) -> None:
    """Print the path of the phone page of the order's person, for when no message reaches them. It acts as
    that person: send it to nobody else. Put the console's address before it."""
    from care_network.access.permissions import Action
    from dispatch.core.links import load_link_keys
    from dispatch.orders.messages import page_path, rating_path

    with acting(url, login, Action.DISPATCH) as session:
        order = _order(session, number)
        keys = load_link_keys(key_file)
        if not rate and order.staff_code is None:
            raise ValueError(f"nobody has order {number}; offer it first: shouwang orders offer {number}")
        session.audit("make_link", resident_id=order.resident_id,
              detail={"order": str(order.id), "staff": None if rate else order.staff_code})  # fmt: skip
        typer.echo(
            rating_path(keys, order.id, order.resident_code or "", session.now)
            if rate
            else page_path(keys, order.id, order.staff_code or "", session.now)
        )


@app.command()
def run() -> None:
    """Run the sweeper: silent people, planned services, the service level, and the rounds of care without the exchange
    ('care report run'). Settings: SHOUWANG_DATABASE_…."""
    from shouwang.sweeping.__main__ import main

    main()


@app.command()
def sla(
    url: Url,
    login: Login,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back.")] = 7,
    by_shift: Annotated[bool, typer.Option("--by-shift/--together", help="Each shift on a line of its own.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """How fast alerts were acknowledged, contacted, reached and resolved, against the targets in force.

    A target is a parameter of the district: shouwang alerting parameters set sla.emergency.acknowledged 90 --district
    """
    import msgspec

    from care_network.access.permissions import Action
    from dispatch.sla import report as sla_store
    from shouwang.cli.tables import orders

    with acting(url, login, Action.VIEW_OPERATIONS) as session:
        since = session.now - dt.timedelta(days=days)
        lines = sla_store.report(
            session.conn, since, session.now, session.now, under=session.account.area_path, by_shift=by_shift
        )
        session.audit("view_sla", detail={"days": days})
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(lines), indent=2).decode())
        else:
            orders.print_sla(lines, sla_store.targets(session.conn).at(session.now))


def _order(session: Session, number: int) -> "Order":
    from care_network.access.visible import visible_households
    from care_network.errors import NotFoundError
    from dispatch.orders.store import load_by_number

    order = load_by_number(session.conn, number)
    seen = order.household_id in visible_households(session.conn, session.account)
    action = "view_order" if seen else "refused_view_order"
    session.audit(action, resident_id=order.resident_id, detail={"order": str(order.id)})
    if not seen:
        raise NotFoundError(
            en=f"there is no work order {number} in your area; see: shouwang orders list",
            zh=f"您的管辖区域内没有工单 {number}；请查看：shouwang orders list",
        )
    return order


def _alert(session: Session, alert: uuid.UUID, action: str) -> dict[str, Any]:
    from care_network.access.visible import visible_households
    from care_network.errors import NotFoundError
    from dispatch.alerts.lookup import load

    row = load(session.conn, alert)
    if row is None or row["household_id"] not in visible_households(session.conn, session.account):
        raise NotFoundError(en=f"there is no alert {alert} in your area", zh=f"您的管辖区域内没有预警 {alert}")
    session.audit(action, resident_id=row["resident_id"], detail={"alert": str(alert)})
    return row
