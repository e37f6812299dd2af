"""Networks that would read other files or never end are refused before the runtime sees them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cadrage.errors import ModelError
from cadrage.inference.store import onnx_format
from cadrage.inference.store.card import Card
from cadrage.inference.store.onnx_format import refusal
from cadrage.inference.subjects.onnx_detector import OnnxDetector

ELSEWHERE = "has some of its numbers in other files"
REPEATS = "repeats a part of itself as often as it likes"


def graph(nodes: list, inputs: list | None = None, outputs: list | None = None) -> onnx.GraphProto:
    outputs = outputs or [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    return helper.make_graph(nodes, "graph", inputs or [], outputs)


def body() -> onnx.GraphProto:
    """Of a loop: it says "go on" for ever."""
    inputs = [
        helper.make_tensor_value_info("round", TensorProto.INT64, []),
        helper.make_tensor_value_info("go on", TensorProto.BOOL, []),
    ]
    return graph(
        [helper.make_node("Identity", ["go on"], ["again"])],
        inputs,
        [helper.make_tensor_value_info("again", TensorProto.BOOL, [])],
    )


def loop() -> onnx.NodeProto:
    return helper.make_node("Loop", ["rounds", "yes"], [], body=body())


def constant(name: str, value: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value), name))


def model(*nodes: onnx.NodeProto, functions: list | None = None) -> bytes:
    made = helper.make_model(graph(list(nodes)), functions=functions or [])
    return made.SerializeToString()


def branch(node: onnx.NodeProto) -> onnx.NodeProto:
    return helper.make_node("If", ["yes"], ["y"], then_branch=graph([node]), else_branch=graph([constant("y", 1.0)]))


def function(node: onnx.NodeProto, name: str = "f", domain: str = "mine") -> onnx.FunctionProto:
    return helper.make_function(domain, name, ["rounds", "yes"], [], [node], [helper.make_opsetid("", 17)])


def loop_without_its_body() -> onnx.NodeProto:
    """In a function: the body is whatever the caller gives."""
    node = helper.make_node("Loop", ["rounds", "yes"], [])
    node.attribute.append(onnx.AttributeProto(name="body", type=onnx.AttributeProto.GRAPH, ref_attr_name="given"))
    return node


REPEATING = {
    "a loop": model(constant("rounds", 2**62), constant("yes", True), loop()),
    "a loop in a branch": model(branch(loop())),
    "a loop in a branch in a branch": model(branch(branch(loop()))),
    "a loop in a function": model(functions=[function(loop())]),
    "a loop given to a function": model(
        helper.make_node("f", [], [], domain="mine", given=body()), functions=[function(loop_without_its_body())]
    ),
    "a loop given to a function called If": model(
        helper.make_node("If", [], [], domain="mine", given=body()),
        functions=[function(loop_without_its_body(), "If")],
    ),
    "a scan": model(helper.make_node("Scan", [], [], body=body(), num_scan_inputs=1)),
    "a map of a sequence": model(helper.make_node("SequenceMap", ["s"], ["y"], body=body())),
    "an operator of the runtime with a graph": model(
        helper.make_node("GreedySearch", ["s"], ["y"], domain="com.microsoft", decoder=body())
    ),
    "a list of graphs": model(helper.make_node("Odd", [], ["y"], bodies=[body()])),
}


@pytest.mark.parametrize("way", REPEATING)
def test_what_repeats_itself_is_refused(way: str) -> None:
    told = refusal(REPEATING[way])
    assert told is not None and REPEATS in told


def test_a_branch_is_no_loop() -> None:
    assert refusal(model(branch(constant("y", 2.0)))) is None
    assert refusal(model(functions=[function(branch(constant("y", 2.0)))])) is None


def test_the_operator_that_counts_is_the_last_that_is_named() -> None:
    node = loop().SerializeToString()
    hidden = helper.make_node("If", [], []).SerializeToString() + node
    given = onnx.GraphProto().SerializeToString() + bytes([0x0A]) + varint(len(hidden)) + hidden
    told = refusal(bytes([0x3A]) + varint(len(given)) + given)
    assert told is not None and REPEATS in told


def varint(number: int, more: int = 0) -> bytes:
    """A number as protobuf writes it, in ``more`` bytes than it needs."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F)
    digits += [0] * more
    return bytes([digit | 0x80 for digit in digits[:-1]] + digits[-1:])


def field(number: int, content: bytes, more: int = 0) -> bytes:
    return varint(number << 3 | 2, more) + varint(len(content), more) + content


@pytest.mark.parametrize("more", [0, 1, 3])
@pytest.mark.parametrize("order", ["location first", "location last", "no location"])
def test_values_elsewhere_are_refused_however_they_are_written(more: int, order: str) -> None:
    key = field(1, b"location", more)
    where = field(2, b"weights.bin", more)
    entry = {"location first": key + where, "location last": where + key, "no location": where}[order]
    tensor = field(13, entry, more) + varint(14 << 3, more) + varint(1, more)
    content = field(7, field(5, tensor, more), more)
    told = refusal(content)
    assert told is not None and ELSEWHERE in told
    assert ELSEWHERE in (refusal(field(7, field(5, varint(14 << 3, more) + varint(1, more)))) or "")


@pytest.fixture
def write_part(tmp_path: Path) -> Callable[[bytes], Card]:
    def write(content: bytes) -> Card:
        (tmp_path / "trunk.onnx").write_bytes(content)
        return Card(tmp_path, "x", "y", "1", 32, {"trunk": ("trunk.onnx", "0" * 64)}, {})

    return write


def test_a_part_of_a_model_is_judged(write_part: Callable[[bytes], Card]) -> None:
    elsewhere = field(7, field(5, field(13, field(1, b"location", 1), 1)))
    for content, complaint in ((REPEATING["a loop"], REPEATS), (elsewhere, ELSEWHERE), (b"\x3b", "not a usable ONNX")):
        with pytest.raises(ModelError, match=rf"trunk\.onnx: .*{complaint}") as caught:
            write_part(content).read_part("trunk", checked=False)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("way", REPEATING)
def test_a_detector_is_judged(way: str, tmp_path: Path) -> None:
    file = tmp_path / "detr.onnx"
    file.write_bytes(REPEATING[way])
    with pytest.raises(ModelError, match=rf"detr\.onnx: {REPEATS}"):
        OnnxDetector(file)


def test_a_file_of_very_many_fields_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_format, "_MOST_FIELDS", 1000)
    assert refusal(field(7, field(5, b"\x20\x00" * 900))) is None
    with pytest.raises(ValueError, match="more than 1000 fields"):
        refusal(field(7, field(5, b"\x20\x00" * 1001)))
