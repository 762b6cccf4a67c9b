"""The command ``shouwang trace``: one event's way from the sensor to the telephone."""

from typing import TYPE_CHECKING, Annotated

import typer

from shouwang.cli.session import Login, Url, acting

if TYPE_CHECKING:
    from dispatch.desk.trace import Trace
    from shouwang.cli.session import Session


def trace(
    which: Annotated[str, typer.Argument(metavar="ID", help="Of an alert (UUID), or the number of an event.")],
    url: Url,
    login: Login,
) -> None:
    """Every stamp of an event: sensor, stored, alert, each message and receipt, the people who came. The look is
    audited."""
    from care_network.access.permissions import Action
    from care_network.errors import NotFoundError
    from shouwang.cli.tables.trace import print_trace

    with acting(url, login, Action.VIEW_NETWORK) as session:
        found = _find(session, which)
        if found is None:
            raise NotFoundError(en=f"no such alert or event: {which}", zh=f"没有这条预警或事件：{which}")
        print_trace(found)


def _find(session: "Session", which: str) -> "Trace | None":
    """The trace; None where there is none, or where the account may not see the home. The look is in the audit."""
    import uuid

    from care_network.access.visible import visible_households
    from dispatch.desk.trace import trace_alert, trace_event

    try:
        number = int(which) if which.isdecimal() else uuid.UUID(which)
    except ValueError:
        return None
    conn = session.conn
    if isinstance(number, int):
        found = trace_event(conn, number) if 0 < number < 2**63 else None
    else:
        found = trace_alert(conn, number)
    if found is None:
        return None
    allowed = found.household_id in visible_households(conn, session.account, [found.household_id])
    detail = {"alert": str(found.alert_id), "events": list(found.event_ids), "trace": True}
    session.audit("view_alert" if allowed else "refused_alert", resident_id=found.resident_id, detail=detail)
    return found if allowed else None
