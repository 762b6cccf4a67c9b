"""Register browsers for Web Push, and give them the key they need."""

from pydantic import BaseModel, Field
from starlette.responses import FileResponse, JSONResponse, Response

from care_network.access.permissions import Action
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import STATIC
from dispatch.channels.preferences import add_browser, drop_browser
from dispatch.core.push_services import check_endpoint

router = page_router()


class Keys(BaseModel):
    p256dh: str = Field(pattern=r"^[A-Za-z0-9_-]{80,100}=?$")
    auth: str = Field(pattern=r"^[A-Za-z0-9_-]{20,30}={0,2}$")


class Subscription(BaseModel):
    """``PushSubscription.toJSON()``."""

    endpoint: str = Field(max_length=2000)
    keys: Keys


@router.get("/push-worker.js")
def worker() -> Response:
    """The service worker; at the root, because it serves only pages below its own address."""
    return FileResponse(STATIC / "push-worker.js", media_type="text/javascript")


@router.get("/api/push", dependencies=[needs(Action.VIEW_ALERTS)])
def key(console: Shared) -> Response:
    """Give the application server's key (RFC 8292, 3.2); empty where Web Push is not set up."""
    return JSONResponse({"key": console.channels.push_key})


@router.post("/api/push", dependencies=[needs(Action.VIEW_ALERTS)])
def register(console: Shared, account: CurrentAccount, subscription: Subscription) -> Response:
    check_endpoint(subscription.endpoint, console.channels.push_services)
    with console.database() as conn:
        keys = subscription.keys
        add_browser(conn, account, subscription.endpoint, keys.p256dh, keys.auth)
    return JSONResponse({"ok": True})


@router.delete("/api/push", dependencies=[needs(Action.VIEW_ALERTS)])
def unregister(console: Shared, account: CurrentAccount, endpoint: str) -> Response:
    with console.database() as conn:
        drop_browser(conn, account, endpoint)
    return JSONResponse({"ok": True})
