"""Check and store photos from the door: decoded, bounded, and encoded again as JPEG, so that only pixels are stored."""

import datetime as dt
import io
import uuid
import warnings
from typing import Any, LiteralString

import msgspec
import psycopg
from PIL import Image, ImageOps, UnidentifiedImageError

from dispatch.orders.states import OrderError

MAX_BYTES = 12 * 1024 * 1024
"""Enough for a telephone's photo at full size."""
MAX_PIXELS = 50_000_000
"""Decoded: 150 MB. A small file can claim far more (a decompression bomb): it is refused before it is decoded."""
LONGEST = 1600
"""Pixels of the longer side as stored: enough to read a wound or a meter."""
QUALITY = 82
MOST = 6
"""Largest number of photos of one order."""
FORMATS = ("JPEG", "PNG", "WEBP")


class Photo(msgspec.Struct, frozen=True):
    """A picture as it is stored."""

    jpeg: bytes
    width: int
    height: int

    def __repr__(self) -> str:
        return f"Photo({self.width}×{self.height})"


def read_photo(data: bytes) -> Photo:
    """Decode a picture: upright, at most LONGEST pixels a side, without EXIF, place, comments or profiles.

    Raises OrderError, for the person, for what is no JPEG, PNG or WebP picture, damaged, or too large.
    """
    if len(data) > MAX_BYTES:
        raise OrderError(zh="照片超过 12 MB，请重新拍摄", en="the photo is larger than 12 MB; take it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise OrderError(zh="照片尺寸过大，请重新拍摄", en="the photo has too many pixels; take it again")
                picture.draft("RGB", (LONGEST, LONGEST))  # JPEG: decode at a fraction of the size
                upright = ImageOps.exif_transpose(picture).convert("RGB")
    except OrderError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise OrderError(zh="请上传 JPEG、PNG 或 WebP 照片", en="send a JPEG, PNG or WebP photo") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise OrderError(zh="照片已损坏，请重新拍摄", en="the photo is damaged; take it again") from error
    upright.thumbnail((LONGEST, LONGEST))
    # A new picture of the same pixels leaves behind what Pillow carries along in `info`.
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=QUALITY, optimize=True)
    return Photo(out.getvalue(), *bare.size)


_UNREFUSED: LiteralString = (
    "coalesce((SELECT consent_of(o.resident_id, 'photos') FROM work_order o WHERE o.id = %(order)s), true)"
)
"""The resident has not said no to pictures; asked at each use, so that a withdrawal holds at once."""


def add(conn: psycopg.Connection[Any], order_id: uuid.UUID, staff_id: int | None, photo: Photo, at: dt.datetime) -> int:
    """Store a photo; gives its id. Part of the caller's transaction, which locks the order. Raises OrderError after
    MOST, and where the resident does not agree to pictures."""
    agreed = conn.execute(f"SELECT {_UNREFUSED}", {"order": order_id}).fetchone()
    if agreed is not None and not agreed[0]:
        raise OrderError(
            zh="老人不同意拍照，照片没有保存；请用文字说明",
            en="the resident does not agree to pictures: it was not kept; write it in words",
        )
    row = conn.execute(
        """
        INSERT INTO work_order_photo (order_id, staff_id, at, width, height, jpeg)
        SELECT %s, %s, %s, %s, %s, %s
        WHERE (SELECT count(*) FROM work_order_photo WHERE order_id = %s) < %s RETURNING id
        """,
        (order_id, staff_id, at, photo.width, photo.height, photo.jpeg, order_id, MOST),
    ).fetchone()
    if row is None:
        raise OrderError(zh=f"每张工单最多 {MOST} 张照片", en=f"an order takes {MOST} photos at most")
    return int(row[0])


def ids(conn: psycopg.Connection[Any], order_id: uuid.UUID) -> list[int]:
    """List the photos of an order, in order."""
    rows = conn.execute(
        f"SELECT id FROM work_order_photo WHERE order_id = %(order)s AND {_UNREFUSED} ORDER BY id",  # noqa: S608 - of constants
        {"order": order_id},
    )
    return [row[0] for row in rows]


def load(conn: psycopg.Connection[Any], order_id: uuid.UUID, photo_id: int) -> bytes | None:
    """Load a JPEG; None where the order has no such photo."""
    row = conn.execute(
        f"SELECT jpeg FROM work_order_photo WHERE order_id = %(order)s AND id = %(photo)s AND {_UNREFUSED}",  # noqa: S608
        {"order": order_id, "photo": photo_id},
    ).fetchone()
    return None if row is None else bytes(row[0])
