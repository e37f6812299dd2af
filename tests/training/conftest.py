"""Small data sets of drawn pictures in the manifest format, recipes that a laptop trains in seconds, and records."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.datasets.manifest import Pair, PhotoRecord
from cadrage.geometry import grid_anchors, iou_matrix
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.training.engine.module import SystemTraining
from cadrage.training.run import train_from_recipe

# Tests run side by side; threads of one that wait busily would take the cores from the others.
torch.set_num_threads(1)

# Lightning's own advice and its use of parts of torch that are about to change; neither concerns our code.
OF_THE_TRAINER = ("ignore::UserWarning:lightning.*", "ignore::FutureWarning", "ignore::DeprecationWarning")


def pytest_itemcollected(item: pytest.Item) -> None:
    for warning in OF_THE_TRAINER:
        item.add_marker(pytest.mark.filterwarnings(warning))


def _row(name: str, box: list[float]) -> dict[str, object]:
    larger = [max(box[0] - 0.1, 0), max(box[1] - 0.1, 0), min(box[2] + 0.1, 1), min(box[3] + 0.1, 1)]
    return {
        "file_name": f"images/{name}",
        "width": 48,
        "height": 32,
        "crops": [{"box": box, "score": 1.0}],
        "pairs": [{"a": box, "b": larger, "votes_a": 4, "votes_b": 1}],
        "persons": [],
    }


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photos, each a bright rectangle on dark ground whose box is the crop; two of them are held out."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "fcdb" / "train"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for identity in range(7, 17):
        x, y = int(rng.integers(0, 16)), int(rng.integers(0, 10))
        picture = np.full((32, 48, 3), 40, np.uint8)
        picture[y : y + 20, x : x + 30] = 220
        Image.fromarray(picture).save(folder / "images" / f"{identity}.png")
        rows.append(_row(f"{identity}.png", [x / 48, y / 32, (x + 30) / 48, (y + 20) / 32]))
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    names = [str(row["file_name"]) for row in rows]
    (folder / "splits").mkdir()
    for split, listed in (("dev", names[::7]), ("fit", [*names[1:7], *names[8:]])):
        (folder / "splits" / f"{split}.txt").write_text("".join(f"{name}\n" for name in listed), encoding="utf-8")
    (root / "weights").mkdir()
    torch.manual_seed(0)
    save_file(MobileNetV2().state_dict(), root / "weights" / "backbone.safetensors")
    return root


@pytest.fixture(scope="session")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    file.write_text(
        'name = "tiny"\ntag = "test"\nside = 64\nepochs = 2\nbatch = 4\nproposer_width = 16\nanchors = 6\n'
        'evaluator_channels = 2\nboxes_around_label = 6\nbackbone_weights = "weights/backbone.safetensors"\n',
        encoding="utf-8",
    )
    return file


SIZES = ((96, 64), (64, 96), (64, 64))


def _write_rated(folder: Path, names: list[str], rng: np.random.Generator) -> None:
    (folder / "images").mkdir(parents=True)
    rows = []
    for number, name in enumerate(names):
        width, height = SIZES[number % len(SIZES)]
        x1, y1 = rng.uniform(0.1, 0.3, 2)
        subject = np.array([x1, y1, x1 + 0.5, y1 + 0.5])
        picture = np.full((height, width, 3), 40, np.uint8)
        left, top, right, bottom = (subject * [width, height, width, height]).round().astype(int)
        picture[top:bottom, left:right] = 220
        Image.fromarray(picture).save(folder / "images" / name)
        boxes = grid_anchors((width, height))[:: 3 + number % 2]
        ratings = 1 + 4 * iou_matrix(boxes, subject[None])[:, 0]
        crops = [
            {"box": box, "score": round(float(score), 2)} for box, score in zip(boxes.tolist(), ratings, strict=True)
        ]
        rows.append(
            {
                "file_name": f"images/{name}",
                "width": width,
                "height": height,
                "crops": crops,
                "pairs": [],
                "persons": [],
            }
        )
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "splits").mkdir()
    listed = [str(row["file_name"]) for row in rows]
    for split, chosen in (("train", listed[2:]), ("val", listed[:2])):
        (folder / "splits" / f"{split}.txt").write_text("".join(f"{each}\n" for each in chosen), encoding="utf-8")


@pytest.fixture
def write_rated() -> Callable[[Path], Path]:
    """A function that makes a fresh rated data set below a folder, to be damaged."""

    def write(root: Path) -> Path:
        _write_rated(root / "gaicd-v2", [f"{number}.png" for number in range(10)], np.random.default_rng(1))
        return root

    return write


@pytest.fixture(scope="session")
def rated_data(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photos of three shapes with some 30 rated grid anchors each, two for validation; beside them the voted photos
    and the weights of `data`."""
    root = tmp_path_factory.mktemp("rated")
    for name in ("fcdb", "weights"):
        (root / name).symlink_to(data / name)
    _write_rated(root / "gaicd-v2", [f"{number}.png" for number in range(10)], np.random.default_rng(1))
    return root


@pytest.fixture(scope="session")
def tiny_grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("grid-recipe") / "tiny.toml"
    file.write_text(
        'model = "grid-anchor"\nname = "grid-anchor-tiny"\ntag = "test"\nside = 64\nlonger_side_limit = 128\n'
        'backbone_weights = "weights/backbone.safetensors"\ncrops = 12\nscore_deviation = 0.0\nreduced = 2\n'
        "bins = 3\nepochs = 2\nbatch = 4\nworkers = 0\n",
        encoding="utf-8",
    )
    return file


