"""Devices are named coarsely: a browser and a system, nothing by which somebody is known."""

import pytest

from console.shell.entry.device import device_of, device_words


@pytest.mark.parametrize(
    ("agent", "codes", "zh"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
            "chrome windows", "Chrome 浏览器 · Windows 电脑",
        ),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit Chrome/130 MicroMessenger/8.0", "wechat android", "微信 · 安卓"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17 Safari/604.1", "safari iphone",
         "Safari 浏览器 · iPhone 或 iPad"),
        ("curl/8.1", "program", "程序"),
        ("", "program", "程序"),
    ],
)  # fmt: skip
def test_a_browser_is_named_by_its_kind(agent: str, codes: str, zh: str) -> None:
    assert device_of(agent) == codes
    assert device_words("zh", codes) == zh


def test_an_unknown_device_says_so() -> None:
    assert device_words("en", "") == "not known"
    assert device_words("zh", "<script>") == "未知设备"
