"""Writes the crops of one photo."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadrage.cli.inputs import identity
from cadrage.errors import OutputError

if TYPE_CHECKING:
    from cadrage.inference.results import Suggestions
    from cadrage.photo import Photo


@dataclass(frozen=True, slots=True)
class CropWriter:
    """Where and how crops are written.

    ``form`` and ``quality`` are None for the photo's own format and the format's default; ``size_wh`` is the output
    size in pixels, None for the crop's own; ``sources`` are the files of all photos of the run (see
    `cadrage.cli.inputs.identities`), none of which may be replaced.
    """

    folder: Path
    sources: frozenset[tuple[int, int]]
    form: str | None = None
    quality: int | None = None
    size_wh: tuple[int, int] | None = None
    enlarge: bool = False
    strip: tuple[str, ...] = ()
    overwrite: bool = False
    dry_run: bool = False

    def prepare(self) -> None:
        """Make the folder, before any photo is opened.

        Raises:
            OutputError: the folder is a file or cannot be made.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise OutputError(f"{self.folder}: is a file; name a folder for the crops")
        if self.dry_run:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot make this folder: {error.strerror}; choose another") from error

    def write(self, photo: "Photo", suggestions: "Suggestions", stem: str) -> list[str]:
        """Write every crop of a photo and return the paths in the order of the crops.

        Nothing is written when one of the files may not be; when writing fails half-way, the files of this photo that
        were not there before are removed again.

        Raises:
            OutputError: a file exists, is a photo of this run or cannot be written.
        """
        from cadrage.photo.naming import crop_format, file_name

        form = crop_format(self.form, photo.format)
        paths = [self.folder / file_name(stem, crop.ratio, crop.rank, form) for crop in suggestions.crops]
        self._check(photo.name, paths)
        if not self.dry_run:
            self._save(photo, suggestions, paths, form)
        return [str(path) for path in paths]

    def _check(self, name: str, paths: list[Path]) -> None:
        for path in paths:
            if identity(path) in self.sources:
                raise OutputError(f"{name}: {path} is one of the photos and is never replaced; choose another folder")
            if path.exists() and not self.overwrite:
                raise OutputError(f"{name}: {path} exists already; choose another folder or add --overwrite")

    def _save(self, photo: "Photo", suggestions: "Suggestions", paths: list[Path], form: str) -> None:
        from cadrage.photo import save_crop

        settings: dict[str, Any] = {
            "format": form,
            "quality": self.quality,
            "size_wh": self.size_wh,
            "strip": self.strip,
            "overwrite": self.overwrite,
            "enlarge": self.enlarge,
            "decoded": photo.decoded(),
        }
        new = [path for path in paths if not path.exists()]
        try:
            for crop, path in zip(suggestions.crops, paths, strict=True):
                save_crop(photo, crop.xyxy, path, **settings)
        except BaseException:
            for path in new:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
