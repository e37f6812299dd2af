"""What the teacher and the trunk return for every photo, computed once and kept on disk.

The teacher is a segmentation network with the 21 classes of PASCAL VOC (DeepLabV3, Chen et al., arXiv:1706.05587), as a
TensorFlow Lite file whose one input is a uint8 RGB image and whose one output is the class of every pixel. It is read
by ``ai-edge-litert``, which only this step needs. The trunk stays as it is, so that the default model is not touched,
and the head sees each photo in a few fixed views.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.pixels import load_photo
from cadrage.errors import CadrageError, UsageError
from cadrage.inference.session import Model
from cadrage.training.engine.augment import Floats, resized
from cadrage.training.engine.record import replaced

Labels = NDArray[np.uint8]
Teacher = Callable[[NDArray[np.uint8]], Labels]

# Index of each class in the teacher's output, by what it is called here; all other classes but 0 are objects.
PERSON_CLASSES = (15,)
ANIMAL_CLASSES = (3, 8, 10, 12, 13, 17)
OBJECT_CLASSES = (1, 2, 4, 5, 6, 7, 9, 11, 14, 16, 18, 19, 20)

_FEATURES, _KEPT = "features.npy", "features.json"


def load_teacher(file: Path, threads: int = 1) -> Teacher:
    """The teacher as a function from pixels ``(H, W, 3)`` uint8 to classes ``(S, S)`` on the squashed photo.

    Raises:
        CadrageError: ai-edge-litert is not installed.
        UsageError: the file is not such a network.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as error:
        raise CadrageError(
            f"{file}: reading the teacher needs ai-edge-litert; install it with: pip install ai-edge-litert"
        ) from error
    try:
        network = Interpreter(str(file), num_threads=threads)
        network.allocate_tensors()
        (given,), (returned,) = network.get_input_details(), network.get_output_details()
        _, height, width, channels = given["shape"]
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"{file}: not a segmentation network ({error}); give a TensorFlow Lite file") from error
    if given["dtype"] != np.uint8 or channels != 3 or tuple(returned["shape"]) != (1, height, width):
        raise UsageError(f"{file}: expected a uint8 image in and one class per pixel out")

    def see(pixels: NDArray[np.uint8]) -> Labels:
        squashed = Image.fromarray(pixels).resize((int(width), int(height)), Image.Resampling.BILINEAR)
        network.set_tensor(given["index"], np.asarray(squashed, np.uint8)[None])
        network.invoke()
        return np.asarray(network.get_tensor(returned["index"])[0], np.uint8)

    return see


def keep_labels(records: Sequence[PhotoRecord], teacher: Teacher, folder: Path) -> None:
    """Write the classes of every photo to ``folder``, where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        file = labels_file(record, folder)
        if not file.is_file():
            with replaced(file) as part:
                Image.fromarray(teacher(load_photo(record.file, 1024))).save(part, format="png")


def labels_file(record: PhotoRecord, folder: Path) -> Path:
    """Where the classes of a photo are kept: under the checksum of its bytes, as two data sets may share a name."""
    return folder / (hashlib.sha256(record.file.read_bytes()).hexdigest()[:32] + ".png")


def read_labels(record: PhotoRecord, folder: Path) -> Labels:
    """The kept classes ``(S, S)`` of a photo.

    Raises:
        UsageError: there are none.
    """
    file = labels_file(record, folder)
    if not file.is_file():
        raise UsageError(f"{file}: no teacher classes of {record.file_name}; compute them first")
    with Image.open(file) as image:
        return np.asarray(image, np.uint8)


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
    side = trunk.card.input.side
    kept: np.memmap[Any, np.dtype[np.float16]] | None = None
    for photo, record in enumerate(records):
        pixels = load_photo(record.file, 512)
        for view, window in enumerate(windows_xyxy[photo]):
            features = trunk.encode(resized(pixels, (side, side), tuple(window)), record.size_wh).features
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


def _identity(records: Sequence[PhotoRecord], trunk: Model, windows_xyxy: Floats) -> dict[str, object]:
    return {
        "trunk": trunk.card.parts["trunk"][1],
        "photos": [record.file_name for record in records],
        "windows": np.round(windows_xyxy, 6).tolist(),
    }
