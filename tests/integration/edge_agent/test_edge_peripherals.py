"""The drivers and their devices: real protocols over a real local broker, a pseudo-terminal, a simulated radio."""

import asyncio
import datetime
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_simulators.faults import Faults
from device_simulators.home import Home
from device_simulators.homes import DEVICES
from device_simulators.peripherals.ble import (
    GlucoseMeter,
    Peripheral,
    SimulatedBackend,
    blood_pressure,
    heart_rate,
)
from device_simulators.peripherals.household import Flaws, Household
from device_simulators.peripherals.mqtt_node import EsphomeNode, Zigbee2MqttBridge
from device_simulators.peripherals.radar import SerialRadar
from device_simulators.peripherals.terminal import Terminal
from device_simulators.recordings import extract
from edge_agent.drivers import ble, esphome, local_mqtt, reachability, serial_radar
from edge_agent.drivers.ble import BleDriver
from edge_agent.drivers.ble_backend import BleError, NotAdvertisingError
from edge_agent.drivers.esphome import EsphomeDriver
from edge_agent.drivers.serial_radar import SerialRadarDriver
from edge_agent.drivers.zigbee2mqtt import Zigbee2MqttDriver
from edge_agent.fall import FallDetector
from firmware_profiles.decoding import glucose_records
from firmware_profiles.devices import MODELS
from firmware_profiles.driver import DeviceConfig
from firmware_profiles.gatt import BASE_UUID, decode_clock
from shouwang.brokers.local import mosquitto_binary
from tests.support.ears import Ears, driving, until
from tests.support.local_broker import HomeBroker

pytestmark = pytest.mark.integration
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
        DeviceConfig("bed", "tuya-ts0601-bed"),
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
                bridge.change("door", contact=True)
                bridge.change("door", contact=False)
                bridge.change("door", contact=False, battery=90)
                bridge.change("pir", occupancy=True)
                bridge.change("smoke", smoke=True)
                bridge.change("gas", gas=True)
                bridge.change("leak", water_leak=True)
                bridge.change("bed", occupancy=True)
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
def test_an_esphome_radar_tells_vital_signs_falls_and_its_own_death(
    home_broker: HomeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_mqtt, "TEND_S", 0.05)
    monkeypatch.setattr(esphome, "OFFLINE_US", 200_000)
    devices = [DeviceConfig("radar", "seeed-mr60bha2", "bedroom"), DeviceConfig("fall", "seeed-mr60fda2", "bathroom")]
    ears = Ears()

    async def scene() -> None:
        with EsphomeNode(home_broker.broker, "fall") as old:
            old.binary_sensor("falling_information", True)  # retained: yesterday's fall is no news today
        async with driving(EsphomeDriver({"port": home_broker.port}, devices), ears):
            with EsphomeNode(home_broker.broker, "radar") as radar, EsphomeNode(home_broker.broker, "fall") as fall:

                def first() -> bool:
                    radar.sensor("real-time_heart_rate", 71)
                    return ("radar", "heart_rate", 71.0) in ears.values

                await until(first, lambda: ears.values)
                radar.sensor("real-time_respiratory_rate", 15)
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


def test_a_fall_whose_report_is_lost_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_radar, "ASK_S", 0.1)
    ears = Ears()

    async def scene() -> None:
        with SerialRadar(1, 60) as radar:
            device = DeviceConfig("fall", "seeed-mr60fda1", "bathroom", str(radar.path))
            async with driving(SerialRadarDriver({}, [device]), ears):
                await until(lambda: ("fall", "presence", 0.0) in ears.values, lambda: ears.values)
                radar.fall(True, lost=True)
                await until(lambda: ears.events != [], lambda: ears.events)

    asyncio.run(scene())
    assert ears.events == [("fall", "fall_suspected")]
    assert ears.values[0] == ("fall", "reachable", 1.0)


