"""The address of a visit's page for whoever goes there without an account."""

import datetime as dt

from care_services.home_services.visits import door_links
from console.shell.state import Console
from dispatch.core.links import load_link_keys


def address_of(console: Console, subject: str, until: dt.datetime) -> str:
    """The address of a visit's page for a person, by the subject of its link; '' without a key for links."""
    if console.settings.link_key_file is None:
        return ""
    keys = load_link_keys(console.settings.link_key_file)
    staff = subject.partition(".")[2]
    return f"{door_links.PATH}/{keys.sign(door_links.PURPOSE, subject, f'staff:{staff}', until)}"
