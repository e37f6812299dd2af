"""Settings and fixtures shared by all tests."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Fixed examples keep the suite repeatable; no deadline, because a busy machine is not a bug.
settings.register_profile("cadrage", deadline=None, derandomize=True, database=None)
settings.load_profile("cadrage")

# Where the long tests are: networks are trained and exported there.
LONG = ("training", "models", "papers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files come first, so that no process is left alone with one of them when the others are done."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(tests).parts[0] not in LONG)


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


@pytest.fixture
def write_detector() -> Callable[..., Path]:
    """Writes a detector that looks at its input, for form's sake, and returns the same always."""

    def write(
        file: Path,
        outputs: dict[str, Any],
        shape: tuple[int | str, ...] | None = (1, 3, 64, 64),
        *,
        image_type: int = 1,
        extra: tuple[int, ...] | None = None,
        extra_type: int = 7,
        broken_above: float | None = None,
    ) -> Path:
        """Write it.

        Args:
            file: where to.
            outputs: what it returns, by name.
            shape: of the photo that it takes, None for none.
            image_type: of the photo, as ONNX numbers types; 1 is float32.
            extra: shape of another input, which it does not use.
            extra_type: of that input; 7 is int64.
            broken_above: mean of the photo from which on all outputs are NaN.
        """
        import numpy as np
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        # none = 0 * log(broken_above - mean of the photo), which is 0, or NaN where the logarithm is of less than 0.
        highest = np.float32(np.inf if broken_above is None else broken_above)
        constants = [numpy_helper.from_array(np.float32(0), "zero"), numpy_helper.from_array(highest, "highest")]
        inputs = [] if shape is None else [helper.make_tensor_value_info("image", image_type, shape)]
        if extra is not None:
            inputs.append(helper.make_tensor_value_info("extra", extra_type, extra))
        nodes = []
        if shape is None:
            nodes.append(helper.make_node("Identity", ["zero"], ["none"]))
        else:
            nodes += [
                helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
                helper.make_node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
                helper.make_node("Sub", ["highest", "mean"], ["room"]),
                helper.make_node("Min", ["room", "one"], ["some"]),
                helper.make_node("Log", ["some"], ["finite"]),
                helper.make_node("Mul", ["finite", "zero"], ["none"]),
            ]
            constants.append(numpy_helper.from_array(np.float32(1), "one"))
        returned = []
        for name, values in outputs.items():
            array = np.asarray(values, np.float32)
            constants.append(numpy_helper.from_array(array, f"{name} values"))
            nodes.append(helper.make_node("Add", [f"{name} values", "none"], [name]))
            returned.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape))
        graph = helper.make_graph(nodes, "detector", inputs, returned, constants)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), file)
        return file

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
