"""Photos from the door: decoded, bounded, and made anew as JPEG, so that nothing but the pixels is kept."""

import datetime as dt
import io
import uuid
import warnings
from typing import Any

import msgspec
import psycopg
from PIL import Image, ImageOps, UnidentifiedImageError

from dispatch.orders.states import OrderError

MAX_BYTES = 12 * 1024 * 1024
"""A telephone's photo at full size."""
MAX_PIXELS = 50_000_000
"""Decoded: 150 MB. A small file can claim far more (a decompression bomb): it is refused before it is decoded."""
LONGEST = 1600
"""Pixels of the longer side that are kept: a wound or a meter can be read."""
QUALITY = 82
MOST = 6
"""Photos of one order."""
FORMATS = ("JPEG", "PNG", "WEBP")


class Photo(msgspec.Struct, frozen=True):
    jpeg: bytes
    width: int
    height: int

    def __repr__(self) -> str:
        return f"Photo({self.width}×{self.height})"


def read_photo(data: bytes) -> Photo:
    """The picture in ``data``, upright, at most LONGEST pixels a side, without EXIF, place, comments or profiles.

    Raises OrderError, for the person, for what is no JPEG, PNG or WebP picture, damaged, or too large.
    """
    if len(data) > MAX_BYTES:
        raise OrderError(zh="照片超过 12 MB,请重新拍摄", en="the photo is larger than 12 MB; take it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise OrderError(zh="照片尺寸过大,请重新拍摄", en="the photo has too many pixels; take it again")
                picture.draft("RGB", (LONGEST, LONGEST))  # JPEG: decode at a fraction of the size
                upright = ImageOps.exif_transpose(picture).convert("RGB")
    except OrderError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise OrderError(zh="请上传 JPEG、PNG 或 WebP 照片", en="send a JPEG, PNG or WebP photo") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise OrderError(zh="照片已损坏,请重新拍摄", en="the photo is damaged; take it again") from error
    upright.thumbnail((LONGEST, LONGEST))
    # A new picture of the same pixels: what Pillow carries along in `info` stays behind.
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=QUALITY, optimize=True)
    return Photo(out.getvalue(), *bare.size)


def add(conn: psycopg.Connection[Any], order_id: uuid.UUID, staff_id: int | None, photo: Photo, at: dt.datetime) -> int:
    """Keep a photo; its id. Part of the caller's transaction, which holds the order. Raises OrderError after MOST."""
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
    rows = conn.execute("SELECT id FROM work_order_photo WHERE order_id = %s ORDER BY id", (order_id,))
    return [row[0] for row in rows]


def load(conn: psycopg.Connection[Any], order_id: uuid.UUID, photo_id: int) -> bytes | None:
    """The JPEG; None where the order has no such photo."""
    row = conn.execute(
        "SELECT jpeg FROM work_order_photo WHERE order_id = %s AND id = %s", (order_id, photo_id)
    ).fetchone()
    return None if row is None else bytes(row[0])
