"""Crops as a notebook shows them: drawn on their photo, where it is still there, and as a table."""

import io
from collections.abc import Sequence

from PIL import Image

from cadrage.inference.pictures.preview import Caption
from cadrage.inference.selection.crop import Crop
from cadrage.pages import render

_WIDTH_PX = 640
_JPEG_QUALITY = 84


def notebook_html(crops: Sequence[Crop], caption: Caption, warnings: Sequence[str], picture: Image.Image | None) -> str:
    """The picture, if there is one, and a row for every crop; safe to show as it is.

    Args:
        crops: in the order of the rows.
        caption: the name of the photo, and what else stands above the table.
        warnings: sentences below the table.
        picture: the crops drawn on the photo, at any size; None without a photo.
    """
    jpeg = None if picture is None else _jpeg(picture)
    return render("notebook.html", crops=crops, caption=caption, warnings=warnings, jpeg=jpeg)


def _jpeg(picture: Image.Image) -> bytes:
    small = picture.convert("RGB")
    small.thumbnail((_WIDTH_PX, _WIDTH_PX))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()
