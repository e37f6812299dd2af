"""Collects what ``--preview`` and ``--explain`` draw of a run, and writes it once at its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cadrage.cli.inputs import PhotoInput, identities, identity
from cadrage.cli.report import Report
from cadrage.errors import CadrageError, OutputError, UsageError

if TYPE_CHECKING:
    from cadrage.inference.encoded_photo import EncodedPhoto
    from cadrage.inference.results import Suggestions
    from cadrage.photo import Photo

# Beyond this a page is neither looked at nor opened by every viewer.
MOST_PHOTOS = 1000

# (up to so many photos, longest side of each in pixels)
_PNG_SIDES_PX = ((1, 1600), (12, 720), (MOST_PHOTOS, 480))
_HTML_SIDES_PX = ((12, 1400), (100, 900), (MOST_PHOTOS, 600))


class Pictures:
    """What is drawn of the photos of one run, as one PNG file or web page; nothing if no file is named."""

    option: ClassVar[str]

    def __init__(self, path: Path | None, photos: Sequence[PhotoInput], *, overwrite: bool) -> None:
        self.wanted = path is not None
        self.path = path or Path()
        self.overwrite = overwrite
        self.items: list[Any] = []
        self._left_out = 0
        if path is None:
            return
        if path.suffix.lower() not in (".png", ".html"):
            raise UsageError(f"{self.option} {path}: expected a name that ends in .png or .html")
        check_writable(path, photos, overwrite=overwrite)
        sides = _HTML_SIDES_PX if self.is_page else _PNG_SIDES_PX
        self.side_px = next((side for most, side in sides if len(photos) <= most), sides[-1][1])

    @property
    def is_page(self) -> bool:
        """Whether it is a web page and not a PNG file."""
        return self.path.suffix.lower() == ".html"

    def has_room(self) -> bool:
        """Whether another photo is taken; if not, it is counted."""
        room = len(self.items) < MOST_PHOTOS
        self._left_out += not room
        return room

    def keep(self, item: Any) -> None:
        """Keep what is to be drawn of one photo, in the order of the run."""
        self.items.append(item)

    def write_file(self) -> None:
        """Write what was kept, at least one photo, at once or not at all."""
        raise NotImplementedError

    def write(self, report: Report) -> None:
        """Write the file and report what is not in it.

        Raises:
            OutputError: the file cannot be written.
        """
        if not self.wanted:
            return
        if not self.items:
            report.warning(f"{self.path}: not written, since no photo could be done")
            return
        if self._left_out:
            report.warning(f"{self.path}: shows the first {MOST_PHOTOS} photos; {self._left_out} more are left out")
        self.write_file()


class Previews(Pictures):
    """The photos of one run with their crops."""

    option = "--preview"

    def add(self, photo: "Photo", suggestions: "Suggestions") -> None:
        """Keep a photo for the preview, in the size it will be shown."""
        if self.wanted and self.has_room():
            self.keep((photo.thumbnail(self.side_px), suggestions))

    def write_file(self) -> None:
        """Write the preview page, picture or contact sheet."""
        from cadrage.inference.pictures import preview
        from cadrage.inference.pictures import preview_page as preview_html

        if self.is_page:
            preview_html.write_html(self.path, self.items, overwrite=self.overwrite)
        else:
            drawn = [(image, found.crops, found.caption) for image, found in self.items]
            preview.write_png(self.path, drawn, overwrite=self.overwrite)


class Explanations(Pictures):
    """The explanations of one run; does nothing when none are asked for."""

    option = "--explain"

    def add(self, encoded: "EncodedPhoto", suggestions: "Suggestions") -> None:
        """Keep a photo, its crops and what explains them.

        Raises:
            ModelError: the model cannot explain its crops.
        """
        if self.wanted and self.has_room():
            self.keep((encoded.photo.thumbnail(self.side_px), suggestions, encoded.explain(suggestions)))

    def write_file(self) -> None:
        """Write the explaining page, picture or contact sheet."""
        from cadrage.inference.pictures import explain_page as explain_html
        from cadrage.inference.pictures import explain_picture

        if self.is_page:
            explain_html.write_html(self.path, self.items, overwrite=self.overwrite)
        else:
            drawn = [(image, found.crops, found.caption, explained) for image, found, explained in self.items]
            explain_picture.write_png(self.path, drawn, overwrite=self.overwrite)


def expect_apart(*pictures: Pictures) -> None:
    """Raise UsageError if two of them are to be one file, however it is spelled: the later would replace the other."""
    wanted = [each for each in pictures if each.wanted]
    if len({each.path.resolve() for each in wanted}) < len(wanted):
        options = " and ".join(each.option for each in wanted)
        raise UsageError(f"{options} name the same file, {wanted[0].path}; choose two names")


def write_all(pictures: Sequence[Pictures], report: Report) -> None:
    """Write each of them, whatever becomes of the others.

    Raises:
        CadrageError: the last that could not be written; those before it are reported.
    """
    failures: list[CadrageError] = []
    for each in pictures:
        try:
            each.write(report)
        except CadrageError as error:  # the other one is still wanted
            failures.append(error)
    for failure in failures[:-1]:
        report.error(str(failure))
    if failures:
        raise failures[-1]


def check_writable(path: Path, photos: Sequence[PhotoInput], *, overwrite: bool) -> None:
    """Refuse early what could not be written at the end.

    Raises:
        OutputError: the file is one of the photos, exists already, or its folder does not exist or takes no file.
    """
    if identity(path) in identities(photos):
        raise OutputError(f"{path}: is one of the photos and will not be replaced; choose another name")
    from cadrage.photo.files import check_output

    check_output(path, overwrite=overwrite)
