"""The signed links of the time bank: a volunteer's own page, a request's page, and the receiving side's word.

The two of a request are sent and shown to nobody: who could open both would speak for both. A volunteer's own is shown
once where no message reaches them (:func:`care_services.time_bank.running.own_link.show`).

A token names a number beside what it is for, and holds as long as the database has the same one: who renews a link or
takes it back counts the number up.
"""

import datetime as dt
import uuid

from fastapi import Request

from care_services.time_bank.running.telling import NEIGHBOUR
from care_services.time_bank.store import Request as HelpRequest
from console.shell.state import Console
from dispatch.core.links import Link, LinkError, load_link_keys

GOOD_FOR = dt.timedelta(days=14)
"""After the end of the help."""


def own_link(request: Request, console: Console, code: str, serial: int, until: dt.datetime) -> str:
    """The whole address of a volunteer's own page; '' without a key for links."""
    return _address(request, console, "neighbour", NEIGHBOUR, f"{code}.{serial}", f"volunteer:{code}", until)


def _address(
    request: Request, console: Console, place: str, purpose: str, subject: str, person: str, until: dt.datetime
) -> str:
    if console.settings.link_key_file is None:
        return ""
    token = load_link_keys(console.settings.link_key_file).sign(purpose, subject, person, until)
    return f"{str(request.base_url).rstrip('/')}/{place}/{token}"


def read_link(console: Console, token: str, purpose: str, now: dt.datetime) -> tuple[Link, str, int]:
    """Read a token: the link, what it is for, and its number. Raises LinkError."""
    link = load_link_keys(console.settings.link_key_file).read(token, purpose, now)
    about, _, serial = link.subject.partition(".")
    return link, about, int(serial) if serial.isdecimal() else 0


def check(one: HelpRequest | None, serial: int, now: dt.datetime) -> HelpRequest:
    """A request whose links with this number hold. Raises LinkError."""
    if one is None or one.link_serial != serial:
        raise LinkError(zh="链接已更换或撤回，请联系社区站", en="this link was renewed or taken back: call the station")
    if now >= one.wanted_until + GOOD_FOR:
        raise LinkError(zh="链接已过期，请联系社区站", en="this link has expired: call the station")
    return one


def request_id(text: str) -> uuid.UUID:
    """The id of a request that a link names. Raises LinkError for anything else."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise LinkError(zh="链接无效", en="this link is not valid") from error
