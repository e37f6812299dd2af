"""CPC (Wei et al., CVPR 2018): 24 crops per photo, each graded 0 to 4 by six raters.

One text file per photo holds one line: a JSON string that holds JSON again, with ``scores`` (a list per rater) and
``bboxes`` (``xmin ymin xmax ymax`` in pixels). The score of a crop is the mean over its raters.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cadrage.datasets.conversion.raw import RawPhoto, Reading
from cadrage.datasets.readers.folder import SourceFolder, left_out, malformed
from cadrage.datasets.readers.parse import box_rows, check_name, load_object, numbers, parse_json, shown
from cadrage.datasets.readers.photos_in import Listed, list_files
from cadrage.errors import UsageError
from cadrage.geometry.boxes import Boxes

CROPS = "image_crop.json"

_LOWEST, _HIGHEST = 0, 4


def read_cpc(src: Path) -> Reading:
    """CPC in ``src``: ``CollectedAnnotationsRaw/NAME.jpg.txt``, else ``image_crop.json``; photos in ``images/``.

    Raises:
        UsageError: neither form is there, or a JSON file is malformed as a whole.
    """
    try:
        texts = list_files(src, frozenset({"collectedannotationsraw"}), frozenset({".txt"}))
    except OSError as error:
        raise UsageError(f"{src}: cannot list it: {error.strerror}; check its permissions") from error
    folder = SourceFolder(src, "cpc")
    if texts:
        texts.sort(key=lambda listed: (listed.name, listed.path))
        return Reading("cpc", src, len(texts), _from_texts(folder, texts))
    if not (src / CROPS).is_file():
        raise UsageError(
            f"{src}: neither CollectedAnnotationsRaw/*.txt nor {CROPS} here; give the folder that CPC was unpacked to"
        )
    crops = load_object(src / CROPS, CROPS)
    return Reading("cpc", src, len(crops), _from_json(folder, crops))


def _from_texts(folder: SourceFolder, texts: list[Listed]) -> Iterator[RawPhoto]:
    for listed in texts:
        name = listed.name[:-4]
        try:
            content = parse_json((folder.folder / listed.path).read_bytes())
            if isinstance(content, str):
                content = parse_json(content)
            raw = _photo(check_name(name), listed.path, content, listed.split)
        except OSError as error:
            raw = left_out(name, listed.path, "malformed-annotation", f"cannot be read: {error.strerror}")
        except ValueError as error:
            raw = malformed(name, listed.path, error)
        yield folder.complete(raw)
    yield from folder.rest()


def _from_json(folder: SourceFolder, crops: dict[str, Any]) -> Iterator[RawPhoto]:
    for name, entry in crops.items():
        where = f"{CROPS}, {shown(name)}"
        try:
            raw = _photo(check_name(name), where, entry, None)
        except ValueError as error:
            raw = malformed(str(name), where, error)
        yield folder.complete(raw)
    yield from folder.rest()


def _photo(name: str, where: str, content: Any, split: str | None) -> RawPhoto:
    # The files of the official release have a single line.
    if not isinstance(content, dict):
        raise ValueError(f"line 1: expected an object with scores and bboxes, got {shown(content)}")
    boxes, grades = box_rows(content.get("bboxes"), "bboxes"), numbers(content.get("scores"), "scores")
    return RawPhoto(name, where, boxes_xyxy_px=boxes, scores=_means(grades, len(boxes)), split=split)


def _means(grades: Boxes, crops: int) -> Boxes:
    """One score per crop from grades (raters, crops); grades (crops,) are means already."""
    if grades.ndim not in (1, 2) or grades.size == 0 or grades.shape[-1] != crops:
        raise ValueError(f"scores: expected a list of {crops} grades per rater, got the shape {grades.shape}")
    if grades.min() < _LOWEST or grades.max() > _HIGHEST:
        raise ValueError(
            f"scores: expected grades from {_LOWEST} to {_HIGHEST}, got {grades.min():g} to {grades.max():g}"
        )
    means: Boxes = grades if grades.ndim == 1 else np.mean(grades, axis=0)
    return means
