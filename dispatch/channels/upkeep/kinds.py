"""The adapters by name: the usual form of their texts, the usual kind of address, and what they are in words."""

from collections.abc import Mapping
from typing import Literal

Form = Literal["short", "long", "spoken"]
Address = Literal["phone", "email", "account", "organisation"]
USUAL: Mapping[str, tuple[Form, Address]] = {
    "http": ("short", "phone"),
    "smtp": ("long", "email"),
    "webpush": ("short", "account"),
    "console": ("short", "account"),
    "wecom": ("long", "organisation"),
    "dingtalk": ("long", "organisation"),
    "feishu": ("long", "organisation"),
    "apprise": ("long", "organisation"),
    "outbox": ("short", "phone"),
}
"""By adapter."""
WORDS: Mapping[str, tuple[str, str]] = {
    "http": ("短信或语音网关（HTTP）", "SMS or voice gateway (HTTP)"),
    "smtp": ("电子邮件", "e-mail"),
    "webpush": ("浏览器推送", "push to browsers"),
    "console": ("调度台内通知", "notice in the console"),
    "wecom": ("企业微信群机器人", "WeCom group robot"),
    "dingtalk": ("钉钉群机器人", "DingTalk group robot"),
    "feishu": ("飞书群机器人", "Feishu group robot"),
    "apprise": ("其他聊天服务（Apprise）", "other chats (Apprise)"),
    "outbox": ("演示发件箱：不发给任何人", "the demonstration's outbox: nobody is told"),
}
