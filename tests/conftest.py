"""Settings and fixtures shared by all tests."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Fixed examples keep the suite repeatable; no deadline, because a busy machine is not a bug.
settings.register_profile("cadrage", deadline=None, derandomize=True, database=None)
settings.load_profile("cadrage")


@pytest.fixture
def write_person_model() -> Callable[..., Path]:
    """Writes a model that is told the main person: a box scores the higher the nearer its left edge is to theirs.

    Without a person, the nearer it is to the left edge of the photo.
    """

    def write(folder: Path, name: str = "for-people") -> Path:
        folder.mkdir(parents=True)
        records = {}
        for part, content in _person_parts().items():
            (folder / f"{part}.onnx").write_bytes(content)
            records[part] = {"file": f"{part}.onnx", "sha256": hashlib.sha256(content).hexdigest()}
        card = {"name": name, "tag": "test", "version": "1", "input": {"side": 32}, "persons": True, "parts": records}
        (folder / "card.json").write_text(json.dumps(card))
        return folder

    return write


def _person_parts() -> dict[str, bytes]:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    def value(name: str, *shape: int | str, kind: int = TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, kind, shape)

    def model(*parts: object) -> bytes:
        graph = helper.make_graph(*parts)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10).SerializeToString()

    features = value("features", "B", 3, 4, 4)
    trunk = helper.make_node("AveragePool", ["image"], ["features"], kernel_shape=[8, 8], strides=[8, 8])
    first, flat = (numpy_helper.from_array(np.array(v, np.int64), n) for n, v in (("first", 0), ("column", [-1, 1])))
    evaluator = [
        helper.make_node("Gather", ["boxes", "first"], ["left"], axis=2),
        helper.make_node("Gather", ["person_xyxy", "first"], ["theirs"], axis=1),
        helper.make_node("Cast", ["has_person"], ["counts"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["theirs", "counts"], ["wanted"]),
        helper.make_node("Reshape", ["wanted", "column"], ["wanted_by_all"]),
        helper.make_node("Sub", ["left", "wanted_by_all"], ["off"]),
        helper.make_node("Abs", ["off"], ["distance"]),
        helper.make_node("Neg", ["distance"], ["scores"]),
    ]
    inputs = [features, value("log_aspect", "B"), value("boxes", "B", "N", 4), value("person_xyxy", "B", 4)]
    inputs.append(value("has_person", "B", kind=TensorProto.BOOL))
    return {
        "trunk": model([trunk], "trunk", [value("image", "B", 3, 32, 32)], [features]),
        "evaluator": model(evaluator, "evaluator", inputs, [value("scores", "B", "N")], [first, flat]),
    }
