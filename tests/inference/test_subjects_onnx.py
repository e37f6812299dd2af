"""Detectors in ONNX files, made on the spot: their outputs are constants that can be worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cadrage.errors import ModelError
from cadrage.inference.subjects_coco import kinds_and_confidences
from cadrage.inference.subjects_onnx import OnnxDetector

SQUARE = np.zeros((64, 64, 3), np.uint8)
WIDE = np.zeros((32, 64, 3), np.uint8)


def write_network(file: Path, outputs: dict[str, Any], side: int | str = 64, mask: bool = False) -> Path:
    """A network that looks at its input, for form's sake, and answers the same always."""
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])]
    if mask:
        inputs.append(helper.make_tensor_value_info("pixel_mask", TensorProto.INT64, [1, 64, 64]))
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["none"]),
    ]
    constants = [numpy_helper.from_array(np.float32(0), "zero")]
    returned = []
    for name, values in outputs.items():
        array = np.asarray(values, np.float32)
        constants.append(numpy_helper.from_array(array, f"{name}_values"))
        nodes.append(helper.make_node("Add", [f"{name}_values", "none"], [name]))
        returned.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape))
    graph = helper.make_graph(nodes, "detector", inputs, returned, constants)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), file)
    return file


def yunet(side: int = 64) -> dict[str, np.ndarray]:
    outputs = {}
    for stride in (8, 16, 32):
        cells = (side // stride) ** 2
        outputs[f"cls_{stride}"] = np.zeros((1, cells, 1))
        outputs[f"obj_{stride}"] = np.zeros((1, cells, 1))
        outputs[f"bbox_{stride}"] = np.zeros((1, cells, 4))
    return outputs


def test_a_yunet_without_faces_finds_none(tmp_path: Path) -> None:
    assert len(OnnxDetector(write_network(tmp_path / "faces.onnx", yunet())).detect(SQUARE)) == 0


def test_a_face_of_yunet_lies_where_its_cell_says(tmp_path: Path) -> None:
    outputs = yunet()
    # Row 2, column 1 of the grid of stride 16 is cell 9: centre (1.5, 2.5) cells, one cell wide, two high.
    outputs["cls_16"][0, 9], outputs["obj_16"][0, 9] = 0.81, 1.0
    outputs["bbox_16"][0, 9] = [0.5, 0.5, 0, np.log(2)]
    found = OnnxDetector(write_network(tmp_path / "faces.onnx", outputs)).detect(SQUARE)
    assert found.kinds == ("face",) and found.source == "onnx:faces.onnx"
    assert found.confidences == pytest.approx([0.9])
    assert found.boxes_xyxy[0] == pytest.approx([0.25, 0.375, 0.5, 0.875])


def test_a_wide_photo_keeps_its_shape(tmp_path: Path) -> None:
    outputs = yunet()
    outputs["cls_8"][0, 0], outputs["obj_8"][0, 0] = 1, 1
    outputs["bbox_8"][0, 0] = [0.5, 0.5, 0, 0]  # 8 x 8 pixels at the corner of a photo that fills 64 x 32
    found = OnnxDetector(write_network(tmp_path / "faces.onnx", outputs)).detect(WIDE)
    assert found.boxes_xyxy[0] == pytest.approx([0, 0, 8 / 64, 8 / 32])


def test_one_face_in_two_cells_counts_once(tmp_path: Path) -> None:
    outputs = yunet()
    for cell, sure in ((0, 0.7), (1, 0.8)):
        outputs["cls_16"][0, cell] = outputs["obj_16"][0, cell] = sure
        outputs["bbox_16"][0, cell] = [1.0 - cell, 0.5, 0, 0]
    found = OnnxDetector(write_network(tmp_path / "faces.onnx", outputs)).detect(SQUARE)
    assert found.confidences == pytest.approx([0.8])


def test_outputs_of_another_size_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="stride 8 do not fit an input of 64x64"):
        OnnxDetector(write_network(tmp_path / "faces.onnx", yunet(32))).detect(SQUARE)


def detr(classes: int, chosen: list[int]) -> dict[str, np.ndarray]:
    logits = np.full((1, len(chosen), classes), -8.0)
    logits[0, np.arange(len(chosen)), chosen] = 8.0
    return {"logits": logits, "pred_boxes": np.tile([0.5, 0.5, 0.2, 0.4], (1, len(chosen), 1))}


@pytest.mark.parametrize(("classes", "person", "dog", "chair"), [(92, 1, 18, 62), (91, 1, 18, 62), (80, 0, 16, 56)])
def test_detr_and_its_descendants_name_kinds(tmp_path: Path, classes: int, person: int, dog: int, chair: int) -> None:
    file = write_network(tmp_path / "detr.onnx", detr(classes, [person, dog, chair]), "side", mask=True)
    found = OnnxDetector(file).detect(SQUARE)
    assert found.kinds == ("person", "animal", "object")
    assert found.boxes_xyxy[0] == pytest.approx([0.4, 0.3, 0.6, 0.7])
    assert OnnxDetector(file).detect(SQUARE, ("animal",)).kinds == ("animal",)


def test_no_object_is_nothing(tmp_path: Path) -> None:
    assert len(OnnxDetector(write_network(tmp_path / "detr.onnx", detr(92, [91, 91]))).detect(SQUARE)) == 0


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
        ({"logits": np.full((1, 3, 80), np.nan), "pred_boxes": np.zeros((1, 3, 4))}, "not finite"),
    ],
)
def test_other_networks_are_refused(tmp_path: Path, outputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        OnnxDetector(write_network(tmp_path / "other.onnx", outputs)).detect(SQUARE)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"broken\.onnx: not a usable ONNX file"):
        OnnxDetector(file)
