"""What the trunk makes of every photo and of random windows of it, computed once and kept on disk.

The trunk stays as it is, so that the default model is not touched, and the head sees each photo in a few fixed views.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.pixels import load_photo
from cadrage.inference.session import Model
from cadrage.training.record import replaced

_FEATURES, _KEPT = "features.npy", "features.json"

Floats = NDArray[np.float64]


def window_boxes(count: int, views: int, smallest: float, seed: int) -> Floats:
    """The windows ``(count, views, 4)``: the whole photo first, then random ones.

    Their sides are ``smallest`` to .9 of the photo's, give or take a fifth for the shape.
    """
    random = np.random.default_rng(seed)
    windows = np.tile(np.array([0.0, 0.0, 1.0, 1.0]), (count, views, 1))
    for photo in range(count):
        for view in range(1, views):
            side, shape = random.uniform(smallest, 0.9), np.exp(random.uniform(-0.2, 0.2))
            width, height = min(1.0, side * shape), min(1.0, side / shape)
            left, top = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
            windows[photo, view] = (left, top, left + width, top + height)
    return windows


def keep_features(records: Sequence[PhotoRecord], trunk: Model, windows_xyxy: Floats, folder: Path) -> None:
    """Write the features of every view and its mirror image, unless ``folder`` holds just these already."""
    wanted = _identity(records, trunk, windows_xyxy)
    if (folder / _KEPT).is_file() and json.loads((folder / _KEPT).read_text(encoding="utf-8")) == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _KEPT).unlink(missing_ok=True)
    kept: np.memmap[Any, np.dtype[np.float16]] | None = None
    for photo, record in enumerate(records):
        pixels = load_photo(record.file, 512)
        for view, window in enumerate(windows_xyxy[photo]):
            features = trunk.encode(_seen(pixels, window, trunk.card.input_side), record.size_wh).features
            if kept is None:
                shape = (len(records), windows_xyxy.shape[1], *features.shape)
                kept = np.lib.format.open_memmap(folder / _FEATURES, "w+", np.float16, shape)
            kept[photo, view] = features
    if kept is not None:
        kept.flush()
    with replaced(folder / _KEPT) as part:
        part.write_text(json.dumps(wanted) + "\n", encoding="utf-8")


def read_features(folder: Path) -> NDArray[np.float16]:
    """The kept features ``(photos, views, 2, C, h, w)``; of each view first itself, then its mirror image."""
    features: NDArray[np.float16] = np.load(folder / _FEATURES, mmap_mode="r")
    return features


def _seen(pixels: NDArray[np.uint8], window_xyxy: Floats, side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    box = tuple((window_xyxy * np.array([width, height, width, height])).tolist())
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR, box=box), np.uint8)


def _identity(records: Sequence[PhotoRecord], trunk: Model, windows_xyxy: Floats) -> dict[str, object]:
    return {
        "trunk": trunk.card.parts["trunk"][1],
        "photos": [record.file_name for record in records],
        "windows": np.round(windows_xyxy, 6).tolist(),
    }
