"""A district in a test's database whose devices and lines the test takes away, with the truth about them."""

import datetime as dt
import random
from typing import Any

import psycopg

from care_network.protection.functions import Function, Level

DEVICES = {
    "pendant": ("shouwang-pendant", "worn", 60), "button": ("sonoff-snzb-01p", "bedside", 7200),
    "radar": ("seeed-mr60bha2", "bedroom", 60), "pir": ("aqara-rtcgq11lm", "living_room", 3600),
    "door": ("aqara-mccgq11lm", "hall", 3600), "smoke": ("heiman-hs1sa", "kitchen", 43_200),
    "gas": ("heiman-hs1cg", "kitchen", 7200), "water": ("aqara-sjcgq11lm", "bathroom", 3600),
}  # fmt: skip
"""Model, room and heartbeat in seconds."""
CHANNELS = {"radar": ("heart_rate", "presence"), "pendant": ("body_movement", "battery")}
AREAS = (
    ("sz", "city"), ("sz.yt", "district"), ("sz.yt.hs", "street"), ("sz.yt.hs.pw", "community"),
    ("sz.yt.hs.pw.c1", "compound"), ("sz.yt.ms", "street"), ("sz.yt.ms.dm", "community"),
    ("sz.yt.ms.dm.c2", "compound"),
)  # fmt: skip
COMPOUNDS = ("sz.yt.hs.pw.c1", "sz.yt.ms.dm.c2")


