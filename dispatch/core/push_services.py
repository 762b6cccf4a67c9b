"""Push services that browsers register with; an endpoint anywhere else is refused.

The endpoint comes from whoever has an account, and the delivery service posts to it: without a list it would post to
any machine within the district's network (server-side request forgery; ASVS 4.0.3, 5.2.6).
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from vocabulary.errors import BilingualError

SERVICES = ("fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com")
"""Of Chromium, Firefox, Safari and Edge: these names and those below them."""


class PushServiceError(BilingualError, ValueError):
    """The endpoint is not one of a known push service."""


def check_endpoint(endpoint: str, more: Collection[str] = ()) -> str:
    """Check a browser's endpoint and give it back. ``more``: names of the operator's own services, with their port.

    Raises PushServiceError.
    """
    try:
        parts = urlsplit(endpoint)
        known = parts.netloc.lower() in more or (
            parts.scheme == "https"
            and parts.netloc.lower() in (parts.hostname, f"{parts.hostname}:443")
            and any(f".{parts.hostname}".endswith(f".{name}") for name in SERVICES)
        )
    except ValueError:
        known = False
    if not known:
        raise PushServiceError(
            zh="这不是已知浏览器推送服务的地址，请管理员在 channels.toml 的 services 中添加",
            en="this is no address of a known push service; the administrator may add one: 'services' in channels.toml",
        )
    return endpoint