def test_a_frame_behind_a_damaged_length_is_not_kept_waiting() -> None:
    ears = Ears()

    async def scene() -> None:
        with SerialRadar(1, 60) as radar:
            device = DeviceConfig("fall", "seeed-mr60fda1", "bathroom", str(radar.path))
            async with driving(SerialRadarDriver({}, [device]), ears):
                await until(lambda: ("fall", "presence", 0.0) in ears.values, lambda: ears.values)
                radar.write(bytes.fromhex("53 59 80 03 01 40 53"))  # says that 320 bytes follow
                radar.fall(True)
                await until(lambda: ears.events != [], lambda: ears.events, 5)

    asyncio.run(scene())
    assert ears.events == [("fall", "fall_suspected")]


@pytest.mark.parametrize(
    ("noise", "words"), [(b"", "check the wires"), (b"\xfe\x7f" * 20, "check the baud rate")], ids=["none", "noise"]
)
def test_a_line_that_says_nothing_sensible_is_told(noise: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_radar, "ASK_S", 0.05)
    monkeypatch.setattr(
        serial_radar, "MODELS", {"deaf": msgspec.structs.replace(MODELS["seeed-mr60fda1"], heartbeat_s=0.5)}
    )
    ears = Ears()

    async def scene() -> None:
        with Terminal(lambda _: line.write(noise)) as line:
            device = DeviceConfig("fall", "deaf", "bathroom", str(line.path))
            async with driving(SerialRadarDriver({}, [device]), ears):
                await until(lambda: ears.reasons != [], lambda: ears.reasons)

    asyncio.run(scene())
    assert words in ears.reasons[0]
    assert ears.values == [("fall", "reachable", 0.0)]


def test_a_glucose_meter_is_asked_for_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "PAUSE_S", (0.02, 0.05))
    ears = Ears()
    monday = datetime.datetime(2025, 11, 24, 7, 30)

    async def scene() -> None:
        meter = GlucoseMeter()
        for day in range(3):
            meter.measure(5.0 + day, monday + datetime.timedelta(days=day))
        backend = SimulatedBackend({"meter": meter}, NotAdvertisingError)
        async with driving(BleDriver({}, [DeviceConfig("meter", "accu-chek-guide")], backend), ears):
            await until(lambda: len(ears.values) > 1, lambda: ears.values)
            meter.vanish()
            meter.measure(9.5, monday + datetime.timedelta(days=3))
            meter.measure(9.9, monday + datetime.timedelta(days=3, hours=2))
            await until(lambda: ("meter", "glucose", 9.9) in ears.values, lambda: ears.values)
            seen = meter.connections
            meter.vanish()
            await until(lambda: meter.connections > seen and meter.listened_to, lambda: "not connected again")

    asyncio.run(scene())
    assert [value for _, channel, value in ears.values if channel == "glucose"] == [7.0, 9.5, 9.9]


def test_what_a_device_refuses_costs_that_alone_and_its_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Public reports bleak#249, #359 (a protected battery level), SpeziBluetooth#28 (cuffs want their clock set)."""
    monkeypatch.setattr(ble, "PAUSE_S", (0.02, 0.05))
    ears = Ears()
    battery, clock, pressure = (BASE_UUID.format(number) for number in (0x2A19, 0x2A08, 0x2A35))

    async def scene() -> None:
        cuff = Peripheral([pressure, battery, clock])
        cuff.refused, cuff.refusal, cuff.clock = {battery}, BleError, bytes.fromhex("e5070101000000")  # 2021-01-01
        stubborn = Peripheral([pressure, battery, clock])
        stubborn.refused, stubborn.refusal = {battery, clock}, BleError
        backend = SimulatedBackend({"cuff": cuff, "stubborn": stubborn}, NotAdvertisingError)
        devices = [DeviceConfig(name, "and-ua-651ble") for name in ("cuff", "stubborn")]
        async with driving(BleDriver({}, devices, backend), ears):
            await until(lambda: cuff.listened_to and stubborn.listened_to, lambda: "nobody listens")
            assert abs((decode_clock(cuff.clock) or 0) - ears.now_us()) < 60_000_000
            for device in (cuff, stubborn):
                device.say(pressure, bytes.fromhex("02780050005d00ea070b1c080000"))
            assert (cuff.connections, stubborn.connections) == (1, 1)

    asyncio.run(scene())
    for name in ("cuff", "stubborn"):
        assert {(name, "systolic_bp", 120.0), (name, "diastolic_bp", 80.0)} <= set(ears.values)
    assert ears.events[0] == ("cuff", "device_clock_off")


