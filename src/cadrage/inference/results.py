"""What comes back: all crops of a photo together with what they were made from, as Python values and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from cadrage.errors import CadrageError, UsageError, one_line
from cadrage.geometry import parse_ratio
from cadrage.inference.json_format import SCHEMA_VERSION, crop_object, request_object
from cadrage.inference.request import RatioLike, Request
from cadrage.inference.selection.crop import Crop, expect, object_position
from cadrage.inference.sources import PhotoLike, as_photo
from cadrage.photo import Note, Photo, open_photo

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_PLOT_SIDE = 1280

OVERLAP = (
    "of the best crop the overlap to expect with the one a person would choose, from 0 to 1, of others as much less "
    "as they are worth less"
)
OPINION = (
    "the model's opinion of a crop, higher is better, comparable within one photo, never higher than that of the crop "
    "before"
)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """The photo: path or name as given, sha256 of the file, upright size and the EXIF orientation applied (1 to 8)."""

    path: str
    sha256: str
    width: int
    height: int
    orientation_applied: int


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model: name, tag, version, one hash over all its parts, what ran it, and in words what its scores are.

    ``reason`` says why this model answered where it was chosen for the photo; None where the caller named it.
    """

    name: str
    tag: str
    version: str
    weights_sha256: str
    backend: str = "onnxruntime-cpu"
    score_means: str = OVERLAP
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON objects hold it: who answered, what ran it, and why it was chosen if it was."""
        return {
            "name": self.name,
            "tag": self.tag,
            "version": self.version,
            "weights_sha256": self.weights_sha256,
            "backend": self.backend,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Suggestions:
    """All crops of one photo: those of the first ratio ranked 1, 2, ..., then those of the next.

    ``flags`` joins the flags of all crops, ``fewer_than_asked`` and those of the photo's notes; ``warnings`` says the
    same in sentences. ``person`` is the main person that the model was given, None without one or if it knows no
    persons. ``heads`` are the heads that crops had to heed; what becomes of each says `Crop.heads`.
    """

    image: ImageInfo
    model: ModelInfo
    request: Request
    crops: tuple[Crop, ...]
    flags: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    subjects: tuple[Mapping[str, Any], ...] = ()
    person: Mapping[str, Any] | None = None
    heads: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        expect(len(self.crops) >= 1, "at least one crop", "none")
        for crop in self.crops:
            _, _, x2, y2 = crop.xyxy
            width, height = self.size_wh
            expect(x2 <= width and y2 <= height, f"boxes inside {width}x{height} pixels", crop.box_px)
        for ratio in dict.fromkeys(crop.ratio for crop in self.crops):
            ranks = [crop.rank for crop in self.crops if crop.ratio == ratio]
            expect(ranks == list(range(1, len(ranks) + 1)), f"ranks 1, 2, ... for {ratio}", ranks)

    def __repr__(self) -> str:
        width, height = self.size_wh
        ratios = ", ".join(dict.fromkeys(crop.ratio for crop in self.crops))
        told = f"; {' '.join(self.flags)}" if self.flags else ""
        count = f"{len(self)} crop{'s' if len(self) > 1 else ''}"
        return f"<Suggestions {one_line(self.image.path)} {width}x{height}: {count} ({ratios}), best {self.best}{told}>"

    def _repr_html_(self) -> str:
        """The crops as a notebook shows them."""
        # Most results are never shown.
        from cadrage.inference.pictures.notebook import notebook_html

        return notebook_html(self.crops, self.caption, self.warnings, self._plot_if_unchanged())

    def __len__(self) -> int:
        return len(self.crops)

    def __iter__(self) -> Iterator[Crop]:
        return iter(self.crops)

    def __getitem__(self, index: int) -> Crop:
        return self.crops[index]

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upright photo in pixels."""
        return self.image.width, self.image.height

    @property
    def best(self) -> Crop:
        """The best crop of the first ratio."""
        return self.crops[0]

    @property
    def xyxy(self) -> Ints:
        """Pixels x1, y1, x2, y2, end-exclusive, ``(N, 4)``."""
        return np.array([crop.xyxy for crop in self.crops], np.int64)

    @property
    def xywh(self) -> Ints:
        """Pixels x, y, width, height, ``(N, 4)``."""
        return np.array([crop.box_px for crop in self.crops], np.int64)

    @property
    def xyxyn(self) -> Floats:
        """Normalised x1, y1, x2, y2, ``(N, 4)``."""
        return np.array([crop.box_norm for crop in self.crops], np.float64)

    @property
    def xywhn(self) -> Floats:
        """Normalised x, y, width, height, ``(N, 4)``."""
        boxes = self.xyxyn
        return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)

    @property
    def scores(self) -> Floats:
        """Expected overlap of each crop with the crop a person would choose, ``(N,)`` in [0, 1]."""
        return np.array([crop.score for crop in self.crops], np.float64)

    @property
    def area_fractions(self) -> Floats:
        """Part of the photo that each crop covers, ``(N,)``."""
        return np.array([crop.area_fraction for crop in self.crops], np.float64)

    @property
    def caption(self) -> tuple[str, str]:
        """What stands above a picture of the crops, left and right: the photo, and who answered."""
        width, height = self.size_wh
        return self.image.path, f"{width}x{height} px, model {self.model.name}.{self.model.tag}"

    @property
    def css(self) -> tuple[str, ...]:
        """One ``object-position`` per crop for an ``<img>`` with ``object-fit: cover`` and that crop's aspect."""
        return tuple(object_position(crop.box_px, self.size_wh) for crop in self.crops)

    def for_ratio(self, ratio: RatioLike) -> tuple[Crop, ...]:
        """The crops of one of the asked ratios, best first; the ratio is written as in the request.

        Raises:
            UsageError: it was not asked for.
        """
        asked = parse_ratio(ratio).text
        crops = tuple(crop for crop in self.crops if crop.ratio == asked)
        if not crops:
            there = ", ".join(dict.fromkeys(crop.ratio for crop in self.crops))
            raise UsageError(f"{one_line(self.image.path)}: no crops of ratio {asked}; there are some of {there}")
        return crops

    def with_notes(self, notes: Sequence[Note]) -> "Suggestions":
        """The same crops, with what else is to be known about the photo or the files made of it."""
        flags = dict.fromkeys((*self.flags, *(note.flag for note in notes)))
        return replace(self, flags=tuple(flags), warnings=(*self.warnings, *(note.says for note in notes)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of schema version 1.0 as Python values."""
        image = self.image
        return {
            "schema_version": SCHEMA_VERSION,
            "image": {
                "path": image.path,
                "sha256": image.sha256,
                "width": image.width,
                "height": image.height,
                "orientation_applied": image.orientation_applied,
            },
            "model": {**self.model.to_dict(), "score_means": self.model.score_means},
            "request": request_object(self.request),
            "subjects": [dict(subject) for subject in self.subjects],
            "person": None if self.person is None else dict(self.person),
            "heads": [dict(head) for head in self.heads],
            "crops": [crop_object(crop) for crop in self.crops],
            "flags": list(self.flags),
            "warnings": list(self.warnings),
        }

    def to_json(self) -> str:
        """One line of JSON without spaces; the same photo, request and version give the same bytes."""
        # A file name that is not valid UTF-8 reaches Python as lone surrogates, which only an escape can carry.
        readable = self.image.path.isprintable()
        return json.dumps(self.to_dict(), ensure_ascii=not readable, allow_nan=False, separators=(",", ":"))

    def crop(self, photo: PhotoLike) -> list[Image]:
        """The crops as images in full resolution, upright, in the photo's own colour mode.

        Raises:
            UsageError: the photo does not have the size these crops were made for.
            PhotoError: the photo cannot be read.
        """
        image = self._opened(photo).full()
        return [image.crop(crop.xyxy) for crop in self.crops]

    def plot(self, photo: PhotoLike) -> Image:
        """The photo, at most 1280 pixels long, with its crops drawn and ranked.

        Raises:
            UsageError: the photo does not have the size these crops were made for.
            PhotoError: the photo cannot be read.
        """
        # Most results are never drawn.
        from cadrage.inference.pictures.preview import draw_crops

        return draw_crops(self._opened(photo).thumbnail(_PLOT_SIDE), self.crops, self.caption)

    def _plot_if_unchanged(self) -> Image | None:
        try:
            photo = open_photo(self.image.path)
            unchanged = photo.path is not None and photo.sha256 == self.image.sha256
            return self.plot(photo) if unchanged else None
        # A table without a picture is better than no answer at all.
        except CadrageError:
            return None

    def _opened(self, photo: PhotoLike) -> Photo:
        opened = as_photo(photo)
        if opened.size_wh != self.size_wh:
            raise UsageError(
                f"{opened.name}: expected the photo of these crops, {self.size_wh} pixels, got {opened.size_wh}"
            )
        return opened
