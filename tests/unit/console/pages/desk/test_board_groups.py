"""What of the queue is shown line by line: few emergencies alike, what somebody has opened, and no more."""

from console.pages.desk.queue import FEW, groups
from dispatch.core.notice import AlertNotice

PLACE = "sz.yt.hs.pw.c1"


def notice(number: int, severity: str = "emergency", rule: str = "sos", state: str = "raised") -> AlertNotice:
    return AlertNotice(
        id=f"{number:04}",
        rule=rule,
        rule_version=1,
        severity=severity,
        state=state,
        version=1,
        subject="x",
        household_id=number,
        household_code=f"H{number}",
        address_zh="",
        address_en="",
        phone="",
        area_path=PLACE,
        area_zh="",
        area_en="",
        resident_id=None,
        resident_code=None,
        resident_zh=None,
        resident_en=None,
        onset_us=number * 1_000_000,
        sensed_us=0,
        received_us=0,
        raised_us=0,
        reason_zh="",
        reason_en="",
        evidence={},
    )  # type: ignore[arg-type]


def shown(alerts: list[AlertNotice], **looks: list[str]) -> dict[str, bool]:
    return {group["key"]: group["shown"] for group in groups(alerts, **looks)}


def test_a_few_emergencies_are_lines_and_a_building_is_one() -> None:
    key = f"group-sos-{PLACE}"
    few = [notice(number) for number in range(FEW)]
    assert shown(few) == {key: True}
    assert shown(few, closed=[key]) == {key: False}
    many = [*few, notice(FEW)]
    assert shown(many) == {key: False}
    assert shown(many, opened=[key]) == {key: True}
    assert shown([notice(number, "technical", "gateway_silent") for number in range(5)]) == {
        f"group-gateway_silent-{PLACE}": False
    }


def test_a_group_keeps_its_key_when_its_first_alert_is_over() -> None:
    many = [notice(number) for number in range(20)]
    assert shown(many) == shown(many[1:])
    later = [notice(10_000 + number) for number in range(5)]
    assert list(shown([*many, *later])) == [f"group-sos-{PLACE}", f"group-sos-{PLACE}-2"]
