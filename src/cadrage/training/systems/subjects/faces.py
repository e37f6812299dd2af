"""What the face teacher finds on every photo, computed once and kept on disk.

The teacher is a face detector (Ultra-Light-Fast-Generic-Face-Detector-1MB, RFB-640, MIT) as an ONNX file: one image of
floats ``(1, 3, H, W)`` in, RGB as ``(x - 127) / 128``; scores ``(1, N, 2)``, the second one that of a face, and boxes
``(1, N, 4)`` as parts of the squashed photo out.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.pixels import load_photo
from cadrage.errors import UsageError, in_short
from cadrage.geometry import iou_matrix, mirror
from cadrage.inference.runtime import start
from cadrage.inference.subjects.onnx_outputs import without_doubles
from cadrage.training.engine.augment import Floats
from cadrage.training.engine.record import replaced

SeenFaces = tuple[Floats, Floats]
"""Boxes ``(N, 4)``, normalised, and how sure the teacher is of each, ``(N,)`` in [0, 1]."""
FaceTeacher = Callable[[NDArray[np.uint8]], SeenFaces]

_MENTIONED = 0.4
_SAME_BOX, _SAME_FACE = 0.3, 0.4


def load_face_teacher(file: Path) -> FaceTeacher:
    """The teacher as a function from pixels ``(H, W, 3)`` uint8 to the faces that it mentions.

    Raises:
        UsageError: the file is not such a network.
    """
    try:
        session = start(file.read_bytes(), threads=1)
        (given,) = session.get_inputs()
        _, channels, height, width = given.shape
        scores, boxes = (output.name for output in session.get_outputs())
    except OSError as error:
        raise UsageError(f"{file}: cannot read the face teacher ({error.strerror}); see the recipe") from None
    except Exception as error:  # noqa: BLE001 - the runtime's own errors share no public base class
        raise UsageError(f"{file}: not a face detector ({in_short(error)}); give the teacher's ONNX file") from None
    if channels != 3 or not isinstance(height, int) or not isinstance(width, int):
        raise UsageError(f"{file}: expected an image of three channels and a fixed size in")

    def see(pixels: NDArray[np.uint8]) -> SeenFaces:
        squashed = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
        image = (np.asarray(squashed, np.float32).transpose(2, 0, 1)[None] - 127) / 128
        sure, found = session.run([scores, boxes], {given.name: image})
        mentioned = sure[0, :, 1] >= _MENTIONED
        return without_doubles(
            found[0, mentioned].astype(np.float64), sure[0, mentioned, 1].astype(np.float64), _SAME_BOX
        )

    return see


def seen_in_both(teacher: FaceTeacher, pixels: NDArray[np.uint8]) -> SeenFaces:
    """The faces of a photo and of its mirror image, in the photo's coordinates.

    Of a face that is seen in both views boxes and certainty are averaged; one that is seen in one is half as sure.
    """
    boxes, sure = teacher(pixels)
    others, others_sure = teacher(np.ascontiguousarray(pixels[:, ::-1]))
    others = mirror(others)
    alone = np.ones(len(others), np.bool_)
    joined, certainty = [], []
    for box, score, row in zip(boxes, sure, iou_matrix(boxes, others), strict=True):
        match = int(np.argmax(np.where(alone, row, 0.0))) if len(row) else -1
        if match >= 0 and alone[match] and row[match] >= _SAME_FACE:
            alone[match] = False
            box, score = (box + others[match]) / 2, (score + others_sure[match])
        joined.append(box)
        certainty.append(score / 2)
    every = np.concatenate([np.reshape(joined, (-1, 4)), others[alone]]).clip(0, 1)
    return every, np.concatenate([certainty, others_sure[alone] / 2])


def keep_faces(records: Sequence[PhotoRecord], teacher: FaceTeacher, folder: Path) -> None:
    """Write the faces of every photo to ``folder``, where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        file = _faces_file(record, folder)
        if not file.is_file():
            boxes, sure = seen_in_both(teacher, load_photo(record.file, 1024))
            with replaced(file) as part:
                part.write_text(json.dumps({"boxes_xyxy": boxes.tolist(), "sure": sure.tolist()}), encoding="utf-8")


def read_faces(record: PhotoRecord, folder: Path) -> SeenFaces:
    """The kept faces of a photo.

    Raises:
        UsageError: there are none.
    """
    file = _faces_file(record, folder)
    if not file.is_file():
        raise UsageError(f"{file}: no faces of {record.file_name} are kept; compute them first")
    kept = json.loads(file.read_text(encoding="utf-8"))
    return np.array(kept["boxes_xyxy"], np.float64).reshape(-1, 4), np.array(kept["sure"], np.float64)


def _faces_file(record: PhotoRecord, folder: Path) -> Path:
    return folder / (hashlib.sha256(record.file.read_bytes()).hexdigest()[:32] + ".json")
