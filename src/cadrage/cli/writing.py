"""The files of ``cadrage crop``: what may be said about them, and writing those of one photo."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cadrage.cli.inputs import STDIN, PhotoInput, identities, identity
from cadrage.errors import OutputError, UsageError

if TYPE_CHECKING:
    from cadrage.inference.results import Suggestions
    from cadrage.inference.selection.crop import Crop
    from cadrage.photo import CropOptions, Note, Photo
    from cadrage.photo.files import Written
    from cadrage.photo.naming import NameTemplate

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
            show_default="no visible loss; a lossless webp stays so",
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
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="TEMPLATE",
            help="Names of the files without suffix: text with {stem}, {ratio}, {rank}, {x}, {y}, {width}, {height}, "
            "{score} and {model}; formats such as {rank:02} work.",
            show_default="{stem}_{ratio}_{rank}",
            rich_help_panel=_FILES,
        ),
    ] = None
    keep_folders: Annotated[
        bool,
        typer.Option(
            "--keep-folders",
            help="Mirror the folders of the photos below DIR, from the one that all arguments share.",
            rich_help_panel=_FILES,
        ),
    ] = False
    strip: Annotated[
        list[Strip] | None,
        typer.Option(
            "--strip",
            help="Leave out where the photo was taken (gps: coordinates, fields of places and captions that repeat "
            "them, maker notes) or all metadata but the colour profile (all).",
            show_default="keep everything",
            rich_help_panel=_FILES,
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, but write nothing.", rich_help_panel=_FILES)
    ] = False

    @property
    def template(self) -> "NameTemplate":
        """How the files are called.

        Raises:
            UsageError: it is no template.
        """
        from cadrage.photo.naming import NameTemplate

        return NameTemplate() if self.name is None else NameTemplate(self.name)

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
        self.options = options
        self.overwrite = overwrite
        self._template = options.template
        self._sources = identities(photos)
        self._folders = _folders(photos, options)
        self._stems = _stems(photos, self._folders)
        self._given_away: set[str] = set()

    def expect_distinct(self, ratios: int, crops: int) -> None:
        """Refuse names that two crops of the run would share; raises as `NameTemplate.expect_distinct`."""
        # Photos of one folder are told apart by it and by their stems alone.
        self._template.expect_distinct(len(self._stems), ratios, crops)

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
        from cadrage.photo.naming import crop_format

        form = crop_format(self.options.form, photo.format)
        folder = self.options.output / self._folders[source]
        paths = [folder / self._name(self._stems[source], crop, suggestions, form) for crop in suggestions.crops]
        self._check(photo.name, paths)
        self._given_away |= {str(path).casefold() for path in paths}
        if not self.options.dry_run:
            self._save(photo, suggestions, paths, form)
        return [str(path) for path in paths], losses(photo, form)

    def _name(self, stem: str, crop: "Crop", suggestions: "Suggestions", form: str) -> str:
        x, y, width, height = crop.box_px
        width, height = self.options.size_wh or (width, height)
        # As the JSON has it.
        score = round(crop.score, 4)
        values: dict[str, str | int | float] = {"stem": stem, "ratio": crop.ratio, "rank": crop.rank, "x": x, "y": y}
        values |= {"width": width, "height": height, "score": score, "model": suggestions.model.name}
        return self._template.file_name(values, form)

    def _check(self, name: str, paths: list[Path]) -> None:
        for path in paths:
            if paths.count(path) > 1:
                raise OutputError(f"{name}: two crops would be called {path.name}; add {{rank}} to --name")
            if str(path).casefold() in self._given_away:
                raise OutputError(f"{name}: {path} is a crop of another photo of this run; tell them apart with --name")
            if identity(path) in self._sources:
                raise OutputError(f"{name}: {path} is one of the photos and is never replaced; choose another folder")
            if os.path.lexists(path) and not self.overwrite:
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
        written: list[Written] = []
        try:
            if self.options.keep_folders:
                paths[0].parent.mkdir(parents=True, exist_ok=True)
            for crop, path in zip(suggestions.crops, paths, strict=True):
                written.append(save_crop(photo, crop.xyxy, path, overwrite=self.overwrite, **settings))
        except BaseException:
            # Another run may be writing here too: only what this one made is removed.
            for file in written:
                file.take_back()
            raise


def without_own_crops(photos: Sequence[PhotoInput], options: FileOptions) -> tuple[list[PhotoInput], str | None]:
    """The photos without those that an earlier run into the same folder made of the others, and a note on them.

    Only photos that were found in a folder or by a pattern are left out, where another one has the name that theirs
    was made from.
    """
    template = options.template
    folders = _folders(photos, options)
    targets = {folder: identity(options.output / folder) for folder in dict.fromkeys(folders.values())}
    here = [
        photo
        for photo in photos
        if photo.searched and identity(Path(photo.name).parent) == targets[folders[photo]] is not None
    ]
    if not here:
        return list(photos), None
    stems = {Path(photo.name).stem for photo in photos}
    own = [photo for photo in here if template.stem_of(Path(photo.name).name) in stems]
    if not own:
        return list(photos), None
    names = ", ".join(Path(photo.name).name for photo in own[:2]) + (", ..." if len(own) > 2 else "")
    what = f"{len(own)} files are" if len(own) > 1 else "1 file is"
    note = f"{options.output}: {what} left out, named like crops of other photos here ({names}); name a file to crop it"
    return [photo for photo in photos if photo not in own], note


def _folders(photos: Sequence[PhotoInput], options: FileOptions) -> dict[PhotoInput, Path]:
    """The folder below the output folder for the crops of each photo."""
    return _mirrored(photos) if options.keep_folders else dict.fromkeys(photos, Path())


def _mirrored(photos: Sequence[PhotoInput]) -> dict[PhotoInput, Path]:
    """The folder of each photo, from the one that everything named has in common."""
    files = [photo for photo in photos if photo.name != STDIN]
    # What leads up again is taken out, or a crop would land above the output folder.
    roots = [os.path.abspath(photo.root) for photo in files]  # noqa: PTH100
    try:
        shared = os.path.commonpath(roots) if roots else ""
    # Two drives share none.
    except ValueError as error:
        raise UsageError(f"--keep-folders: the photos share no folder ({error}); crop them in two runs") from None
    folders = dict.fromkeys(photos, Path())
    for photo in files:
        folder = Path(os.path.relpath(Path(os.path.abspath(photo.name)).parent, shared))  # noqa: PTH100
        if ".." in folder.parts:
            raise UsageError(
                f"--keep-folders: {photo.name} lies outside the folder that was searched; name it by itself"
            )
        folders[photo] = folder
    return folders


def _stems(photos: Sequence[PhotoInput], folders: Mapping[PhotoInput, Path]) -> dict[PhotoInput, str]:
    """A stem for the files of each photo, unique in its folder."""
    from cadrage.photo.naming import unique_stems

    stems: dict[PhotoInput, str] = {}
    for folder in dict.fromkeys(folders.values()):
        here = [photo for photo in photos if folders[photo] == folder]
        stems |= zip(here, unique_stems([photo.stem for photo in here]), strict=True)
    return stems
