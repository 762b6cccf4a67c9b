"""Figures of products: unknown where few or nobody could see."""

import msgspec

from care_services.library.products.products import MONTH_S, Product, facts_of
from firmware_profiles.devices import MODELS

ONE = Product(
    model="x", zh="设备", en="device", maker="m", name="n", transport="ble-gatt", battery=True, wearable=False,
    in_use=3,
    homes=3, low_now=0, battery_known=3, device_months=12.0, silent_s=MONTH_S, unknown_s=2 * MONTH_S,
    expected_s=12 * MONTH_S, silent_devices=1, alerts=9, false_alerts=6, low_battery_alerts=2,
)  # fmt: skip


def test_rates_are_of_device_months_and_of_the_time_that_was_seen() -> None:
    assert ONE.false_rate == 0.5
    assert ONE.silent_share == 0.1
    assert ONE.low_rate == 2.0


def test_few_and_blind_are_unknown_and_not_good() -> None:
    few = msgspec.structs.replace(ONE, device_months=5.9)
    assert (few.false_rate, few.silent_share, few.low_rate) == (None, None, None)
    blind = msgspec.structs.replace(ONE, unknown_s=7 * MONTH_S, silent_s=0.0)
    assert blind.silent_share is None, "nobody saw it for more than half of the time: that is not silence of 0"
    assert blind.false_rate == 0.5
    assert msgspec.structs.replace(ONE, battery=False).low_rate is None


def test_every_model_is_in_words_and_its_topics_lead_somewhere() -> None:
    facts = {code: facts_of(code) for code, model in MODELS.items() if model.transport not in ("gateway", "exchange")}
    assert all(one.measures or one.tells or MODELS[code].has_imu for code, one in facts.items())
    assert "falls" in facts["shouwang-pendant"].topics
    assert "vital_signs" in facts["nonin-3230"].topics
