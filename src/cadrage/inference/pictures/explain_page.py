"""Explanations as one web page that needs nothing else, in the form of the preview page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from cadrage.inference.explain import Explanation
from cadrage.inference.pictures.explain_picture import RAMP, left_behind, limits, overlay, said_of_heads
from cadrage.inference.pictures.preview import boxes_px
from cadrage.inference.pictures.preview_page import names, shown_photo, small
from cadrage.inference.results import Suggestions
from cadrage.pages import render
from cadrage.photo.files import atomic_write

Item = tuple[Image.Image, Suggestions, Explanation]
"""A photo (RGB, upright, at any size), its crops and what explains them."""


def write_html(path: Path, items: Sequence[Item], *, overwrite: bool = False) -> None:
    """Write one page with every photo under its map, its crops, and what each of them keeps; all or nothing.

    Raises:
        OutputError: the page exists and ``overwrite`` is false, or it cannot be written.
    """
    with atomic_write(path, overwrite=overwrite) as handle:
        handle.write(page(items).encode("utf-8"))


def page(items: Sequence[Item]) -> str:
    """The page as text, the same for the same pictures, crops and maps."""
    photos = [_photo(*item) for item in items]
    ramp = ",".join(f"rgb{color}" for color in RAMP)
    return render("explanations.html", photos=photos, names=names(photos), ramp=ramp)


def _photo(image: Image.Image, suggestions: Suggestions, explanation: Explanation) -> dict[str, Any]:
    shown, importance = small(image), explanation.importance
    covered = overlay(shown, importance)
    pictures = [left_behind(shown, covered, box) for box in boxes_px(shown, suggestions.crops)]
    return shown_photo(image, suggestions, overlay(image, importance), pictures) | {
        "map": importance,
        "limits": limits(importance),
        "subjects": explanation.subjects,
        "about": [(*explanation.about(index), *said_of_heads(crop)) for index, crop in enumerate(suggestions.crops)],
    }
