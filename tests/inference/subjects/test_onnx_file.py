"""Detectors whose numbers lie in other files: the file's author would choose what is read."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from cadrage.errors import ModelError
from cadrage.inference.store import packaged
from cadrage.inference.store.onnx_format import refusal
from cadrage.inference.subjects.onnx_detector import OnnxDetector
from cadrage.inference.subjects.own import FOLDER, OwnDetector

OUTPUTS = {"logits": np.zeros((1, 1, 80)), "pred_boxes": np.full((1, 1, 4), 0.5)}


def inside(values: float = 1.0) -> TensorProto:
    return numpy_helper.from_array(np.full(4, values, np.float32), "numbers")


def outside(location: str = "numbers.bin") -> TensorProto:
    tensor = TensorProto(name="numbers", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def graph(tensor: TensorProto, nodes: list | None = None) -> onnx.GraphProto:
    returned = [helper.make_tensor_value_info("result", TensorProto.FLOAT, [4])]
    nodes = nodes or [helper.make_node("Identity", ["numbers"], ["result"])]
    return helper.make_graph(nodes, "graph", [], returned, [tensor])


def as_initializer(tensor: TensorProto) -> onnx.ModelProto:
    return helper.make_model(graph(tensor))


def as_constant(tensor: TensorProto) -> onnx.ModelProto:
    return helper.make_model(graph(inside(), [helper.make_node("Constant", [], ["result"], value=tensor)]))


def in_a_branch(tensor: TensorProto) -> onnx.ModelProto:
    choice = helper.make_node("If", ["yes"], ["result"], then_branch=graph(inside()), else_branch=graph(tensor))
    return helper.make_model(graph(inside(), [choice]))


def in_a_list(tensor: TensorProto) -> onnx.ModelProto:
    node = helper.make_node("Identity", ["numbers"], ["result"])
    node.attribute.append(onnx.AttributeProto(name="list", type=onnx.AttributeProto.TENSORS, tensors=[tensor]))
    return helper.make_model(graph(inside(), [node]))


def in_a_function(tensor: TensorProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Constant", [], ["y"], value=tensor)]
    function = helper.make_function("mine", "f", [], ["y"], nodes, [helper.make_opsetid("", 17)])
    return helper.make_model(graph(inside()), functions=[function])


def as_sparse_values(tensor: TensorProto) -> onnx.ModelProto:
    model = helper.make_model(graph(inside()))
    model.graph.sparse_initializer.add(values=tensor, indices=numpy_helper.from_array(np.arange(4)), dims=[9])
    return model


def in_training(tensor: TensorProto) -> onnx.ModelProto:
    model = helper.make_model(graph(inside()))
    model.training_info.add(algorithm=graph(tensor))
    return model


WAYS = [as_initializer, as_constant, in_a_branch, in_a_list, in_a_function, as_sparse_values, in_training]


@pytest.mark.parametrize("way", WAYS)
def test_wherever_a_tensor_is_it_is_found(way: Callable[[TensorProto], onnx.ModelProto]) -> None:
    assert refusal(way(inside()).SerializeToString()) is None
    assert refusal(way(outside()).SerializeToString()) is not None


def test_either_mark_is_enough() -> None:
    for kept in ("data_location", "external_data"):
        tensor = outside()
        tensor.ClearField("external_data" if kept == "data_location" else "data_location")
        assert refusal(as_initializer(tensor).SerializeToString()) is not None
    tensor = inside()
    tensor.data_location = TensorProto.DEFAULT
    assert refusal(as_initializer(tensor).SerializeToString()) is None


def test_the_packaged_networks_are_whole() -> None:
    parts = sorted(packaged.FOLDER.parent.rglob("*.onnx"))
    assert parts
    for part in parts:
        assert refusal(part.read_bytes()) is None


@pytest.mark.parametrize("location", ["numbers.bin", "sub/../numbers.bin", "/etc/hostname", "../../numbers.bin"])
def test_a_detector_with_numbers_elsewhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_detector: Callable[..., Path], location: str
) -> None:
    # Both beside the detector and in the folder of whoever runs it.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers.bin").write_bytes(np.zeros(4, np.float32).tobytes())
    (tmp_path / "sub").mkdir()
    file = write_detector(tmp_path / "detr.onnx", OUTPUTS)
    model = onnx.load(file)
    model.graph.initializer.append(outside(location))
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"detr\.onnx: has some of its numbers in other files; export it again"):
        OnnxDetector(file)


def test_the_runtimes_own_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "detr.onnx"
    file.write_bytes(b"\x00\x00\x00\x00ORTM" + bytes(64))
    with pytest.raises(ModelError, match="not a usable ONNX file"):
        OnnxDetector(file)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\x3a", "within a number"),
        (b"\x3a\x05ab", "within a field"),
        (b"\x3b", "unknown type"),
        (b"\x38\x01", "another type"),
        (b"\xff" * 11, "too many bytes"),
    ],
)
def test_a_broken_file_is_told(content: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        refusal(content)


WHOLE = as_initializer(inside()).SerializeToString()


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_any_altered_file_is_judged_or_told(at: int, byte: int) -> None:
    altered = WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    try:
        judged = refusal(altered)
    except ValueError:
        return
    assert judged is None or "\n" not in judged


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system knows no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_a_regular_file_is_a_detector(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "detr.onnx"
    {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero"), "folder": Path.mkdir}[kind](file)
    with pytest.raises(ModelError, match=r"detr\.onnx: cannot be read \([^)]+\); give an ONNX file"):
        OnnxDetector(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system knows no named pipes")
@pytest.mark.parametrize("name", ["card.json", "subjects.onnx"])
def test_only_regular_files_are_a_head(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "head"
    shutil.copytree(FOLDER, folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ModelError, match="it is not a regular file"):
        OwnDetector(folder)
