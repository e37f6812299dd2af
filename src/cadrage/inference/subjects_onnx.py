"""Subjects by a detector in an ONNX file of the caller's: ``onnx:FILE``.

Two kinds of output are understood, and told apart by their names:

- **YuNet** (Wu et al., Machine Intelligence Research 2023), faces: ``cls_8``, ``obj_8``, ``bbox_8`` and the same at
  strides 16 and 32. The file of the OpenCV Zoo, ``face_detection_yunet_2023mar.onnx``, has MIT terms.
- **DETR** (Carion et al., ECCV 2020) and its descendants, people, animals and objects of COCO: ``logits`` and
  ``pred_boxes``. DETR itself and RT-DETR have Apache-2.0 terms, weights included; both export to ONNX in this form.

Weights are not part of this package. Of detectors under the AGPL, such as the recent YOLO families, mind the terms.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from cadrage.errors import ModelError
from cadrage.inference.subjects import KINDS, Kind, Pixels, Subjects, sorted_subjects
from cadrage.inference.subjects_coco import kinds_and_confidences
from cadrage.inference.subjects_yunet import STRIDES, faces

_DEFAULT_SIDE = 640
_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class OnnxDetector:
    """A detector in an ONNX file, on the CPU.

    Args:
        file: the network, with YuNet's outputs or DETR's.
        believed: the least confidence of a subject.

    Raises:
        ModelError: the file cannot be read, is no network or has other outputs.
    """

    name = "onnx"

    def __init__(self, file: Path, *, believed: float = 0.6) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        if not file.is_file():
            raise ModelError(f"{file}: no such file; give an ONNX file as onnx:FILE")
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - the runtime's own errors share no public base class
            raise ModelError(f"{file}: not a usable ONNX file ({_line(error)}); fetch it again") from None
        self.name = f"onnx:{file.name}"
        self._file, self._believed = file, believed
        self._inputs = {given.name: given.shape for given in self._session.get_inputs()}
        self._outputs = {returned.name for returned in self._session.get_outputs()}
        self._is_yunet = {f"{part}_{stride}" for part in ("cls", "obj", "bbox") for stride in STRIDES} <= self._outputs
        if not self._is_yunet and not {"logits", "pred_boxes"} <= self._outputs:
            raise ModelError(
                f"{file}: expected the outputs of YuNet (cls_8, obj_8, bbox_8, ...) or of DETR (logits, pred_boxes), "
                f"got {', '.join(sorted(self._outputs))}; use another detector"
            )

    def detect(self, photo_pixels: Pixels, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """What the network finds of the asked kinds.

        Raises:
            ModelError: the network cannot run or returns something else than its outputs promise.
        """
        found = self._faces(photo_pixels) if self._is_yunet else self._coco(photo_pixels)
        return found.of(*kinds)

    def _faces(self, photo_pixels: Pixels) -> Subjects:
        height, width = self._side(2), self._side(3)
        # The photo keeps its shape: faces that are squashed are found less often.
        part = min(height / photo_pixels.shape[0], width / photo_pixels.shape[1])
        inner = tuple(max(1, round(side * part)) for side in photo_pixels.shape[:2])
        canvas = np.zeros((height, width, 3), np.float32)
        canvas[: inner[0], : inner[1]] = _resized(photo_pixels, (inner[1], inner[0]))[..., ::-1]
        outputs = self._run(np.ascontiguousarray(canvas.transpose(2, 0, 1)[None]))
        try:
            boxes_px, confidences = faces(outputs, (height, width), self._believed)
        except ValueError as error:
            raise ModelError(f"{self._file}: {error}; use another file") from None
        boxes = boxes_px / np.tile([inner[1], inner[0]], 2)
        return sorted_subjects(boxes, ["face"] * len(boxes), confidences, self.name)

    def _coco(self, photo_pixels: Pixels) -> Subjects:
        pixels = _resized(photo_pixels, (self._side(3), self._side(2))) / np.float32(255)
        classes = next(one.shape for one in self._session.get_outputs() if one.name == "logits")[-1]
        if classes != 80:  # the descendants with COCO's 80 classes take plain numbers from 0 to 1
            pixels = (pixels - _IMAGENET_MEAN) / _IMAGENET_DEVIATION
        outputs = self._run(np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))
        centres, logits = outputs["pred_boxes"], outputs["logits"]
        if centres.ndim != 3 or centres.shape[2] != 4 or logits.shape[:2] != centres.shape[:2]:
            raise ModelError(f"{self._file}: expected logits (1, N, C) and pred_boxes (1, N, 4); use another file")
        try:
            kinds, confidences = kinds_and_confidences(logits[0].astype(np.float64))
        except ValueError as error:
            raise ModelError(f"{self._file}: {error}; use another file") from None
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
        names = sorted(self._outputs)
        try:
            outputs = dict(zip(names, self._session.run(names, given), strict=True))
        except Exception as error:  # noqa: BLE001 - as above
            raise ModelError(f"{self._file}: the detector cannot run ({_line(error)}); use another file") from None
        for name, values in outputs.items():
            if not np.isfinite(values).all():
                raise ModelError(f"{self._file}: {name} holds numbers that are not finite; use another file")
        return outputs

    def _side(self, axis: int) -> int:
        shape = next(iter(self._inputs.values()))
        size = shape[axis] if len(shape) == 4 else None
        return size if isinstance(size, int) else _DEFAULT_SIDE


def _resized(photo_pixels: Pixels, size_wh: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(photo_pixels).resize(size_wh, Image.Resampling.BILINEAR), np.float32)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
