"""Detectors in ONNX files, made on the spot: their outputs are constants that can be worked out by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from cadrage.errors import DetectionError, ModelError
from cadrage.inference.subjects.onnx_detector import OnnxDetector
from cadrage.inference.subjects.onnx_outputs import kinds_and_confidences

Write = Callable[..., Path]

SQUARE = np.zeros((64, 64, 3), np.uint8)
WIDE = np.zeros((32, 64, 3), np.uint8)


def yunet(side: int = 64) -> dict[str, np.ndarray]:
    outputs = {}
    for stride in (8, 16, 32):
        cells = (side // stride) ** 2
        outputs[f"cls_{stride}"] = np.zeros((1, cells, 1))
        outputs[f"obj_{stride}"] = np.zeros((1, cells, 1))
        outputs[f"bbox_{stride}"] = np.zeros((1, cells, 4))
    return outputs


def test_a_yunet_without_faces_finds_none(tmp_path: Path, write_detector: Write) -> None:
    assert len(OnnxDetector(write_detector(tmp_path / "faces.onnx", yunet())).detect(SQUARE)) == 0


def test_a_face_of_yunet_lies_where_its_cell_says(tmp_path: Path, write_detector: Write) -> None:
    outputs = yunet()
    # Row 2, column 1 of the grid of stride 16 is cell 9: centre (1.5, 2.5) cells, one cell wide, two high.
    outputs["cls_16"][0, 9], outputs["obj_16"][0, 9] = 0.81, 1.0
    outputs["bbox_16"][0, 9] = [0.5, 0.5, 0, np.log(2)]
    found = OnnxDetector(write_detector(tmp_path / "faces.onnx", outputs)).detect(SQUARE)
    assert found.kinds == ("face",) and found.source == "onnx:faces.onnx"
    assert found.confidences == pytest.approx([0.9])
    assert found.boxes_xyxy[0] == pytest.approx([0.25, 0.375, 0.5, 0.875])


def test_a_wide_photo_keeps_its_shape(tmp_path: Path, write_detector: Write) -> None:
    outputs = yunet()
    outputs["cls_8"][0, 0], outputs["obj_8"][0, 0] = 1, 1
    outputs["bbox_8"][0, 0] = [0.5, 0.5, 0, 0]  # 8 x 8 pixels at the corner of a photo that fills 64 x 32
    found = OnnxDetector(write_detector(tmp_path / "faces.onnx", outputs)).detect(WIDE)
    assert found.boxes_xyxy[0] == pytest.approx([0, 0, 8 / 64, 8 / 32])


def test_one_face_in_two_cells_counts_once(tmp_path: Path, write_detector: Write) -> None:
    outputs = yunet()
    for cell, sure in ((0, 0.7), (1, 0.8)):
        outputs["cls_16"][0, cell] = outputs["obj_16"][0, cell] = sure
        outputs["bbox_16"][0, cell] = [1.0 - cell, 0.5, 0, 0]
    found = OnnxDetector(write_detector(tmp_path / "faces.onnx", outputs)).detect(SQUARE)
    assert found.confidences == pytest.approx([0.8])


def test_outputs_of_another_size_are_an_error(tmp_path: Path, write_detector: Write) -> None:
    assert_refused(write_detector(tmp_path / "faces.onnx", yunet(32)), "stride 8 do not fit an input of 64x64")


def detr(classes: int, chosen: list[int]) -> dict[str, np.ndarray]:
    logits = np.full((1, len(chosen), classes), -8.0)
    logits[0, np.arange(len(chosen)), chosen] = 8.0
    return {"logits": logits, "pred_boxes": np.tile([0.5, 0.5, 0.2, 0.4], (1, len(chosen), 1))}


@pytest.mark.parametrize(("classes", "person", "dog", "chair"), [(92, 1, 18, 62), (91, 1, 18, 62), (80, 0, 16, 56)])
def test_detr_and_its_descendants_name_kinds(
    tmp_path: Path, write_detector: Write, classes: int, person: int, dog: int, chair: int
) -> None:
    file = write_detector(
        tmp_path / "detr.onnx", detr(classes, [person, dog, chair]), (1, 3, "h", "w"), extra=(1, 64, 64)
    )
    found = OnnxDetector(file).detect(SQUARE)
    assert found.kinds == ("person", "animal", "object")
    assert found.boxes_xyxy[0] == pytest.approx([0.4, 0.3, 0.6, 0.7])
    assert OnnxDetector(file).detect(SQUARE, ("animal",)).kinds == ("animal",)


def test_no_object_is_nothing(tmp_path: Path, write_detector: Write) -> None:
    assert len(OnnxDetector(write_detector(tmp_path / "detr.onnx", detr(92, [91, 91]))).detect(SQUARE)) == 0


def test_the_softmax_counts_with_no_object_alone() -> None:
    logits = np.zeros((1, 92))
    assert kinds_and_confidences(logits)[1] == pytest.approx([1 / 92])
    assert kinds_and_confidences(np.zeros((1, 80)))[1] == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"boxes": np.zeros((1, 3, 4))}, "expected the outputs of YuNet"),
        ({"logits": np.zeros((1, 3, 7)), "pred_boxes": np.zeros((1, 3, 4))}, "80, 91 or 92 classes"),
        ({"logits": np.zeros((1, 3, 80)), "pred_boxes": np.zeros((1, 2, 4))}, r"pred_boxes \(1, N, 4\)"),
        ({"logits": np.zeros(3), "pred_boxes": np.zeros((1, 3, 4))}, r"got logits tensor\(float\) \(3\)"),
        ({"logits": np.zeros(()), "pred_boxes": np.zeros((1, 3, 4))}, r"got logits tensor\(float\) \(\)"),
        ({"logits": np.zeros((2, 3, 80)), "pred_boxes": np.zeros((2, 3, 4))}, r"pred_boxes \(1, N, 4\)"),
        ({"logits": np.zeros((1, 3, 80)), "pred_boxes": np.zeros((1, 3, 5))}, r"pred_boxes \(1, N, 4\)"),
        (yunet() | {"cls_16": np.zeros((16, 1))}, r"cls_16 to be floats \(1, 16, 1\)"),
        (yunet() | {"bbox_32": np.zeros((1, 4, 5))}, r"bbox_32 to be floats \(1, 4, 4\)"),
        ({"two\nlines": np.zeros(1)}, "got two lines;"),
    ],
)
def test_other_networks_are_refused(
    tmp_path: Path, write_detector: Write, outputs: dict[str, Any], message: str
) -> None:
    assert_refused(write_detector(tmp_path / "other.onnx", outputs), message)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (None, "as first input, got none"),
        ((3, 64), r"got image tensor\(float\) \(3, 64\)"),
        ((1, 3, 0, 64), r"\(1, 3, 0, 64\)"),
        ((1, 3, 64, 4097), "sides from 1 to 4096"),
        ((1, 3, 200_000, 200_000), "sides from 1 to 4096"),
        ((1, 4, 64, 64), r"\(1, 4, 64, 64\)"),
        ((2, 3, 64, 64), r"\(2, 3, 64, 64\)"),
    ],
)
def test_networks_that_take_no_photo_are_refused(
    tmp_path: Path, write_detector: Write, shape: tuple[int, ...] | None, message: str
) -> None:
    assert_refused(write_detector(tmp_path / "other.onnx", detr(80, [0]), shape), message)


@pytest.mark.parametrize(
    ("extra", "kind"),
    [
        ((1, 64), TensorProto.INT64),
        ((1, 200_000, 200_000), TensorProto.INT64),
        ((1, 0, 64), TensorProto.INT64),
        ((1, 64, 64), TensorProto.FLOAT),
    ],
)
def test_networks_that_want_more_than_a_mask_are_refused(
    tmp_path: Path, write_detector: Write, extra: tuple[int, ...], kind: int
) -> None:
    file = write_detector(tmp_path / "other.onnx", detr(80, [0]), extra=extra, extra_type=kind)
    assert_refused(file, "expected an image alone or a mask")


def test_a_photo_of_another_type_is_refused(tmp_path: Path, write_detector: Write) -> None:
    file = write_detector(tmp_path / "other.onnx", detr(80, [0]), image_type=TensorProto.DOUBLE)
    assert_refused(file, r"got image tensor\(double\)")


@pytest.mark.parametrize("shape", [("b", "c", "h", "w"), (1, 3, "h", "w"), (1, 3, 32, 48), (1, 3, 1, 1)])
def test_sides_may_be_open_or_small(tmp_path: Path, write_detector: Write, shape: tuple[int | str, ...]) -> None:
    found = OnnxDetector(write_detector(tmp_path / "detr.onnx", detr(80, [0]), shape)).detect(WIDE)
    assert found.kinds == ("person",)


@pytest.mark.parametrize("numbers", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["logits", "pred_boxes"])
def test_numbers_that_are_not_finite_are_an_error_of_the_photo(
    tmp_path: Path, write_detector: Write, name: str, numbers: float
) -> None:
    outputs = detr(80, [0, 5])
    outputs[name][0, 1, 0] = numbers
    detector = OnnxDetector(write_detector(tmp_path / "detr.onnx", outputs))
    with pytest.raises(DetectionError, match=f"{name} holds numbers that are not finite") as caught:
        detector.detect(SQUARE)
    assert type(caught.value) is DetectionError


@pytest.mark.parametrize(
    ("outputs", "count"),
    [
        (detr(80, []), 0),
        ({"logits": np.full((1, 1, 80), 8.0), "pred_boxes": np.array([[[0.5, 0.5, 1e30, 1e30]]])}, 1),
        ({"logits": np.full((1, 1, 80), 8.0), "pred_boxes": np.array([[[0.5, 0.5, -1.0, -1.0]]])}, 0),
    ],
)
def test_extreme_boxes_are_clipped_or_left_out(
    tmp_path: Path, write_detector: Write, outputs: dict[str, Any], count: int
) -> None:
    assert len(OnnxDetector(write_detector(tmp_path / "detr.onnx", outputs)).detect(SQUARE)) == count


def test_other_outputs_do_not_matter(tmp_path: Path, write_detector: Write) -> None:
    outputs = detr(80, [0]) | {"hidden": np.full(3, np.nan)}
    assert OnnxDetector(write_detector(tmp_path / "detr.onnx", outputs)).detect(SQUARE).kinds == ("person",)


def assert_refused(file: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        OnnxDetector(file)
    assert str(caught.value).startswith(f"{file}: ") and "\n" not in str(caught.value)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path, write_detector: Write) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"broken\.onnx: not a usable ONNX file"):
        OnnxDetector(file)
