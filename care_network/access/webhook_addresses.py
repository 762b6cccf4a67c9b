"""Addresses to which a webhook may lead: https on the public internet, so that no one makes us ask our own machines.

The address comes from whoever keeps other systems; without a bound the exchange would post into the district's network
(server-side request forgery; ASVS 4.0.3, 5.2.6). The name is judged here, and what it resolves to at each delivery.
"""

import ipaddress
from urllib.parse import urlsplit

from care_network.errors import ProvisioningError

PORTS = frozenset({443, 8443})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def checked_address(url: str, *, local: bool = False) -> str:
    """The address, where a webhook may lead there. ``local``: to this machine itself by http, too, for a trial.

    Raises ProvisioningError.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= 500
    good = plain and "." in host and parts.scheme == "https" and (port or 443) in PORTS
    if local and host in LOOPBACK and plain:
        good = parts.scheme in ("http", "https")
    if not good or parts.username is not None or parts.fragment or (_is_number(host) and not local):
        raise ProvisioningError(
            en="write https://NAME/PATH with a public name, port 443 or 8443, without a password in it",
            zh="请填写 https://域名/路径：公网域名，端口 443 或 8443，不含用户名和密码",
            field="url",
        )
    return url


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet: not ours, not a neighbour's, not this machine."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(one, ipaddress.IPv6Address):
        inner = one.ipv4_mapped or one.sixtofour or (one.teredo[1] if one.teredo else None)
        if inner is not None or one in ipaddress.ip_network("64:ff9b::/96"):
            return inner is not None and is_public(str(inner))
    return one.is_global and not one.is_multicast and not one.is_reserved


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.replace(".", "").isdecimal() or host.lower().startswith("0x")
    return True
