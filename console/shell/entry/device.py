"""Name a browser and its system in words, from what it says of itself: coarse, so that nobody is known by it."""

import re

from console.shell.i18n import Language, pick

_BROWSERS = (
    ("wechat", re.compile("MicroMessenger")),
    ("edge", re.compile(r"Edg(e|A|iOS)?/")),
    ("firefox", re.compile("Firefox/|FxiOS/")),
    ("chrome", re.compile("Chrome/|CriOS/")),
    ("safari", re.compile("Safari/")),
)
_SYSTEMS = (
    ("android", re.compile("Android")),
    ("iphone", re.compile("iPhone|iPad")),
    ("windows", re.compile("Windows")),
    ("mac", re.compile("Mac OS X")),
    ("linux", re.compile("Linux|X11")),
)
_WORDS = {
    "wechat": ("微信", "WeChat"), "edge": ("Edge 浏览器", "Edge"), "firefox": ("火狐浏览器", "Firefox"),
    "chrome": ("Chrome 浏览器", "Chrome"), "safari": ("Safari 浏览器", "Safari"), "android": ("安卓", "Android"),
    "iphone": ("iPhone 或 iPad", "iPhone or iPad"), "windows": ("Windows 电脑", "Windows"),
    "mac": ("Mac 电脑", "Mac"), "linux": ("Linux 电脑", "Linux"), "program": ("程序", "a program"),
}  # fmt: skip


def device_of(user_agent: str) -> str:
    """Codes of browser and system, with a blank between: 'chrome windows'; 'program' for what is no browser."""
    codes = [
        next((code for code, pattern in table if pattern.search(user_agent)), "") for table in (_BROWSERS, _SYSTEMS)
    ]
    return " ".join(code for code in codes if code) or "program"


def device_words(language: Language, device: str) -> str:
    """The words for a device's codes; 'not known' for none."""
    known = [pick(language, *_WORDS[code]) for code in device.split() if code in _WORDS]
    return " · ".join(known) or pick(language, "未知设备", "not known")
