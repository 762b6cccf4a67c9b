"""Environment files as systemd, a shell and Docker read them: ``NAME=value`` lines, quoted where it needs to be."""

import os
import re
import shlex
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

ADMIN = tuple(Path("/etc/shouwang") / name for name in ("admin.env", "channels.env", "common.env"))
"""The environment of commands that root gives on a machine of the district; the first one has to be there."""
_LINE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")
_BARE = re.compile(r"[\w@%+=:,./-]*")


def parse(text: str) -> dict[str, str]:
    """Read the settings; comments and what is no setting are passed over."""
    found = {}
    for line in text.splitlines():
        match = _LINE.match(line.strip())
        if match:
            found[match[1]] = "".join(shlex.split(match[2]))
    return found


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace the values of a template's settings; its comments stay. Raises KeyError for a name it does not have."""
    lines, left = [], dict(values)
    for line in template.splitlines():
        match = _LINE.match(line)
        lines.append(f"{match[1]}={quote(left.pop(match[1]))}" if match and match[1] in left else line)
    if left:
        raise KeyError(f"the template has no {', '.join(left)}")
    return "\n".join(lines) + "\n"


def quote(value: str) -> str:
    """Write a value so that systemd, a shell and Docker read the same. Raises ValueError where that cannot be done."""
    if _BARE.fullmatch(value):
        return value
    if re.search(r'["\\$`\n\r\0]', value):
        raise ValueError(f"a setting can hold neither quotes, backslashes, $, ` nor line ends: {value!r}")
    return f'"{value}"'


def adopt(environment: MutableMapping[str, str] = os.environ, files: Sequence[Path] = ADMIN) -> None:
    """Take the settings of the machine's administrator where the environment names no database and the files are ours.

    So that ``shouwang doctor`` works at three in the morning. A person who may not read the files goes without.
    """
    if "SHOUWANG_DATABASE_URL" in environment or not os.access(files[0], os.R_OK):
        return
    for file in files:
        try:
            settings = parse(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        for name, value in settings.items():
            environment.setdefault(name, value)