TINY = (
    'name = "tiny"\ntag = "test"\nside = 64\nlonger_side_limit = 128\nresize = "squash"\nbackbone_weights = ""\n'
    'crops = 6\nepochs = 2\nbatch = 4\nworkers = 0\nschedule = "constant"\n'
)


@pytest.fixture(scope="session")
def persons_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photos with rated crops and two voted pairs each, two for validation; every second one has a person."""
    root = tmp_path_factory.mktemp("persons")
    folder = root / "drawn"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for number in range(10):
        x1, y1 = rng.uniform(0.2, 0.4, 2)
        person = np.array([x1, y1, x1 + 0.3, y1 + 0.4])
        picture = np.full((64, 64, 3), 40, np.uint8)
        left, top, right, bottom = (person * 64).round().astype(int)
        picture[top:bottom, left:right] = 220
        Image.fromarray(picture).save(folder / "images" / f"{number}.png")
        boxes = grid_anchors((64, 64))[::6]
        ratings = (1 + 4 * iou_matrix(boxes, person[None])[:, 0]).round(2)
        crops = [{"box": box, "score": score} for box, score in zip(boxes.tolist(), ratings.tolist(), strict=True)]
        pairs = [{"a": boxes[each].tolist(), "b": boxes[-1].tolist(), "votes_a": 4, "votes_b": 1} for each in (0, 3)]
        persons = [person.tolist()] if number % 2 else []
        rows.append(
            {
                "file_name": f"images/{number}.png",
                "width": 64,
                "height": 64,
                "crops": crops,
                "pairs": pairs,
                "persons": persons,
            }
        )
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "splits").mkdir()
    listed = [str(row["file_name"]) for row in rows]
    for split, chosen in (("train", listed[2:]), ("val", listed[:2])):
        (folder / "splits" / f"{split}.txt").write_text("".join(f"{each}\n" for each in chosen), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def write_recipe(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that writes a tiny recipe of a kind of model."""

    def write(kind: str, text: str = "") -> Path:
        file = tmp_path_factory.mktemp("recipe") / "tiny.toml"
        data = 'train = ["drawn:train"]\nvalidate = ["drawn:val"]\n'
        file.write_text(f'model = "{kind}"\n{TINY}{data}{text}', encoding="utf-8")
        return file

    return write


TINY_RECIPE = """
model = "set-prediction"
name = "tiny"
tag = "test"
train = ["fcdb/train:fit"]
validate = ["fcdb/train:dev"]
good_score = 1.0
resize = "squash"
side = 64
flip = true
colour = "jitter"
backbone = "mobilenet-v2"
backbone_weights = "weights/backbone.safetensors"
width = 16
heads = 2
encoder_layers = 1
decoder_layers = 2
hidden = 16
anchors = 6
epochs = 2
batch = 4
drops = [1]
workers = 0
"""


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that trains a tiny set predictor on the drawn pictures of the fixture ``data`` in a second."""
    file = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    file.write_text(TINY_RECIPE, encoding="utf-8")
    return file


@pytest.fixture
def places(
    data: Path, persons_data: Path, tiny_recipe: Path, recipe_file: Path, write_recipe: Callable[..., Path]
) -> dict[str, tuple[Path, Path]]:
    """Recipe and data of each system."""
    return {
        "set-prediction": (tiny_recipe, data),
        "default": (recipe_file, data),
        "human-centric": (write_recipe("human-centric"), persons_data),
    }


@pytest.fixture
def record() -> Callable[..., PhotoRecord]:
    """A function that makes the record of one photo from its crops and scores."""

    def make(
        crops: object = (),
        scores: object = (),
        name: str = "images/a.jpg",
        size_wh: tuple[int, int] = (640, 480),
        *,
        pairs: Sequence[Pair] = (),
        persons: object = (),
        file: Path | None = None,
    ) -> PhotoRecord:
        boxes, people = (np.asarray(each, dtype=np.float64).reshape(-1, 4) for each in (crops, persons))
        ratings = np.asarray(scores, dtype=np.float64)
        return PhotoRecord(name, file or Path(name), size_wh, boxes, ratings, tuple(pairs), people, {})

    return make


@pytest.fixture
def pair() -> Callable[..., Pair]:
    """A function that makes a pair of views, 4 votes against 1 unless told otherwise."""

    def make(a: list[float], b: list[float], votes_a: int = 4, votes_b: int = 1) -> Pair:
        return Pair((a[0], a[1], a[2], a[3]), (b[0], b[1], b[2], b[3]), votes_a, votes_b)

    return make


@pytest.fixture
def lose_second_epoch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that trains and loses its process in the second epoch; it takes the module that trains, besides."""

    class StoppedError(Exception):
        pass

    def train(module: type[SystemTraining[Any]], *arguments: Any, **settings: Any) -> None:
        steps = module.training_step

        def stop_in_the_second_epoch(self: Any, batch: Any, index: int) -> Any:
            if self.current_epoch == 1:
                raise StoppedError
            return steps(self, batch, index)

        with monkeypatch.context() as patch, pytest.raises(StoppedError):
            patch.setattr(module, "training_step", stop_in_the_second_epoch)
            train_from_recipe(*arguments, **settings)

    return train


class Levels(nn.Module):
    """The smallest backbone with three maps: a real one would only take long to export."""

    channels = (4, 4, 4)

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        seen = self.layer(image)
        return tuple(F.avg_pool2d(seen, stride) for stride in (8, 16, 32))


@pytest.fixture(scope="session")
def levels() -> type[nn.Module]:
    """The class of the smallest backbone; made after a seed is set, it has the same weights each time."""
    return Levels
