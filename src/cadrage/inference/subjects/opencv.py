"""Faces and people by the classifiers that ship with OpenCV 4: boosted cascades and gradient histograms.

Cascades: Viola and Jones, CVPR 2001. People by histograms of oriented gradients: Dalal and Triggs, CVPR 2005. Both are
of their time: they miss faces in profile or shadow and people who sit. Their settings here rather miss a subject than
invent one.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cadrage.errors import CadrageError
from cadrage.geometry import iou_matrix, mirror
from cadrage.inference.subjects.detector import KINDS, Floats, Kind, Pixels, Subjects, nothing, sorted_subjects

_LONG_SIDE = 640
_SAME = 0.4


@dataclass(frozen=True, slots=True)
class _Cascade:
    """One cascade: its file, what it finds, and from which weight of its last stage on that is believed.

    ``surest`` is the weight from which the confidence is 1; the smallest window is a part of the photo's short side.
    """

    file: str
    kind: Kind
    believed: float
    surest: float
    neighbours: int
    smallest_part: float
    also_mirrored: bool = False


# The scale of these weights is each cascade's own; they were chosen on 130 photos of which 70 show nobody.
_CASCADES = (
    _Cascade("haarcascade_frontalface_alt2.xml", "face", 55.5, 57.5, 6, 0.06),
    _Cascade("haarcascade_profileface.xml", "face", 0.5, 4.0, 8, 0.08, also_mirrored=True),
    _Cascade("haarcascade_upperbody.xml", "person", 1.0, 3.0, 8, 0.15),
    _Cascade("haarcascade_fullbody.xml", "person", 1.0, 3.0, 8, 0.2),
)
# Margin of the linear classifier over its threshold.
_HOG_BELIEVED, _HOG_SUREST = 0.9, 2.0


class OpencvDetector:
    """Faces and people, by the extra ``subjects``. May be shared between threads.

    Raises:
        CadrageError: OpenCV is not installed, or is a version without these classifiers.
    """

    name = "opencv"

    def __init__(self) -> None:
        try:
            cv2: Any = import_module("cv2")
        except ModuleNotFoundError as error:
            raise CadrageError(
                "the detector opencv needs cv2, which is not installed; install the extra: "
                "pip install 'cadrage[subjects]', or use the detector own"
            ) from error
        if not hasattr(cv2, "CascadeClassifier") or not hasattr(cv2, "HOGDescriptor"):
            raise CadrageError(
                f"the detector opencv needs OpenCV 4, and this is {cv2.__version__}; install the extra: "
                "pip install 'cadrage[subjects]', or use the detector own"
            )
        self._cv2 = cv2
        # A classifier holds the photo it is looking at, and two of them at once end the process.
        self._of_thread = local()
        try:
            self._classifiers()
        except Exception as error:  # noqa: BLE001 - bindings raise whatever they like
            raise CadrageError(
                f"the detector opencv cannot load its classifiers ({_line(error)}); install the extra again: "
                "pip install 'cadrage[subjects]', or use the detector own"
            ) from None

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """Faces and people; other kinds it does not know.

        Raises:
            CadrageError: OpenCV cannot look at this photo.
        """
        if not {"face", "person"} & set(kinds):
            return nothing(self.name)
        grey = _grey(photo_pixels)
        try:
            return self._found(grey, kinds)
        except Exception as error:  # noqa: BLE001 - as above; a photo that OpenCV cannot take says nothing of the others
            raise CadrageError(
                f"the detector opencv cannot look at this photo ({_line(error)}); use another detector"
            ) from None

    def _found(self, grey: Pixels, kinds: tuple[Kind, ...]) -> Subjects:
        boxes, named, sure = [np.empty((0, 4))], list[Kind](), [np.empty(0)]
        for cascade in _CASCADES:
            if cascade.kind in kinds:
                found, confidences = self._by_cascade(cascade, grey)
                boxes.append(found)
                sure.append(confidences)
                named += [cascade.kind] * len(found)
        if "person" in kinds:
            found, confidences = self._by_gradients(grey)
            boxes.append(found)
            sure.append(confidences)
            named += ["person"] * len(found)
        return _without_doubles(sorted_subjects(np.concatenate(boxes), named, np.concatenate(sure), self.name))

    def _by_cascade(self, cascade: _Cascade, grey: Pixels) -> tuple[Floats, Floats]:
        boxes, weights = self._scan(cascade, grey)
        if cascade.also_mirrored:
            other, more = self._scan(cascade, np.ascontiguousarray(grey[:, ::-1]))
            boxes, weights = np.concatenate([boxes, mirror(other)]), np.concatenate([weights, more])
        believed = weights >= cascade.believed
        return boxes[believed], _confidence(weights[believed], cascade.believed, cascade.surest)

    def _scan(self, cascade: _Cascade, grey: Pixels) -> tuple[Floats, Floats]:
        height, width = grey.shape
        smallest = max(24, round(cascade.smallest_part * min(height, width)))
        found, _, weights = self._classifiers()[0][cascade.file].detectMultiScale3(
            grey,
            scaleFactor=1.1,
            minNeighbors=cascade.neighbours,
            minSize=(smallest, smallest),
            outputRejectLevels=True,
        )
        return _normalised(found, grey), np.asarray(weights, np.float64).reshape(-1)

    def _by_gradients(self, grey: Pixels) -> tuple[Floats, Floats]:
        hog = self._classifiers()[1]
        window_width, window_height = hog.winSize
        if grey.shape[0] < window_height or grey.shape[1] < window_width:
            return np.empty((0, 4)), np.empty(0)
        found, weights = hog.detectMultiScale(grey, winStride=(8, 8), padding=(8, 8), scale=1.05)
        margins = np.asarray(weights, np.float64).reshape(-1)
        believed = margins >= _HOG_BELIEVED
        boxes = _normalised(found, grey)[believed]
        # The classifier was trained on windows that leave room around the person.
        inner = (boxes[:, 2:] - boxes[:, :2]) * np.array([1 / 8, 1 / 16])
        tight = np.concatenate([boxes[:, :2] + inner, boxes[:, 2:] - inner], axis=1)
        return tight, _confidence(margins[believed], _HOG_BELIEVED, _HOG_SUREST)

    def _classifiers(self) -> tuple[dict[str, Any], Any]:
        """Those of the thread that asks: cascades by file, and the one on gradients."""
        if not hasattr(self._of_thread, "classifiers"):
            folder = Path(self._cv2.data.haarcascades)
            cascades = {one.file: self._cv2.CascadeClassifier(str(folder / one.file)) for one in _CASCADES}
            if empty := [file for file, cascade in cascades.items() if cascade.empty()]:
                raise FileNotFoundError(f"{folder} lacks {', '.join(empty)}")
            hog = self._cv2.HOGDescriptor()
            hog.setSVMDetector(self._cv2.HOGDescriptor.getDefaultPeopleDetector())
            self._of_thread.classifiers = cascades, hog
        classifiers: tuple[dict[str, Any], Any] = self._of_thread.classifiers
        return classifiers


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _grey(photo_pixels: Pixels) -> Pixels:
    """The photo as the classifiers were trained to see it: grey, and no larger than they need."""
    image = Image.fromarray(photo_pixels).convert("L")
    image.thumbnail((_LONG_SIDE, _LONG_SIDE), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8)


def _normalised(found_xywh: Any, grey: Pixels) -> Floats:
    boxes: NDArray[np.float64] = np.asarray(found_xywh, np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    height, width = grey.shape
    return boxes / (width, height, width, height)


def _confidence(weights: Floats, believed: float, surest: float) -> Floats:
    """From .5 for what is just believed to 1; no probability."""
    return np.clip(0.5 + 0.5 * (weights - believed) / (surest - believed), 0.5, 1.0)


def _without_doubles(subjects: Subjects) -> Subjects:
    """One box for a subject that several classifiers found: the most confident one."""
    overlaps = iou_matrix(subjects.boxes_xyxy, subjects.boxes_xyxy)
    kept: list[int] = []
    for index, kind in enumerate(subjects.kinds):
        if not any(subjects.kinds[other] == kind and overlaps[index, other] >= _SAME for other in kept):
            kept.append(index)
    kinds = tuple(subjects.kinds[index] for index in kept)
    return Subjects(subjects.boxes_xyxy[kept], kinds, subjects.confidences[kept], subjects.source)
