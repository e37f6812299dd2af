"""A tiny model with the interface of a real one, whose answers can be worked out by hand."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIDE = 28
CELLS = 7
SHARPNESS = 12.0
ASPECT_BONUS = 0.25


def _anchors() -> np.ndarray:
    """One box per cell, around its centre, as large as fits but at most 0.7 wide and high; row by row."""
    centre = (np.arange(CELLS) + 0.5) / CELLS
    half = np.minimum(np.minimum(centre, 1 - centre) + 0.1, 0.35)
    start, end = np.maximum(centre - half, 0), np.minimum(centre + half, 1)
    rows, columns = np.divmod(np.arange(CELLS * CELLS), CELLS)
    return np.stack([start[columns], start[rows], end[columns], end[rows]], axis=1)


def _value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _constant(name: str, values: Any, dtype: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def _model(nodes: list, inputs: list, outputs: list, constants: list) -> bytes:
    graph = helper.make_graph(nodes, "part", inputs, outputs, constants)
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9).SerializeToString()


def _trunk() -> bytes:
    """features = mean colour per cell."""
    stride = SIDE // CELLS
    nodes = [helper.make_node("AveragePool", ["image"], ["features"], kernel_shape=[stride] * 2, strides=[stride] * 2)]
    return _model(nodes, [_value("image", "B", 3, SIDE, SIDE)], [_value("features", "B", 3, CELLS, CELLS)], [])


def _proposer() -> bytes:
    """validity logit of a cell's anchor = SHARPNESS * red; the aspect is not used, but read."""
    constants = [
        _constant("anchors", _anchors()[None]),
        _constant("sharpness", SHARPNESS),
        _constant("zero", 0.0),
        _constant("red", [0], np.int64),
        _constant("flat", [0, CELLS * CELLS], np.int64),
        _constant("column", [-1, 1, 1], np.int64),
    ]
    nodes = [
        helper.make_node("Gather", ["features", "red"], ["reds"], axis=1),
        helper.make_node("Reshape", ["reds", "flat"], ["per_cell"]),
        helper.make_node("Mul", ["per_cell", "sharpness"], ["validity_logits"]),
        helper.make_node("Mul", ["log_aspect", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "column"], ["nothings"]),
        helper.make_node("Add", ["anchors", "nothings"], ["boxes"]),
    ]
    inputs = [_value("features", "B", 3, CELLS, CELLS), _value("log_aspect", "B")]
    return _model(nodes, inputs, [_value("boxes", "B", 49, 4), _value("validity_logits", "B", 49)], constants)