class World:
    """``homes`` of one resident each; everything is sound at first. Times are the test's own."""

    def __init__(self, conn: psycopg.Connection[Any], homes: int, now: dt.datetime, *, areas: bool = True) -> None:
        self.conn, self.now = conn, now
        self.dead: dict[tuple[int, str], dt.datetime] = {}
        """Devices that send no more, and when they last did."""
        self.offline: dict[int, dt.datetime] = {}
        self.mute: dict[int, dt.datetime] = {}
        """Gateways that the broker called offline, and those that only stopped."""
        self.spoke: dict[tuple[int, str], dt.datetime] = {}
        self.talked: dict[int, dt.datetime] = {}
        """When each device, and each gateway, last said something."""
        self.paused: set[tuple[int, str]] = set()
        self.low: set[int] = set()
        """Homes whose pendant's battery is almost empty, and those of which the pendant has said so."""
        self.told_low: set[int] = set()
        if areas:
            for path, level in AREAS:
                conn.execute(
                    "INSERT INTO area (path, level, name_zh, name_en) VALUES (%s, %s, %s, %s)",
                    (path, level, f"地{path[-2:]}", f"Place {path[-2:]}"),
                )
        self.homes = range(1, homes + 1)
        conn.execute(
            "INSERT INTO household (code, area_id, address_zh, address_en)"
            " SELECT 'P' || n, (SELECT id FROM area WHERE path::text = (%s::text[])[1 + n %% %s]), n || '号',"
            " 'No. ' || n FROM generate_series(1, %s) n",
            (list(COMPOUNDS), len(COMPOUNDS), homes),
        )
        conn.execute(
            "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date) SELECT 'P' || n, h.id,"
            " '王' || n, 'Wang ' || n, 'female', '1940-01-01' FROM generate_series(1, %s) n"
            " JOIN household h ON h.code = 'P' || n",
            (homes,),
        )
        conn.execute(
            "INSERT INTO gateway (name, household_id, state, state_at, registered_at)"
            " SELECT 'gp-' || n, h.id, 'online', %s, %s FROM generate_series(1, %s) n"
            " JOIN household h ON h.code = 'P' || n",
            (now, now, homes),
        )
        for name, (model, room, _) in DEVICES.items():
            conn.execute(
                "INSERT INTO device (gateway_id, name, model, room) SELECT id, %s, %s, %s FROM gateway"
                " WHERE name LIKE 'gp-%%'",
                (name, model, room),
            )
            for channel in CHANNELS.get(name, ("signal_strength",)):
                conn.execute(
                    "INSERT INTO series (device_id, channel) SELECT d.id, %s FROM device d JOIN gateway g"
                    " ON g.id = d.gateway_id WHERE d.name = %s AND g.name LIKE 'gp-%%'",
                    (channel, name),
                )
        self.series = {
            (int(row[0]), row[1], row[2]): row[3]
            for row in conn.execute(
                "SELECT substr(g.name, 4), d.name, s.channel, s.id FROM series s JOIN device d ON d.id = s.device_id"
                " JOIN gateway g ON g.id = d.gateway_id WHERE g.name LIKE 'gp-%'"
            )
        }
        self.residents = {
            row[0]: row[1]
            for row in conn.execute("SELECT substr(code, 2)::int, id FROM resident WHERE code ~ '^P[0-9]'")
        }
        self.speak()

    def silent(self, home: int, device: str) -> dt.datetime | None:
        """Since when nothing comes of a device: its own silence, or its gateway's."""
        times = [self.dead.get((home, device)), self.offline.get(home), self.mute.get(home)]
        return min((time for time in times if time), default=None)

    def speak(self) -> None:
        """Everything that is sound sends something now."""
        with self.conn.cursor().copy("COPY reading_row (time, series_id, value) FROM STDIN") as copy:
            for (home, device, channel), series in self.series.items():
                if self.silent(home, device) is None:
                    value = 70.0 if channel == "heart_rate" else -60.0 if channel == "signal_strength" else 1.0
                    copy.write_row(
                        (self.now, series, (5.0 if home in self.low else 90.0) if channel == "battery" else value)
                    )
        told = {home for home in self.homes if self.silent(home, "pendant") is None}
        for home in self.homes:
            for device in DEVICES:
                if self.silent(home, device) is None:
                    self.spoke[home, device] = self.now
        self.told_low = self.told_low - told | self.low & told
        talking = [home for home in self.homes if home not in self.offline and home not in self.mute]
        self.talked.update(dict.fromkeys(talking, self.now))
        self.conn.execute(
            "INSERT INTO ingest_stream (gateway_id, epoch, stream, high, updated_at) SELECT g.id, 1, 'live', 1, %s"
            " FROM gateway g WHERE g.name = ANY(%s) ON CONFLICT (gateway_id, epoch, stream)"
            " DO UPDATE SET updated_at = excluded.updated_at",
            (self.now, [f"gp-{home}" for home in talking]),
        )

    def line(self, home: int, state: str) -> None:
        """The broker tells that a gateway is online or offline."""
        self.conn.execute(
            "UPDATE gateway SET state = %s, state_at = %s WHERE name = %s", (state, self.now, f"gp-{home}")
        )

    def pause(self, home: int, device: str) -> None:
        self.conn.execute(
            "INSERT INTO pause (kind, household_id, device_id, since, until, reason, actor) SELECT 'maintenance',"
            " g.household_id, d.id, %s, %s, 'x', 'y' FROM device d JOIN gateway g ON g.id = d.gateway_id"
            " WHERE g.name = %s AND d.name = %s",
            (self.now, self.now + dt.timedelta(days=2), f"gp-{home}", device),
        )
        self.paused.add((home, device))

    def resume(self, home: int, device: str) -> None:
        self.conn.execute(
            "UPDATE pause SET ended_at = %s, ended_by = 'y' WHERE ended_at IS NULL AND device_id = (SELECT d.id"
            " FROM device d JOIN gateway g ON g.id = d.gateway_id WHERE g.name = %s AND d.name = %s)",
            (self.now, f"gp-{home}", device),
        )
        self.paused.discard((home, device))

    def mishap(self, chance: random.Random) -> None:
        """Take something away from a home, or give it back."""
        home, device = chance.choice(self.homes), chance.choice(list(DEVICES))
        match chance.randrange(6):
            case 0 | 1:
                if self.dead.pop((home, device), None) is None:
                    self.dead[home, device] = self.now
            case 2:
                if self.offline.pop(home, None) is None:
                    self.offline[home] = self.now
                else:
                    self.talked[home] = self.now
                self.line(home, "offline" if home in self.offline else "online")
            case 3:
                if self.mute.pop(home, None) is None:
                    self.mute[home] = self.now
            case 4:
                (self.resume if (home, device) in self.paused else self.pause)(home, device)
            case _:
                self.low ^= {home}

    def truth(self, home: int) -> dict[Function, Level]:
        """What is so at this moment, by what was taken away; the residents of this world never go out."""
        if home in self.offline or (self.now - self.talked[home]).total_seconds() >= 180:
            return dict.fromkeys(Function, Level.BLIND)

        def works(device: str) -> bool:
            lost = (self.now - self.spoke[home, device]).total_seconds() >= 3 * DEVICES[device][2]
            return not lost and (home, device) not in self.paused

        def all_or_nothing(device: str) -> Level:
            return Level.COVERED if works(device) else Level.BLIND

        def some(*devices: str) -> Level:
            working = [device for device in devices if works(device)]
            return Level.COVERED if len(working) == len(devices) else Level.WEAK if working else Level.BLIND

        pendant = all_or_nothing("pendant")
        return {
            Function.FALL: Level.WEAK if pendant == Level.COVERED and home in self.told_low else pendant,
            Function.HELP: all_or_nothing("button"),
            Function.HAZARD: some("smoke", "gas", "water"),
            Function.STILLNESS: some("radar", "pir"),
            Function.LEAVING: all_or_nothing("door"),
            Function.VITALS: all_or_nothing("radar"),
            Function.BREATHING: all_or_nothing("radar"),
        }
