"""The drivers and their devices: real protocols over a real local broker, a pseudo-terminal, a simulated radio."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from device_simulators.faults import Faults
from device_simulators.peripherals.ble import BASE_UUID, Peripheral, SimulatedBackend, blood_pressure, heart_rate
from device_simulators.peripherals.mqtt_node import EsphomeNode, Zigbee2MqttBridge
from device_simulators.peripherals.radar import SerialRadar
from device_simulators.recordings import extract
from edge_agent.drivers import ble, serial_radar
from edge_agent.drivers.ble import BleDriver
from edge_agent.drivers.ble_backend import BleError
from edge_agent.drivers.esphome import EsphomeDriver
from edge_agent.drivers.serial_radar import SerialRadarDriver
from edge_agent.drivers.zigbee2mqtt import Zigbee2MqttDriver
from edge_agent.fall import FallDetector
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig
from shouwang.broker import mosquitto_binary
from tests.support.ears import Ears, driving, until
from tests.support.local_broker import HomeBroker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
needs_mosquitto = pytest.mark.skipif(mosquitto_binary() is None, reason="no mosquitto: apt-get install mosquitto")


@pytest.fixture
def home_broker(tmp_path: Path) -> Iterator[HomeBroker]:
    broker = HomeBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@needs_mosquitto
def test_zigbee_devices_of_every_kind_and_a_broker_that_goes_away(home_broker: HomeBroker) -> None:
    devices = [
        DeviceConfig("sos", "sonoff-snzb-01p"),
        DeviceConfig("door", "aqara-mccgq11lm"),
        DeviceConfig("pir", "aqara-rtcgq11lm"),
        DeviceConfig("smoke", "heiman-hs1sa"),
        DeviceConfig("gas", "heiman-hs1cg"),
        DeviceConfig("leak", "aqara-sjcgq11lm"),
        DeviceConfig("bed", "third-reality-3rvs01031z"),
        DeviceConfig("presence", "aqara-rtczcgq11lm"),
        DeviceConfig("climate", "sonoff-snzb-02d"),
    ]
    ears = Ears()

    async def scene() -> None:
        driver = Zigbee2MqttDriver({"port": home_broker.port}, devices)
        async with driving(driver, ears):
            with Zigbee2MqttBridge(home_broker.broker) as bridge:

                def first() -> bool:
                    bridge.change("climate", temperature=22.5, humidity=61)
                    return ("climate", "room_temperature", 22.5) in ears.values

                await until(first, lambda: ears.values)
                bridge.change("sos", action="single")
                bridge.change("sos", action="long")
                bridge.change("door", contact=False)
                bridge.change("door", contact=False, battery=90)
                bridge.change("pir", occupancy=True)
                bridge.change("smoke", smoke=True)
                bridge.change("gas", gas=True)
                bridge.change("leak", water_leak=True)
                bridge.change("bed", vibration=True)
                bridge.change("presence", presence=True)
                bridge.garbage("door")
                bridge.availability("pir", online=False)
                await until(lambda: ("pir", "device_fault") in ears.events, lambda: ears.events)
                home_broker.stop()
                home_broker.start()

                def again() -> bool:
                    bridge.change("climate", temperature=23.5)
                    return ("climate", "room_temperature", 23.5) in ears.values

                await until(again, lambda: ears.values[-5:], 40)

    asyncio.run(scene())
    assert [event for event in ears.events if event[1] != "device_fault"] == [
        ("sos", "sos_pressed"),
        ("sos", "sos_held"),
        ("door", "door_opened"),
        ("smoke", "smoke_detected"),
        ("gas", "gas_detected"),
        ("leak", "water_leak"),
    ]
    assert ("door", "device_fault") in ears.events, "the garbage is told"
    for expected in (("pir", "motion", 1.0), ("bed", "in_bed", 1.0), ("presence", "presence", 1.0)):
        assert expected in ears.values
    assert any(channel == "signal_strength" for _, channel, _ in ears.values)


@needs_mosquitto
def test_an_esphome_radar_tells_vital_signs_falls_and_its_own_death(home_broker: HomeBroker) -> None:
    devices = [DeviceConfig("radar", "seeed-mr60bha2", "bedroom"), DeviceConfig("fall", "seeed-mr60fda2", "bathroom")]
    ears = Ears()

    async def scene() -> None:
        with EsphomeNode(home_broker.broker, "fall") as old:
            old.binary_sensor("falling_information", True)  # retained: yesterday's fall is no news today
        async with driving(EsphomeDriver({"port": home_broker.port}, devices), ears):
            with EsphomeNode(home_broker.broker, "radar") as radar, EsphomeNode(home_broker.broker, "fall") as fall:

                def first() -> bool:
                    radar.sensor("real_time_heart_rate", 71)
                    return ("radar", "heart_rate", 71.0) in ears.values

                await until(first, lambda: ears.values)
                radar.sensor("real_time_respiratory_rate", 15)
                radar.sensor("unknown_entity", 15)
                fall.binary_sensor("falling_information", False)
                fall.binary_sensor("falling_information", True)
                fall.binary_sensor("falling_information", True)
                await until(lambda: ("fall", "fall_suspected") in ears.events, lambda: ears.events)
                radar.vanish()
                await until(lambda: ("radar", "device_fault") in ears.events, lambda: ears.events)

    asyncio.run(scene())
    assert ears.events == [("fall", "fall_recovered"), ("fall", "fall_suspected"), ("radar", "device_fault")]
    assert "offline" in ears.reasons[-1]
    assert ("radar", "respiration_rate", 15.0) in ears.values


def test_a_serial_radar_over_a_bad_line_and_a_port_that_vanishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_radar, "PAUSE_S", (0.05, 0.2))
    port = tmp_path / "ttyRADAR"
    devices = [
        DeviceConfig("radar", "seeed-mr60bha1", "bedroom", str(port)),
    ]
    ears = Ears()

    async def scene() -> None:
        async with driving(SerialRadarDriver({}, devices), ears):
            await until(lambda: ("radar", "device_fault") in ears.events, lambda: ears.events)
            with SerialRadar(1, 0.02, noise=0.5) as radar:
                port.symlink_to(radar.path)
                await until(lambda: len(ears.values) > 40, lambda: ears.values)
                await until(lambda: any("damaged" in r for r in ears.reasons), lambda: ears.reasons)
                radar.garbage(500)
                radar.presence(True)
                await until(lambda: ("radar", "presence", 1.0) in ears.values, lambda: ears.values[-5:])
            port.unlink()
            seen = len(ears.values)
            with SerialRadar(2, 0.02) as radar:
                port.symlink_to(radar.path)
                await until(lambda: len(ears.values) > seen + 20, lambda: ears.values[-5:])

    asyncio.run(scene())
    hearts = [value for _, channel, value in ears.values if channel == "heart_rate"]
    breaths = [value for _, channel, value in ears.values if channel == "respiration_rate"]
    assert hearts
    assert all(45 <= value <= 95 for value in hearts), "no damaged frame was believed"
    assert all(10 <= value <= 22 for value in breaths)


def test_a_serial_fall_radar() -> None:
    ears = Ears()

    async def scene() -> None:
        with SerialRadar(1, 60) as radar:
            device = DeviceConfig("fall", "seeed-mr60fda1", "bathroom", str(radar.path))
            async with driving(SerialRadarDriver({}, [device]), ears):

                def first() -> bool:
                    radar.presence(True)
                    return bool(ears.values)

                await until(first, lambda: ears.values)
                radar.fall(True)
                radar.fall(True)
                radar.fall(False)
                await until(lambda: len(ears.events) == 2, lambda: ears.events)

    asyncio.run(scene())
    assert ears.events == [("fall", "fall_suspected"), ("fall", "fall_recovered")]


def test_ble_devices_that_sleep_wake_and_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "PAUSE_S", (0.02, 0.05))
    ears = Ears()
    pendant_model = MODELS["shouwang-pendant"]

    async def scene() -> None:
        battery = BASE_UUID.format(0x2A19)
        cuff = Peripheral([BASE_UUID.format(0x2A35)])
        cuff.awake = False
        strap = Peripheral([BASE_UUID.format(0x2A37), battery], battery=7)
        pendant = Peripheral([pendant_model.imu_characteristic, battery], battery=55, rssi_dbm=-71)
        backend = SimulatedBackend({"cuff": cuff, "strap": strap, "C0:FF:EE": pendant}, BleError)
        devices = [
            DeviceConfig("cuff", "and-ua-651ble"),
            DeviceConfig("strap", "polar-h10"),
            DeviceConfig("pendant", "shouwang-pendant", address="C0:FF:EE"),
        ]
        async with driving(BleDriver({}, devices, backend), ears):
            await until(lambda: strap.listened_to and pendant.listened_to, lambda: "nobody listens")
            strap.say(BASE_UUID.format(0x2A37), heart_rate(72, [830.1, 841.8]))
            strap.say(BASE_UUID.format(0x2A37), b"\xff")
            cuff.awake = True
            await until(lambda: cuff.listened_to, lambda: "the cuff is not found")
            cuff.say(BASE_UUID.format(0x2A35), blood_pressure(131, 78, 96))
            cuff.vanish()
            await until(lambda: cuff.connections > 1, lambda: "not connected again")
            faults = Faults(every=2, turned=True, drop_out=0.02)
            await pendant.stream(pendant_model.imu_characteristic, extract()["SA01_F01_R01"], faults, 1, speed=20)

    asyncio.run(scene())
    assert ("cuff", "systolic_bp", 131.0) in ears.values
    assert ("strap", "heart_rate", 72.0) in ears.values
    assert ("strap", "battery", 7.0) in ears.values
    assert ("pendant", "signal_strength", -71.0) in ears.values
    assert ("strap", "device_fault") in ears.events
    assert [channel for _, channel, _ in ears.values].count("rr_interval") == 2
    acc = np.concatenate([piece for _, piece in ears.pieces])
    assert len(acc) > 1300
    detector, kinds = FallDetector(100.0), []
    for number, (_, piece) in enumerate(ears.pieces):  # replayed faster than life: the times are those of the signal
        kinds += [event.kind for event in detector.feed(number * 100_000, piece)]
    assert [*kinds, *(event.kind for event in detector.flush())] == ["suspected", "confirmed"]


def test_a_radar_without_a_port_is_told() -> None:
    with pytest.raises(ValueError, match="address"):
        SerialRadarDriver({}, [DeviceConfig("radar", "seeed-mr60fda1")])
