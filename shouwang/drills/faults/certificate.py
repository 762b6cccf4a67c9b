"""Certificates: all of them renewed at once, the broker's and its clients'."""

import time

from shouwang.drills.place import Place


def renewed(place: Place, seconds: float) -> None:
    """Issue every certificate anew, and restart the broker with its own as an administrator does after a renewal."""
    for file in (*place.data.joinpath("pki").rglob("*.crt"), *place.data.joinpath("pki").rglob("*.pem")):
        if file != place.broker.pki.ca and "ca" not in file.stem:
            file.unlink()
    names = [child.split("-")[0] for child in place.children]
    for identity in {f"svc-{name}" for name in names} | {gateway.name for gateway in place.homes.gateways}:
        place.broker.settings(identity)
    place.broker.stop()
    place.broker.start()
    time.sleep(seconds)
