"""Collects the pictures of a run for ``--preview`` and writes them once at its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cadrage.cli.inputs import PhotoInput, identities, identity
from cadrage.cli.report import Report
from cadrage.errors import OutputError, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from cadrage.inference.results import Suggestions
    from cadrage.photo import Photo

# Beyond this a page is neither looked at nor opened by every viewer.
MOST_PHOTOS = 1000

# (up to so many photos, longest side of each in pixels)
_PNG_SIDES_PX = ((1, 1600), (12, 720), (MOST_PHOTOS, 480))
_HTML_SIDES_PX = ((12, 1400), (100, 900), (MOST_PHOTOS, 600))


class Previews:
    """The pictures of one run; does nothing when no preview is asked for."""

    def __init__(self, path: Path | None, photos: Sequence[PhotoInput], *, overwrite: bool) -> None:
        self._path = path
        self._overwrite = overwrite
        self._items: list[tuple[Image, Suggestions]] = []
        self._left_out = 0
        if path is None:
            return
        if path.suffix.lower() not in (".png", ".html"):
            raise UsageError(f"--preview {path}: expected a name that ends in .png or .html")
        check_writable(path, photos, overwrite=overwrite)
        sides = _PNG_SIDES_PX if path.suffix.lower() == ".png" else _HTML_SIDES_PX
        self._side_px = next((side for most, side in sides if len(photos) <= most), sides[-1][1])

    def add(self, photo: "Photo", suggestions: "Suggestions") -> None:
        """Keep a photo for the preview, in the size it will be shown."""
        if self._path is None:
            return
        if len(self._items) >= MOST_PHOTOS:
            self._left_out += 1
            return
        self._items.append((photo.thumbnail(self._side_px), suggestions))

    def write(self, report: Report) -> None:
        """Write the preview at once or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        if self._path is None:
            return
        if not self._items:
            report.warning(f"{self._path}: not written, since no photo could be done")
            return
        if self._left_out:
            report.warning(f"{self._path}: shows the first {MOST_PHOTOS} photos; {self._left_out} more are left out")
        from cadrage.inference import preview, preview_html

        if self._path.suffix.lower() == ".html":
            preview_html.write_html(self._path, self._items, overwrite=self._overwrite)
        else:
            preview.write_png(self._path, self._items, overwrite=self._overwrite)


def check_writable(path: Path, photos: Sequence[PhotoInput], *, overwrite: bool) -> None:
    """Refuse early what could not be written at the end.

    Raises:
        OutputError: the file is one of the photos, exists already or its folder does not exist.
    """
    if identity(path) in identities(photos):
        raise OutputError(f"{path}: is one of the photos and will not be replaced; choose another name")
    from cadrage.photo.files import check_target

    check_target(path, overwrite=overwrite)
