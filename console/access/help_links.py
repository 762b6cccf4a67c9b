"""The signed links of the time bank: a volunteer answers and tells the minutes, the receiving side confirms them."""

import datetime as dt

from fastapi import Request

from care_services.time_bank.store import Request as HelpRequest
from console.shell.state import Console
from dispatch.core.links import load_link_keys

HELP, CONFIRM = "time_help", "time_confirm"
GOOD_FOR = dt.timedelta(days=14)
"""After the end of the help."""


def link_for(request: Request, console: Console, purpose: str, one: HelpRequest, now: dt.datetime) -> str:
    """The whole address for the volunteer or the receiving side of a request; '' without a key for links."""
    if console.settings.link_key_file is None:
        return ""
    person = f"volunteer:{one.volunteer}" if purpose == HELP else f"resident:{one.resident}"
    token = load_link_keys(console.settings.link_key_file).sign(
        purpose, str(one.id), person, max(now, one.wanted_until) + GOOD_FOR
    )
    place = "help" if purpose == HELP else "help-done"
    return f"{str(request.base_url).rstrip('/')}/{place}/{token}"