def _evaluator() -> bytes:
    """score = x1 * mean green + ASPECT_BONUS * ln(aspect); with its mirror image, green * (1 - width) / 2 + ..."""
    constants = [
        _constant("green", [1], np.int64),
        _constant("x1", [0], np.int64),
        _constant("bonus", ASPECT_BONUS),
        _constant("column", [-1, 1], np.int64),
        _constant("flat", [0, -1], np.int64),
    ]
    nodes = [
        helper.make_node("Gather", ["boxes", "x1"], ["edges"], axis=2),
        helper.make_node("Reshape", ["edges", "flat"], ["left"]),
        helper.make_node("Gather", ["features", "green"], ["greens"], axis=1),
        helper.make_node("ReduceMean", ["greens"], ["brightness"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["brightness", "column"], ["level"]),
        helper.make_node("Mul", ["left", "level"], ["shaded"]),
        helper.make_node("Mul", ["log_aspect", "bonus"], ["gift"]),
        helper.make_node("Reshape", ["gift", "column"], ["gifts"]),
        helper.make_node("Add", ["shaded", "gifts"], ["scores"]),
    ]
    inputs = [_value("features", "B", 3, CELLS, CELLS), _value("log_aspect", "B"), _value("boxes", "B", "N", 4)]
    return _model(nodes, inputs, [_value("scores", "B", "N")], constants)


def write_model(folder: Path, **selection: float) -> Path:
    parts = {"trunk": _trunk(), "proposer": _proposer(), "evaluator": _evaluator()}
    folder.mkdir(parents=True, exist_ok=True)
    for part, data in parts.items():
        (folder / f"{part}.onnx").write_bytes(data)
    card = {
        "name": "tiny",
        "tag": "test",
        "version": "1",
        "input": {"side": SIDE},
        "parts": {
            part: {"file": f"{part}.onnx", "sha256": hashlib.sha256(data).hexdigest()} for part, data in parts.items()
        },
        "selection": selection,
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def _edit_card(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((folder / "card.json").read_text())
    edit(card)
    (folder / "card.json").write_text(json.dumps(card))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is never altered: red places attract crops, green makes the evaluator prefer narrow boxes."""
    return write_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def scorer_folder(tmp_path: Path) -> Path:
    """The tiny model without its proposer."""
    folder = write_model(tmp_path / "scorer")
    (folder / "proposer.onnx").unlink()
    _edit_card(folder, lambda card: card["parts"].pop("proposer"))
    return folder


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """A fresh model folder to damage, or one with other selection settings."""
    return lambda **selection: write_model(tmp_path / "model", **selection)


@pytest.fixture(scope="session")
def edit_card() -> Callable[..., None]:
    """Let a function change the card in a model folder, as read from JSON."""
    return _edit_card


@pytest.fixture
def noise() -> np.ndarray:
    """A photo of the size that the tiny model takes, uint8 (side, side, 3)."""
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def _person_evaluator() -> bytes:
    """score = x1 - x1 of the person if there is one; the features and the aspect are read, but not used."""
    constants = [
        _constant("zero", 0.0),
        _constant("x1", [0], np.int64),
        _constant("flat", [0, -1], np.int64),
        _constant("column", [-1, 1], np.int64),
    ]
    nodes = [
        helper.make_node("Gather", ["boxes", "x1"], ["edges"], axis=2),
        helper.make_node("Reshape", ["edges", "flat"], ["left"]),
        helper.make_node("Gather", ["person_xyxy", "x1"], ["person_left"], axis=1),
        helper.make_node("Cast", ["has_person"], ["counts"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["counts", "column"], ["count"]),
        helper.make_node("Mul", ["person_left", "count"], ["shift"]),
        helper.make_node("Sub", ["left", "shift"], ["shifted"]),
        helper.make_node("Mul", ["log_aspect", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "column"], ["nothings"]),
        helper.make_node("Add", ["shifted", "nothings"], ["scores"]),
    ]
    inputs = [_value("features", "B", 3, CELLS, CELLS), _value("log_aspect", "B"), _value("boxes", "B", "N", 4)]
    told = [_value("person_xyxy", "B", 4), helper.make_tensor_value_info("has_person", TensorProto.BOOL, ["B"])]
    return _model(nodes, inputs + told, [_value("scores", "B", "N")], constants)


def _importance() -> bytes:
    """importance = (red + 1 if there is a person) / 2, in the model's cells."""
    constants = [
        _constant("red", [0], np.int64),
        _constant("map", [0, CELLS, CELLS], np.int64),
        _constant("column", [-1, 1, 1], np.int64),
        _constant("half", 0.5),
        _constant("zero", 0.0),
        _constant("first", [0], np.int64),
    ]
    nodes = [
        helper.make_node("Gather", ["features", "red"], ["reds"], axis=1),
        helper.make_node("Reshape", ["reds", "map"], ["cells"]),
        helper.make_node("Cast", ["has_person"], ["counts"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["counts", "column"], ["count"]),
        helper.make_node("Gather", ["person_xyxy", "first"], ["edge"], axis=1),
        helper.make_node("Mul", ["edge", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "column"], ["nothings"]),
        helper.make_node("Add", ["cells", "count"], ["both"]),
        helper.make_node("Add", ["both", "nothings"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["importance"]),
    ]
    inputs = [_value("features", "B", 3, CELLS, CELLS), _value("person_xyxy", "B", 4)]
    told = [helper.make_tensor_value_info("has_person", TensorProto.BOOL, ["B"])]
    return _model(nodes, inputs + told, [_value("importance", "B", CELLS, CELLS)], constants)


def write_person_model(folder: Path, name: str = "for-people") -> Path:
    parts = {"trunk": _trunk(), "evaluator": _person_evaluator(), "importance": _importance()}
    folder.mkdir(parents=True, exist_ok=True)
    for part, data in parts.items():
        (folder / f"{part}.onnx").write_bytes(data)
    card = {
        "name": name,
        "tag": "test",
        "version": "1",
        "input": {"side": SIDE},
        "persons": True,
        "chunk": 7,
        "parts": {
            part: {"file": f"{part}.onnx", "sha256": hashlib.sha256(data).hexdigest()} for part, data in parts.items()
        },
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def person_model(tmp_path: Path) -> Path:
    """A model without proposer that is told the main person and has an importance map; scores 7 boxes at a time."""
    return write_person_model(tmp_path / "for-people")


@pytest.fixture(scope="session")
def anchors() -> np.ndarray:
    return _anchors()


@pytest.fixture(scope="session")
def red_at() -> Callable[..., np.ndarray]:
    """A black photo ``(height, width, 3)`` with a red spot at normalised ``fx, fy``."""

    def paint(fx: float, fy: float, size_wh: tuple[int, int] = (600, 400)) -> np.ndarray:
        width, height = size_wh
        x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        photo = np.zeros((height, width, 3), np.uint8)
        photo[(abs(y - fy) < 0.12)[:, None] & (abs(x - fx) < 0.12), 0] = 255
        return photo

    return paint


@pytest.fixture
def photo_file(tmp_path: Path, red_at: Callable[..., np.ndarray]) -> Path:
    path = tmp_path / "spot.png"
    Image.fromarray(red_at(0.3, 0.6)).save(path)
    return path
