"""Subjects by a detector in an ONNX file of the caller's: ``onnx:FILE``.

Two kinds of output are understood; their names decide which it is:

- **YuNet** (Wu et al., Machine Intelligence Research 2023), faces: ``cls_8``, ``obj_8``, ``bbox_8`` and the same at
  strides 16 and 32. The file of the OpenCV Zoo, ``face_detection_yunet_2023mar.onnx``, has MIT terms.
- **DETR** (Carion et al., ECCV 2020) and its descendants, people, animals and objects of COCO: ``logits`` and
  ``pred_boxes``. DETR itself and RT-DETR have Apache-2.0 terms, weights included; both export to ONNX in this form.

Weights are not part of this package. Of detectors under the AGPL, such as the recent YOLO families, mind the terms.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cadrage.errors import DetectionError, ModelError, in_short
from cadrage.inference.subjects.detector import KINDS, Kind, Pixels, Subjects, expect_sha256, sorted_subjects
from cadrage.inference.subjects.onnx_file import YUNET_OUTPUTS, expected_outputs, input_size_hw, read_network
from cadrage.inference.subjects.onnx_outputs import faces, kinds_and_confidences

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class OnnxDetector:
    """A detector in an ONNX file, on the CPU. May be shared between threads.

    Args:
        file: the network, with YuNet's outputs or DETR's and a photo of 1 to 4096 pixels a side as its input.
        believed: the least confidence of a subject.
        threads: threads for one operation; None leaves the choice to ONNX Runtime.

    Raises:
        ModelError: the file cannot be read, is no network, needs other files, or has other inputs or outputs.
    """

    name = "onnx"
    # One pass finds every kind, where other detectors take their time for each.
    finds_all_at_once = True

    def __init__(self, file: Path, *, believed: float = 0.6, threads: int | None = None) -> None:
        self._network = read_network(file, threads)
        session = self._network.session
        try:
            self._size_hw = input_size_hw(session)
            self._outputs = expected_outputs(session, self._size_hw)
        except ValueError as error:
            raise ModelError(f"{file}: {error}; use another file") from None
        self.name = f"onnx:{file.name}"
        self._file, self._believed, self._threads = file, believed, threads
        self._inputs = {given.name: given.shape for given in session.get_inputs()}
        self._classes = next((one.shape[-1] for one in session.get_outputs() if one.name == "logits"), None)

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process the file is read again, and must be the same."""
        return _made_again, (self.sha256, self._file.absolute(), self._believed, self._threads)

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self._network.sha256

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """What the network finds of the asked kinds.

        Raises:
            DetectionError: the network cannot run on this photo, or returns something else than its outputs promise.
        """
        found = self._faces(photo_pixels) if self._outputs == YUNET_OUTPUTS else self._coco(photo_pixels)
        return found.of(*kinds)

    def _faces(self, photo_pixels: Pixels) -> Subjects:
        height, width = self._size_hw
        # The photo keeps its shape: faces that are squashed are found less often.
        part = min(height / photo_pixels.shape[0], width / photo_pixels.shape[1])
        inner = tuple(max(1, round(side * part)) for side in photo_pixels.shape[:2])
        canvas = np.zeros((height, width, 3), np.float32)
        canvas[: inner[0], : inner[1]] = _resized(photo_pixels, (inner[1], inner[0]))[..., ::-1]
        outputs = self._run(np.ascontiguousarray(canvas.transpose(2, 0, 1)[None]))
        try:
            boxes_px, confidences = faces(outputs, (height, width), self._believed)
        except ValueError as error:
            raise self._failed(error) from None
        boxes = boxes_px / np.tile([inner[1], inner[0]], 2)
        return sorted_subjects(boxes, ["face"] * len(boxes), confidences, self.name)

    def _coco(self, photo_pixels: Pixels) -> Subjects:
        pixels = _resized(photo_pixels, self._size_hw[::-1]) / np.float32(255)
        if self._classes != 80:  # the descendants with COCO's 80 classes take plain numbers from 0 to 1
            pixels = (pixels - _IMAGENET_MEAN) / _IMAGENET_DEVIATION
        outputs = self._run(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))
        centres, logits = outputs["pred_boxes"], outputs["logits"]
        if centres.ndim != 3 or centres.shape[2] != 4 or logits.ndim != 3 or logits.shape[:2] != centres.shape[:2]:
            raise self._failed("expected logits (1, N, C) and pred_boxes (1, N, 4)")
        try:
            kinds, confidences = kinds_and_confidences(logits[0].astype(np.float64))
        except ValueError as error:
            raise self._failed(error) from None
        believed = confidences >= self._believed
        centre, size = centres[0, :, :2].astype(np.float64), centres[0, :, 2:].astype(np.float64)
        boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)[believed]
        chosen = [kinds[index] for index in np.flatnonzero(believed)]
        return sorted_subjects(boxes, chosen, confidences[believed], self.name)

    def _run(self, image: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        first, *others = self._inputs
        given: dict[str, NDArray[Any]] = {first: image}
        for name in others:  # DETR's mask of the pixels that count: all
            sides = zip(self._inputs[name][1:], image.shape[2:], strict=False)
            given[name] = np.ones([1, *(size if isinstance(size, int) else side for size, side in sides)], np.int64)
        try:
            outputs = dict(zip(self._outputs, self._network.run(list(self._outputs), given), strict=True))
        except Exception as error:  # noqa: BLE001 - the runtime's own errors share no public base class
            raise self._failed(error) from None
        for name, values in outputs.items():
            if not np.isfinite(values).all():
                raise self._failed(f"{name} holds numbers that are not finite")
        return outputs

    def _failed(self, why: object) -> DetectionError:
        return DetectionError(
            f"{self._file}: the detector cannot look at this photo ({in_short(why)}); use another detector"
        )


def _made_again(sha256: str, file: Path, believed: float, threads: int | None) -> OnnxDetector:
    detector = OnnxDetector(file, believed=believed, threads=threads)
    expect_sha256(detector, sha256)
    return detector


def _resized(photo_pixels: Pixels, size_wh: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(photo_pixels).resize(size_wh, Image.Resampling.BILINEAR), np.float32)
