"""FLMS (Fang et al., ACM MM 2014): 500 photos with ten crops each, by ten people, all of them good.

The benchmark has one split: all of its photos are ``test``.

The official file is a MATLAB table with rows first, ``ymin xmin ymax xmax``, where negative rows fill the table up. The
JSON form is x first. Both hold a few broken rows.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cadrage.datasets.conversion.raw import RawPhoto, Reading
from cadrage.datasets.readers.folder import SourceFolder, malformed
from cadrage.datasets.readers.parse import box_rows, check_name, load_object, shown
from cadrage.errors import CadrageError, UsageError
from cadrage.geometry.boxes import Boxes

TABLE = "500_image_dataset.mat"
VARIABLE = "img_gt"
CROPS = "image_crop.json"

SPLIT = "test"


def read_flms(src: Path) -> Reading:
    """FLMS in ``src``: ``500_image_dataset.mat``, else ``image_crop.json``; photos in ``image/`` or ``images/``.

    Raises:
        UsageError: neither form is there, or it is malformed as a whole.
        CadrageError: the MATLAB table needs a package that is not installed.
    """
    folder = SourceFolder(src, "flms")
    if (src / TABLE).is_file():
        rows = _table(src / TABLE)
        return Reading("flms", src, len(rows), _from_table(folder, rows))
    if not (src / CROPS).is_file():
        raise UsageError(f"{src}: neither {TABLE} nor {CROPS} here; give the folder that FLMS was unpacked to")
    crops = load_object(src / CROPS, CROPS)
    return Reading("flms", src, len(crops), _from_json(folder, crops))


def _table(file: Path) -> list[Any]:
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise CadrageError(
            f"{file.name}: needs scipy, which is not installed; install the extra: pip install 'cadrage[eval]'"
        ) from error
    try:
        content = loadmat(file, variable_names=[VARIABLE])
    # A damaged table makes scipy raise nearly anything.
    except Exception as error:
        raise UsageError(f"{file.name}: not a MATLAB table ({shown(str(error))}); get the file again") from error
    if VARIABLE not in content:
        raise UsageError(f"{file.name}: no variable {VARIABLE} in it; get the official table of FLMS")
    return list(np.ravel(content[VARIABLE]))


def _from_table(folder: SourceFolder, rows: list[Any]) -> Iterator[RawPhoto]:
    for number, row in enumerate(rows, start=1):
        where, name = f"{TABLE}, row {number}", "unknown"
        try:
            name = check_name(_name(row))
            # Rows first: y1 x1 y2 x2.
            raw = _photo(name, where, box_rows(_field(row, 1), "boxes")[:, [1, 0, 3, 2]])
        except ValueError as error:
            raw = malformed(name, where, error)
        yield folder.complete(raw)
    yield from folder.rest()


def _from_json(folder: SourceFolder, crops: dict[str, Any]) -> Iterator[RawPhoto]:
    for name, boxes in crops.items():
        where = f"{CROPS}, {shown(name)}"
        try:
            raw = _photo(check_name(name), where, box_rows(boxes, "boxes"))
        except ValueError as error:
            raw = malformed(str(name), where, error)
        yield folder.complete(raw)
    yield from folder.rest()


def _photo(name: str, where: str, boxes_xyxy_px: Boxes) -> RawPhoto:
    padding = (boxes_xyxy_px < 0).any(axis=1)
    kept = boxes_xyxy_px[~padding]
    counts = {"crop-padding": int(padding.sum())}
    return RawPhoto(name, where, boxes_xyxy_px=kept, scores=np.ones(len(kept)), split=SPLIT, counts=counts)


def _name(row: Any) -> Any:
    names = np.ravel(_field(row, 0)).tolist()
    if len(names) != 1:
        raise ValueError(f"field 1: expected one file name, got {shown(names)}")
    return names[0]


def _field(row: Any, index: int) -> Any:
    try:
        return row[index]
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError(f"expected a structure of a file name and boxes, got {shown(row)}") from error
