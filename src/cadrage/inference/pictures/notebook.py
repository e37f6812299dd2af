"""Suggestions as a notebook shows them: the crops drawn on the photo, where it is still there, and a table."""

import io
from typing import TYPE_CHECKING

from cadrage.errors import CadrageError
from cadrage.pages import render
from cadrage.photo import open_photo

if TYPE_CHECKING:
    from cadrage.inference.results import Suggestions

_WIDTH_PX = 640
_JPEG_QUALITY = 84


def notebook_html(suggestions: "Suggestions") -> str:
    """A picture, if the photo is a file that has not changed, and a row for every crop; safe to show as it is."""
    return render("notebook.html", suggestions=suggestions, jpeg=_drawn(suggestions))


def _drawn(suggestions: "Suggestions") -> bytes | None:
    try:
        photo = open_photo(suggestions.image.path)
        if photo.path is None or photo.sha256 != suggestions.image.sha256:
            return None
        picture = suggestions.plot(photo)
    # A table without a picture is better than no answer at all.
    except CadrageError:
        return None
    picture.thumbnail((_WIDTH_PX, _WIDTH_PX))
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()
