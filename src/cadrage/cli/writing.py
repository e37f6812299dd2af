"""The files of ``cadrage crop``: what may be said about them, and writing those of one photo."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cadrage.cli.inputs import PhotoInput, identities, identity
from cadrage.errors import OutputError

if TYPE_CHECKING:
    from cadrage.inference.results import Suggestions
    from cadrage.photo import CropOptions, Note, Photo

_FILES = "Files"


class FileFormat(StrEnum):
    """Formats that crops can be written in."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    TIFF = "tiff"


class Strip(StrEnum):
    """Metadata that can be left out of the files."""

    GPS = "gps"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """Where and how crops are written, as it was typed."""

    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder for the crops; made if needed.", rich_help_panel=_FILES
        ),
    ]
    form: Annotated[
        FileFormat | None,
        typer.Option(
            "--format",
            help="Format of the files.",
            show_default="the photo's own, jpeg for HEIC",
            rich_help_panel=_FILES,
        ),
    ] = None
    quality: Annotated[
        int | None,
        typer.Option(
            "--quality",
            metavar="N",
            min=1,
            max=100,
            help="Quality of jpeg, webp and avif, 1 to 100; png and tiff are lossless.",
            show_default="no visible loss",
            rich_help_panel=_FILES,
        ),
    ] = None
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            help="Size of the files in pixels; sets the ratio and asks for crops of at least that size.",
            show_default="the crop's own pixels",
            rich_help_panel=_FILES,
        ),
    ] = None
    enlarge: Annotated[
        bool,
        typer.Option(
            "--enlarge",
            help="Let --size enlarge crops of photos that are too small, instead of failing.",
            rich_help_panel=_FILES,
        ),
    ] = False
    strip: Annotated[
        list[Strip] | None,
        typer.Option(
            "--strip",
            help="Leave out where the photo was taken (gps) or all metadata but the colour profile (all).",
            show_default="keep everything",
            rich_help_panel=_FILES,
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, but write nothing.", rich_help_panel=_FILES)
    ] = False

    @property
    def size_wh(self) -> tuple[int, int] | None:
        """The output size in pixels; None for the crop's own.

        Raises:
            UsageError: it is no size.
        """
        from cadrage.inference.request_text import read_size

        return read_size(self.size, "--size")


class CropWriter:
    """Writes the crops of the photos of one run, none of which it ever replaces."""

    def __init__(self, options: FileOptions, photos: Sequence[PhotoInput], *, overwrite: bool) -> None:
        from cadrage.photo.naming import unique_stems

        self.options = options
        self.overwrite = overwrite
        self._sources = identities(photos)
        self._stems = dict(zip(photos, unique_stems([photo.stem for photo in photos]), strict=True))

    def prepare(self) -> None:
        """Make the folder, before any photo is opened.

        Raises:
            OutputError: the folder is a file or cannot be made.
        """
        folder = self.options.output
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file; name a folder for the crops")
        if self.options.dry_run:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot make this folder: {error.strerror}; choose another") from error

    def write(
        self, source: PhotoInput, photo: "Photo", suggestions: "Suggestions"
    ) -> tuple[list[str], tuple["Note", ...]]:
        """Write every crop of a photo; the paths in the order of the crops, and what the files do not keep.

        Nothing is written when one of the files may not be; when writing fails half-way, the files of this photo that
        were not there before are removed again.

        Raises:
            OutputError: a file exists, is a photo of this run or cannot be written.
        """
        from cadrage.photo import losses
        from cadrage.photo.naming import crop_format, file_name

        form = crop_format(self.options.form, photo.format)
        names = [file_name(self._stems[source], crop.ratio, crop.rank, form) for crop in suggestions.crops]
        paths = [self.options.output / name for name in names]
        self._check(photo.name, paths)
        if not self.options.dry_run:
            self._save(photo, suggestions, paths, form)
        return [str(path) for path in paths], losses(photo, form)

    def _check(self, name: str, paths: list[Path]) -> None:
        for path in paths:
            if identity(path) in self._sources:
                raise OutputError(f"{name}: {path} is one of the photos and is never replaced; choose another folder")
            if path.exists() and not self.overwrite:
                raise OutputError(f"{name}: {path} exists already; choose another folder or add --overwrite")

    def _save(self, photo: "Photo", suggestions: "Suggestions", paths: list[Path], form: str) -> None:
        from cadrage.photo import save_crop

        settings: CropOptions = {
            "format": form,
            "quality": self.options.quality,
            "size_wh": self.options.size_wh,
            "enlarge": self.options.enlarge,
            "strip": self.options.strip or (),
            "decoded": photo.decoded(form),
        }
        new = [path for path in paths if not path.exists()]
        try:
            for crop, path in zip(suggestions.crops, paths, strict=True):
                save_crop(photo, crop.xyxy, path, overwrite=self.overwrite, **settings)
        except BaseException:
            for path in new:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
