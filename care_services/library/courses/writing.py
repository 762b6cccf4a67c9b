"""Write a course as the file that :func:`read_course` reads. Pure."""

import json

import msgspec

from care_services.library.courses.course import Course


def to_toml(course: Course) -> str:
    """The course as TOML 1.0: reading it again gives the same course."""
    kept = msgspec.to_builtins(course)
    tables = ("chapter", "question", "picture")
    lines = [f"{name} = {_value(value)}" for name, value in kept.items() if name not in tables]
    for table in tables:
        for one in kept[table]:
            lines += ["", f"[[{table}]]", *(f"{name} = {_value(value)}" for name, value in one.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    if not isinstance(value, str):
        return str(value)
    plain = value.isprintable() or all(one.isprintable() or one == "\n" for one in value)
    if "\n" in value and plain and "'''" not in value and not value.endswith("'"):
        return f"'''\n{value}'''"
    # a basic string of TOML is written as one of JSON, but for the character DEL
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
