"""What a gateway says about its own order becomes technical alerts: once an episode."""

from alerting.core.finding import Finding
from alerting.detection.detectors.calls import Calls
from alerting.detection.kit.context import District, Happened, Source

DAY_US = 86_400_000_000
START_US = 1_800_000_000_000_000
BUTTON = Source(
    gateway="gw-1",
    name="sos",
    model="sonoff-snzb-01p",
    household_id=7,
    person=None,
    heartbeat_s=60,
    label_zh="紧急按钮",
    label_en="SOS button",
)
GATEWAY = Source(
    gateway="gw-1",
    name="gateway",
    model="gateway",
    household_id=7,
    person=None,
    heartbeat_s=60,
    label_zh="家庭网关",
    label_en="home gateway",
)
DISTRICT = District([], {("gw-1", "sos"): BUTTON, ("gw-1", "gateway"): GATEWAY}, {"gw-1": 7})


def tell(calls: Calls, source: Source, kind: str, day: int, reason: str = "") -> list[Finding]:
    values = {"reason": reason} if reason else {}
    return list(calls.event(DISTRICT, Happened(source, kind, START_US + day * DAY_US, values)))


def test_an_untested_button_is_one_alert_until_it_is_tested() -> None:
    calls = Calls()
    (found,) = tell(calls, BUTTON, "button_test_due", 7, "not tested for a week")
    assert found.severity == "technical"
    assert found.subject == "device:gw-1/sos"
    assert found.reason_en == "Button test is due (SOS button): not tested for a week"
    assert not tell(calls, BUTTON, "button_test_due", 8)
    assert not tell(calls, BUTTON, "button_test_due", 9)
    assert not tell(calls, BUTTON, "button_test", 10), "a test is no alarm"
    assert len(tell(calls, BUTTON, "button_test_due", 11)) == 1, "and ends the episode"


def test_a_configuration_taken_back_is_for_a_technician() -> None:
    (found,) = tell(Calls(), GATEWAY, "config_rolled_back", 0, "it did not come online within 300 s")
    assert found.severity == "technical"
    assert "300 s" in found.reason_zh
    assert not tell(Calls(), GATEWAY, "config_applied", 0)
