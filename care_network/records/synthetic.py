"""Provision the synthetic residents of a district, by which the path of an emergency is proved."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.records import provisioning
from care_network.records.records import NewArea, NewDevice, NewGateway, NewHousehold, NewResident
from vocabulary.synthetic import AREA

GATEWAY, SILENT_GATEWAY = "gw-path-1", "gw-path-2"
"""The gateway by which the residents press and fall, and the one that goes silent."""
GATEWAYS = (GATEWAY, SILENT_GATEWAY)
BUTTONS = ("sos-1", "sos-2")
PENDANTS = ("pendant-1", "pendant-2")
_LEVELS = ("city", "district", "street", "community", "compound")
_NAME = ("链路自检（非真实地点）", "Proof of the path (no real place)")


def add_synthetic(conn: Connection[Any], today: dt.date) -> None:
    """Add the synthetic homes, people, gateways and devices that are not there yet; safe to repeat."""
    path = AREA
    for level in _LEVELS:
        path = AREA if level == "city" else f"{path}.path"
        area = NewArea(path=path, level=level, name_zh=_NAME[0], name_en=_NAME[1])  # type: ignore[arg-type]
        provisioning.add_area(conn, area, exist_ok=True)
    for number, gateway in enumerate(GATEWAYS, start=1):
        home = NewHousehold(
            code=f"PATH-{number}",
            area=path,
            address_zh="链路自检，无此地址",
            address_en="proof of the path: there is no such address",
        )
        provisioning.add_household(conn, home, exist_ok=True)
        provisioning.add_gateway(conn, NewGateway(gateway, home.code), exist_ok=True)
    models = {"sonoff-snzb-01p": BUTTONS, "shouwang-pendant": PENDANTS}
    devices = [(name, model) for model, names in models.items() for name in names]
    for number, (name, model) in enumerate(devices, start=1):
        person = NewResident(
            code=f"PATH-{number}",
            household="PATH-1",
            name_zh=f"合成老人{number}（非真人）",
            name_en=f"synthetic resident {number} (no person)",
            sex="female",
            birth_date=dt.date(1940, 1, 1),
        )
        provisioning.add_resident(conn, person, today, exist_ok=True)
        provisioning.add_device(conn, NewDevice(GATEWAY, name, model, "", person.code), exist_ok=True)
