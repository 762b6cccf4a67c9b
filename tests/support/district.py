"""A small district in a test's database: one household a gateway, one resident each."""

import psycopg

DEVICES = {"radar": "seeed-mr60bha2", "pendant": "mbientlab-metamotions", "sos-button": "sonoff-snzb-01p"}


def add_homes(url: str, gateways: list[str]) -> None:
    """Register the gateways with a radar, a pendant and an SOS button each."""
    with psycopg.connect(url) as conn:
        conn.execute("INSERT INTO area (path, level, name_zh, name_en) VALUES ('d', 'district', '盐田区', 'Yantian')")
        for number, gateway in enumerate(gateways, 1):
            conn.execute(
                "INSERT INTO household (code, area_id, address_zh, address_en)"
                " SELECT %s, id, '一号', 'No. 1' FROM area LIMIT 1",
                (f"H{number:04d}",),
            )
            conn.execute(
                "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
                " SELECT %s, id, '王秀英', 'Wang Xiuying', 'female', '1940-01-01' FROM household WHERE code = %s",
                (f"R{number:04d}", f"H{number:04d}"),
            )
            conn.execute(
                "INSERT INTO gateway (name, household_id) SELECT %s, id FROM household WHERE code = %s",
                (gateway, f"H{number:04d}"),
            )
            for device, model in DEVICES.items():
                conn.execute(
                    "INSERT INTO device (gateway_id, name, model) SELECT id, %s, %s FROM gateway WHERE name = %s",
                    (device, model, gateway),
                )
