"""Find a font of this machine that has Chinese letters; a report without one would print boxes."""

from functools import cache

import typst

from figures.core.errors import NoChineseFontError

CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Noto Serif CJK SC",
    "Source Han Serif SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Microsoft YaHei",
    "PingFang SC",
)  # fmt: skip
"""Families with the letters of GB 18030 in their Chinese form, the best first."""


@cache
def searched() -> typst.Fonts:
    """The fonts of this machine, looked for once: to look again for each sheet takes longer than to make it."""
    return typst.Fonts()


@cache
def families() -> frozenset[str]:
    """Families of this machine, and those that typst brings."""
    return frozenset(searched().families())


def chinese(found: frozenset[str] | None = None) -> str:
    """The best family with Chinese letters. Raises NoChineseFontError."""
    found = families() if found is None else found
    for family in CHINESE:
        if family in found:
            return family
    raise NoChineseFontError(
        zh="服务器上没有中文字体，不能生成报告：请安装 fonts-noto-cjk（apt install fonts-noto-cjk），然后重启控制台",
        en="this machine has no Chinese font, so no report is made: install fonts-noto-cjk"
        " (apt install fonts-noto-cjk), then start the console again",
    )
