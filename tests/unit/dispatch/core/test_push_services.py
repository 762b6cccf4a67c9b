"""Endpoints of push services that browsers have, and those of attackers."""

import pytest

from dispatch.core.push_services import PushServiceError, check_endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com:443/wpush/v2/x",
        "https://web.push.apple.com/x",
        "https://wns2-par02p.notify.windows.com/w/?token=x",
    ],
)
def test_the_services_of_browsers_are_known(endpoint: str) -> None:
    assert check_endpoint(endpoint) == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://127.0.0.1:24148/x", "https://localhost/x", "https://[::1]/x", "https://10.0.0.1/x", "https://[",
        "http://fcm.googleapis.com/x", "https://fcm.googleapis.com:8443/x", "https://fcm.googleapis.com@127.0.0.1/x",
        "https://127.0.0.1\\@fcm.googleapis.com/x", "https://x:y@fcm.googleapis.com/x", "https://evilfcm.googleapis.com/x",
        "https://fcm.googleapis.com.evil.example/x", "file:///etc/passwd", "gopher://fcm.googleapis.com/", "", "https://",
        "https://fcm.googleapis.com:99999999/x", "https://fcm.googleapis.com#@127.0.0.1/",
    ],
)  # fmt: skip
def test_every_other_address_is_refused(endpoint: str) -> None:
    if endpoint == "https://fcm.googleapis.com#@127.0.0.1/":
        assert check_endpoint(endpoint) == endpoint, "what follows # is never sent"
        return
    with pytest.raises(PushServiceError):
        check_endpoint(endpoint)


def test_the_operators_own_service_is_named_with_its_port() -> None:
    assert check_endpoint("https://push.example.org:8443/x", ("push.example.org:8443",))
    with pytest.raises(PushServiceError):
        check_endpoint("https://push.example.org/x", ("push.example.org:8443",))
