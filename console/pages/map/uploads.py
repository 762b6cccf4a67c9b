"""A file that an administrator sends for the map: read once the permission was asked for, kept until it is stored."""

import uuid
from typing import Annotated

import msgspec
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from console.shell.guard import FORM
from vocabulary.text import check_text

LONGEST_NAME = 120
MOST_FIELDS = 10


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A form of the map's files as it was sent; ``data``: None where no file was chosen."""

    name: str
    data: bytes | None
    datum: str
    attribution: str
    store: bool
    checked: uuid.UUID | None
    """The file that was kept, instead of one that is sent again."""


async def sent(request: Request) -> Sent:
    """Read the form. A dependency behind the permission: before it a stranger's megabytes are not taken.

    Raises TextError for text that nobody can type.
    """
    async with request.form(max_files=1, max_fields=MOST_FIELDS) as form:
        file = form.get("file")
        name, data = "", None
        if isinstance(file, UploadFile):
            name = "".join(letter for letter in file.filename or "" if letter.isprintable())[:LONGEST_NAME]
            data = await run_in_threadpool(file.file.read)  # the guard has bounded it
        return Sent(
            name=name, data=data or None, datum=_text(form, "datum"), attribution=_text(form, "attribution"),
            store=bool(_text(form, "store")), checked=_number(_text(form, "checked")),
        )  # fmt: skip


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    text = value if isinstance(value, str) else ""
    check_text(text, FORM.size)
    return text


def _number(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


SentFile = Annotated[Sent, Depends(sent)]
