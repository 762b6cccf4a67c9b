"""Pictures of a course: taken small, without what the camera wrote into them, and kept in its text. Pure."""

import base64
import io
import struct
import warnings

from PIL import Image, ImageOps

from care_network.errors import ProvisioningError
from care_services.library.courses.course import MOST_PICTURE, Picture

MOST_UPLOAD = 8 * 1024 * 1024
MOST_PIXELS = 24_000_000
"""Of a picture unpacked, 72 MB: a small file of one color can unpack to gigabytes."""
SIDE = 1000
"""Pixels of the longer side: as wide as the page."""
QUALITIES = (82, 65, 45)


def picture(file: bytes, name: str, zh: str, en: str) -> Picture:
    """Make a picture of an upload. ``zh`` and ``en``: what is to be seen, for those who cannot see it.

    Raises ProvisioningError where it is none, too large, or says nothing.
    """
    if not zh.strip():
        raise _wrong("say in words what the picture shows", "请用文字写明图片内容，供看不清的人阅读")
    if len(file) > MOST_UPLOAD:
        raise _wrong("a picture has 8 MB at most", "图片不能超过 8 MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file), formats=("JPEG", "PNG", "WEBP")) as opened:
                opened.draft("RGB", (SIDE, SIDE))  # of a JPEG no more is unpacked than is needed
                if opened.width * opened.height > MOST_PIXELS:
                    raise _wrong("this picture has too many pixels: save it smaller", "图片像素过大，请缩小后再传")
                turned = ImageOps.exif_transpose(opened).convert("RGB")
    except ProvisioningError:
        raise
    except (OSError, ValueError, TypeError, SyntaxError, struct.error, Image.DecompressionBombError, Warning) as error:
        # a SyntaxError is Pillow's word for a damaged note of the camera
        raise _wrong("choose a whole picture: JPEG, PNG or WebP", "请选择完整的图片（JPEG、PNG 或 WebP）") from error
    turned.thumbnail((SIDE, SIDE))
    for quality in QUALITIES:
        held = io.BytesIO()
        turned.save(held, "JPEG", quality=quality, optimize=True)
        if held.tell() <= MOST_PICTURE:
            break
    else:
        raise _wrong("this picture does not become small enough: cut it", "图片压缩后仍过大，请裁剪后再传")
    return Picture(
        name=name, zh=zh.strip(), en=en.strip() or zh.strip(), data=base64.b64encode(held.getvalue()).decode()
    )


def _wrong(en: str, zh: str) -> ProvisioningError:
    return ProvisioningError(en=en, zh=zh, field="picture")