def test_a_device_that_drops_the_connection_each_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "PAUSE_S", (0.01, 0.02))
    ears = Ears()

    async def scene() -> None:
        cuff = Peripheral([BASE_UUID.format(0x2A35)])
        cuff.refused, cuff.refusal = {BASE_UUID.format(0x2A35)}, BleError
        backend = SimulatedBackend({"cuff": cuff}, NotAdvertisingError)
        async with driving(BleDriver({}, [DeviceConfig("cuff", "and-ua-651ble")], backend), ears):
            await until(lambda: ears.events != [], lambda: ears.events)

    asyncio.run(scene())
    assert ears.events == [("cuff", "device_fault")]


def test_a_glucose_meter_that_refuses_to_send_new_records_is_asked_for_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ble, "PAUSE_S", (0.02, 0.05))
    ears = Ears()
    meter = DeviceConfig("meter", "accu-chek-guide")

    async def scene() -> None:
        simulated = GlucoseMeter()
        simulated.measure(5.0, datetime.datetime(2025, 11, 24, 7, 30))
        backend = SimulatedBackend({"meter": simulated}, NotAdvertisingError)
        driver = BleDriver({}, [meter], backend)
        async with driving(driver, ears):
            await until(lambda: ears.values != [], lambda: ears.values)
            assert driver.next_records(meter) == glucose_records.request(0)
            simulated.say(GlucoseMeter.RACP, bytes((0x06, 0x00, 0x01, 0x04)))
            assert driver.next_records(meter) == glucose_records.request(None)

    asyncio.run(scene())
    assert "operator not supported" in ears.reasons[-1]


def test_a_pendant_that_is_lost_or_dumb_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "PAUSE_S", (0.02, 0.05))
    model = msgspec.structs.replace(MODELS["shouwang-pendant"], heartbeat_s=0.1)
    monkeypatch.setattr(ble, "MODELS", {"dumb": model})
    monkeypatch.setattr(reachability, "MODELS", {"dumb": model})
    ears = Ears()

    async def scene() -> None:
        pendant = Peripheral([model.imu_characteristic, BASE_UUID.format(0x2A19)], battery=55)
        backend = SimulatedBackend({"pendant": pendant}, NotAdvertisingError)
        async with driving(BleDriver({}, [DeviceConfig("pendant", "dumb")], backend), ears):
            await until(lambda: ears.values.count(("pendant", "reachable", 1.0)) > 2, lambda: ears.values)
            pendant.battery = 9
            await until(lambda: ("pendant", "battery", 9.0) in ears.values, lambda: ears.values)
            pendant.awake = False
            pendant.vanish()
            await until(lambda: ("pendant", "reachable", 0.0) in ears.values, lambda: ears.values)

    asyncio.run(scene())
    assert ears.events == [("pendant", "device_fault")]
    assert "no motion samples" in ears.reasons[0]


def test_a_radio_that_does_not_work_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ble, "PAUSE_S", (0.01, 0.02))
    ears = Ears()

    async def scene() -> None:
        backend = SimulatedBackend({}, BleError)
        async with driving(BleDriver({}, [DeviceConfig("strap", "polar-h10")], backend), ears):
            await until(lambda: ears.events != [], lambda: ears.events)

    asyncio.run(scene())
    assert ears.events == [("strap", "device_fault")]
    assert ears.values == [("strap", "reachable", 0.0)]


def test_a_device_of_another_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears()

    async def scene() -> None:
        strap = Peripheral([BASE_UUID.format(0x2A37)])
        backend = SimulatedBackend({"cuff": strap}, BleError)
        async with driving(BleDriver({}, [DeviceConfig("cuff", "and-ua-651ble")], backend), ears):
            await until(lambda: ears.reasons != [], lambda: ears.reasons)

    asyncio.run(scene())
    assert "0x2A35" in ears.reasons[0]


