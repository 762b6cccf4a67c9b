"""A press of a button of the links' pages, as the browser sends it: by a form, or by a script that may be late."""

import datetime as dt
import uuid
from typing import Annotated, Any

import msgspec
from fastapi import Depends, File, Form, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from dispatch.orders import photos
from dispatch.orders.field import Pressed
from dispatch.orders.presses import Answer, Press, time_of_press

LONGEST_NOTE = 2000


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A press as it came: action, key, its times in ms by the telephone's clock, and what was filled in."""

    action: str
    key: uuid.UUID
    pressed_at: float | None
    sent_at: float | None
    what: Pressed

    def press(self, person: str, received: dt.datetime, earliest: dt.datetime) -> Press:
        """The press with the time that it has by our clock."""
        client = _moment(self.pressed_at)
        return Press(
            key=self.key, person=person, action=self.action, client_pressed_at=client,
            pressed_at=time_of_press(client, _moment(self.sent_at), received, earliest), received_at=received,
        )  # fmt: skip


async def _sent(
    action: Annotated[str, Form(max_length=20)],
    key: Annotated[uuid.UUID, Form()],
    pressed_at: Annotated[float | None, Form(ge=0, le=1e14)] = None,
    sent_at: Annotated[float | None, Form(ge=0, le=1e14)] = None,
    note: Annotated[str, Form(max_length=LONGEST_NOTE)] = "",
    card: Annotated[str, Form(max_length=40)] = "",
    injury: Annotated[str, Form(max_length=40)] = "",
    to: Annotated[str, Form(max_length=80)] = "",
    why: Annotated[str, Form(max_length=200)] = "",
    photo: Annotated[UploadFile | None, File()] = None,
) -> Sent:
    picture = None
    if photo is not None and photo.filename:
        picture = await run_in_threadpool(photo.file.read, photos.MAX_BYTES + 1)
    words = "，".join(part for part in (why.strip(), note.strip()) if part)
    return Sent(
        action=action, key=key, pressed_at=pressed_at, sent_at=sent_at,
        what=Pressed(note=words, photo=picture, card=card, injury=injury, to=to),
    )  # fmt: skip


SentPress = Annotated[Sent, Depends(_sent)]


def wants_json(request: Request) -> bool:
    """Whether the page's script asks, which waits for what became of the press, and not for a page."""
    return "application/json" in request.headers.get("accept", "")


def answered(answer: Answer, **more: Any) -> Response:
    """The outcome of a press, for the script."""
    return JSONResponse(
        {"result": answer.result, "message_zh": answer.message_zh, "message_en": answer.message_en, **more}
    )


def _moment(ms: float | None) -> dt.datetime | None:
    return None if ms is None else dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
