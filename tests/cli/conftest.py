"""A tiny model, a few photos and a way to run the command line inside the test process."""

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from cadrage.cli.app import main

SIDE = 32
GRID = 4
OPSET = [helper.make_opsetid("", 17)]
PROPOSED = np.array(
    [
        [0.10, 0.10, 0.80, 0.90],
        [0.00, 0.00, 1.00, 1.00],
        [0.15, 0.20, 0.70, 0.85],
        [0.05, 0.00, 0.60, 0.70],
        [0.30, 0.25, 0.75, 0.80],
        [0.00, 0.10, 0.90, 1.00],
    ],
    np.float32,
)
# The evaluator's favourite: it scores a box by how near its corners are to these.
FAVOURITE = np.array([0.15, 0.15, 0.75, 0.85], np.float32)


class Ran(NamedTuple):
    """What one run of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def message(self) -> str:
        """The one line on stderr."""
        (message,) = self.err.splitlines()
        return message


@pytest.fixture
def cadrage(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*arguments: object) -> Ran:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that proposes the same few boxes for every photo."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    parts = {"trunk": _trunk(), "proposer": _proposer(), "evaluator": _evaluator()}
    records = {}
    for name, graph in parts.items():
        part = helper.make_model(graph, opset_imports=OPSET, ir_version=10)
        onnx.checker.check_model(part)
        data = part.SerializeToString()
        (folder / f"{name}.onnx").write_bytes(data)
        records[name] = {"file": f"{name}.onnx", "sha256": hashlib.sha256(data).hexdigest()}
    card = {"name": "tiny", "tag": "test", "version": "1", "input": {"side": SIDE}, "parts": records, "selection": {}}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder for a test: ``photos/`` with a.jpg, b.png, c.webp and a text file beside them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, (name, size_wh) in enumerate({"a.jpg": (120, 80), "b.png": (90, 120), "c.webp": (100, 100)}.items()):
        _picture(size_wh, seed=number).save(folder / name)
    (folder / "notes.txt").write_text("not a photo")
    return Path("photos")


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Puts bytes where the command line reads standard input."""
    return lambda data: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody has set anything about Cadrage, with home, cache and settings of its own."""
    for variable in ("CADRAGE_MODELS", "CADRAGE_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    for variable, folder in (("HOME", "home"), ("XDG_CACHE_HOME", "cache"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(variable, str(tmp_path / folder))


@pytest.fixture
def write_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """(folder of photos, row of each by file name, file names of each split) -> a data set that holds these photos."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(photos: Path, rows: dict[str, dict], splits: dict[str, tuple[str, ...]] | None = None) -> Path:
        folder = tmp_path / "data"
        (folder / "splits").mkdir(parents=True)
        lines = []
        for name, row in rows.items():
            with Image.open(photos / name) as photo:
                width, height = photo.size
            lines.append(json.dumps({"file_name": f"images/{name}", "width": width, "height": height} | row) + "\n")
        (folder / "metadata.jsonl").write_text("".join(lines))
        for split, names in (splits or {}).items():
            (folder / "splits" / f"{split}.txt").write_text("".join(f"images/{name}\n" for name in names))
        photos.rename(folder / "images")
        return folder

    return write


@pytest.fixture
def picture() -> Callable[..., Image.Image]:
    """Makes a picture of a size, different for every seed."""
    return _picture


@pytest.fixture
def load() -> Callable[[str | Path], Image.Image]:
    """Opens a picture without keeping its file open."""
    return lambda path: Image.open(io.BytesIO(Path(path).read_bytes()))


def _picture(size_wh: tuple[int, int], seed: int = 0) -> Image.Image:
    """A smooth coloured picture, different for every seed."""
    width, height = size_wh
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (9 + seed) + phase) * np.cos(y / (7 + seed) - phase) for phase in (0, 1, 2)]
    return Image.fromarray((np.stack(waves, axis=-1) * 100 + 128).astype(np.uint8))


def _constant(name: str, values: object) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values), name)


def _value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _trunk() -> onnx.GraphProto:
    step = SIDE // GRID
    pool = helper.make_node("AveragePool", ["image"], ["features"], kernel_shape=[step, step], strides=[step, step])
    return helper.make_graph(
        [pool], "trunk", [_value("image", "B", 3, SIDE, SIDE)], [_value("features", "B", 3, GRID, GRID)]
    )


def _proposer() -> onnx.GraphProto:
    # Multiplying by nothing of the features keeps the batch dimension alive.
    count = len(PROPOSED)
    nodes = [
        helper.make_node("Mul", ["log_aspect", "zero"], ["nothing"]),
        helper.make_node("Reshape", ["nothing", "column"], ["batch"]),
        helper.make_node("Add", ["batch", "proposed"], ["boxes"]),
        helper.make_node("ReduceSum", ["batch", "last"], ["flat"], keepdims=0),
        helper.make_node("Add", ["flat", "logits"], ["validity_logits"]),
    ]
    constants = [
        _constant("zero", np.float32(0)),
        _constant("column", np.array([-1, 1, 1], np.int64)),
        _constant("proposed", PROPOSED[None]),
        _constant("last", np.array([2], np.int64)),
        _constant("logits", np.linspace(1, 0, count, dtype=np.float32)[None]),
    ]
    return helper.make_graph(
        nodes,
        "proposer",
        [_value("features", "B", 3, GRID, GRID), _value("log_aspect", "B")],
        [_value("boxes", "B", count, 4), _value("validity_logits", "B", count)],
        constants,
    )


def _evaluator() -> onnx.GraphProto:
    nodes = [
        helper.make_node("Sub", ["boxes", "favourite"], ["offset"]),
        helper.make_node("ReduceL1", ["offset"], ["distance"], axes=[2], keepdims=0),
        helper.make_node("Neg", ["distance"], ["scores"]),
    ]
    return helper.make_graph(
        nodes,
        "evaluator",
        [_value("features", "B", 3, GRID, GRID), _value("log_aspect", "B"), _value("boxes", "B", "N", 4)],
        [_value("scores", "B", "N")],
        [_constant("favourite", FAVOURITE)],
    )