@needs_mosquitto
def test_a_local_broker_that_stays_away_is_told_and_its_devices_are_out_of_contact(
    home_broker: HomeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_mqtt, "TEND_S", 0.05)
    monkeypatch.setattr(local_mqtt, "LOST_US", 300_000)
    ears = Ears()

    async def scene() -> None:
        devices = [DeviceConfig("radar", "seeed-mr60bha2")]
        async with driving(EsphomeDriver({"port": home_broker.port}, devices), ears):
            with EsphomeNode(home_broker.broker, "radar") as radar:

                def live() -> bool:
                    radar.sensor("wifi_signal", -60)
                    return [value for _, channel, value in ears.values if channel == "reachable"][-1:] == [1.0]

                await until(live, lambda: ears.values[-5:])
                home_broker.stop()
                await until(lambda: ("gateway", "device_fault") in ears.events, lambda: ears.events)
                home_broker.start()
                await until(live, lambda: ears.values[-5:], 40)

    asyncio.run(scene())
    assert ("radar", "reachable", 0.0) in ears.values
    assert f"127.0.0.1:{home_broker.port} does not answer" in ears.reasons[0]


@needs_mosquitto
def test_a_simulated_household_is_heard_as_it_lives(home_broker: HomeBroker) -> None:
    """From the home's signals to each device's payload, over the broker, and back by the drivers: the same values."""
    start = 1_763_942_400_000_000 + 22 * 3_600_000_000  # 06:00 in Shanghai
    end = start + 5 * 3_600_000_000
    devices = [*DEVICES, DeviceConfig("first-node", "hi-link-ld2410"), DeviceConfig("first-sensor", "sonoff-snzb-02d")]
    zigbee, esp = Ears(), Ears()

    async def scene() -> None:
        options = {"port": home_broker.port}
        async with (
            driving(Zigbee2MqttDriver(options, devices), zigbee),
            driving(EsphomeDriver(options, devices), esp),
        ):
            with EsphomeNode(home_broker.broker, "first-node") as node, Zigbee2MqttBridge(home_broker.broker) as bridge:

                def heard() -> bool:
                    node.sensor("wifi_signal", -50)
                    bridge.change("first-sensor", temperature=20)
                    return bool(zigbee.values and esp.values)

                await until(heard, lambda: (len(zigbee.values), len(esp.values)))
            with Household(home_broker.broker, 3, flaws=Flaws(garbage=0.05, battery=7)) as home:
                changes = home.changes(start, end)
                home.say(start, end)
                radar = sum(change.device.name == "radar" for change in changes) + 1
                await until(lambda: told(esp) >= radar, lambda: (told(esp), radar), 60)
                await until(lambda: ("smoke", "battery_low") in zigbee.events, lambda: zigbee.events)

    def told(ears: Ears) -> int:
        return sum(device == "radar" for device, _, _ in ears.values)

    asyncio.run(scene())
    columns = list(Home(3).columns(start, end))
    for ears, name, channels in (
        (esp, "radar", {"heart_rate", "respiration_rate", "presence"}),
        (zigbee, "climate", {"room_temperature"}),
    ):
        said = [(c.channel, round(float(v), 2)) for c in columns if c.device == name for v in c.values]
        heard = [(channel, value) for device, channel, value in ears.values if device == name]
        for channel in channels:  # Zigbee2MQTT repeats the whole state: each value at least as often as it was said
            assert not Counter(v for c, v in said if c == channel) - Counter(v for c, v in heard if c == channel)
        assert channels <= {channel for channel, _ in said}
    assert ("front-door", "door_opened") in zigbee.events
    assert any("not valid JSON" in reason for reason in zigbee.reasons)
    assert ("front-door", "battery", 7.0) in zigbee.values


@needs_mosquitto
def test_the_command_that_simulates_peripherals(home_broker: HomeBroker) -> None:
    ears = Ears()
    command = [sys.executable, "-m", "shouwang", "simulate", "peripherals"]

    async def scene() -> None:
        async with driving(Zigbee2MqttDriver({"port": home_broker.port}, DEVICES), ears):
            process = await asyncio.create_subprocess_exec(
                *command, "--broker", f"127.0.0.1:{home_broker.port}", "--seed", "4", "--garbage", "1"
            )
            await until(lambda: ("bed", "in_bed") in {value[:2] for value in ears.values}, lambda: ears.values, 90)
            process.terminate()
            assert await process.wait() == 0

    asyncio.run(scene())
    assert any("not valid JSON" in reason for reason in ears.reasons)


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
