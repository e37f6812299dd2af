"""A few drawn photos, tiny recipes under the names of the plan, and runs that were never trained but look so."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from cadrage.datasets.conversion.convert import convert
from cadrage.datasets.manifest import PhotoRecord, manifest_sha256
from cadrage.datasets.readers import read_dataset
from cadrage.datasets.synthetic import write_synthetic
from cadrage.errors import UsageError
from cadrage.geometry import grid_anchors, iou_matrix
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.papers.grid_anchor import PAPER as GRID_ANCHOR
from cadrage.papers.names import RECIPES
from cadrage.papers.paper import Places, Training
from cadrage.papers.plan import Run, choose
from cadrage.papers.set_prediction.paper import PAPER as SET_PREDICTION
from cadrage.training.engine.photos import folders_of, photos_identity, rated_photos, select_photos
from cadrage.training.engine.record import RECORD, WEIGHTS
from cadrage.training.run import read_recipe
from cadrage.training.systems.grid_anchor import build_grid_model
from cadrage.training.systems.set_prediction.system import build_set_predictor

# Tests run side by side; threads of one that wait busily would take the cores from the others.
torch.set_num_threads(1)
# Lightning's own advice and its use of parts of torch that are about to change; neither concerns our code.
OF_THE_TRAINER = ("ignore::UserWarning:lightning.*", "ignore::FutureWarning", "ignore::DeprecationWarning")


def pytest_itemcollected(item: pytest.Item) -> None:
    for warning in OF_THE_TRAINER:
        item.add_marker(pytest.mark.filterwarnings(warning))


BASE = """
model = "set-prediction"
tag = "drawn"
train = ["drawn:train"]
validate = ["drawn:val"]
resize = "squash"
side = 32
colour = "jitter"
backbone = "mobilenet-v2"
backbone_weights = ""
width = 16
heads = 2
encoder_layers = 1
decoder_layers = 1
hidden = 16
anchors = 90
epochs = 1
drops = []
batch = 3
workers = 0
"""
MORE = {
    "gaicv2-qg": 'smoothing = "quality"',
    "gaicv2-sd": 'smoothing = "distillation"\ndistil_from = 1\nepochs = 2',
    "cpc-sd": "",
}


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the drawn set and, as ``flms``, its test photos with the best crops alone."""
    root = tmp_path_factory.mktemp("drawn")
    write_synthetic(root / "published", {"train": 4, "val": 2, "test": 3}, seed=1, sides=(64, 96))
    data = root / "data"
    data.mkdir()
    convert(read_dataset("gaicd", root / "published"), data / "drawn", photos="copy")
    _write_flms(data / "drawn", data / "flms")
    return data


def _write_flms(drawn: Path, flms: Path) -> None:
    tested = (drawn / "splits" / "test.txt").read_text().split()
    rows = [json.loads(line) for line in (drawn / "metadata.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["file_name"] in tested]
    for row in rows:
        best = sorted(row["crops"], key=lambda crop: -crop["score"])[:3]
        row["crops"] = [crop | {"score": 1.0} for crop in best]
    (flms / "splits").mkdir(parents=True)
    shutil.copytree(drawn / "images", flms / "images")
    (flms / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (flms / "splits" / "test.txt").write_text("".join(f"{name}\n" for name in tested))


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """Tiny recipes of three runs: A, C and J."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "base.toml").write_text(BASE)
    for name, more in MORE.items():
        (folder / f"{name}.toml").write_text(f'extends = "base.toml"\n{more}\n')
    return folder


@pytest.fixture
def data(drawn: Path, tmp_path: Path) -> Path:
    """A copy of the drawn data that a test may spoil."""
    return Path(shutil.copytree(drawn, tmp_path / "data"))


@pytest.fixture
def places(data: Path, recipes: Path, tmp_path: Path) -> Places:
    return Places(data, recipes, tmp_path / "out")


@pytest.fixture
def finished(places: Places) -> Callable[[str], Path]:
    """Makes the folder of a run as training would leave it, with the weights it would begin with."""

    def make(name: str) -> Path:
        recipe = read_recipe(places.recipes / f"{name}.toml")
        run = places.out / "runs" / name
        run.mkdir(parents=True)
        torch.manual_seed(0)
        model = build_set_predictor(recipe)
        # Boxes of many sizes in place of the one that all anchors begin with.
        torch.nn.init.normal_(model.proposer.box_head[-1].bias, std=0.5)
        torch.nn.init.normal_(model.proposer.box_head[-1].weight, std=0.3)
        save_file(model.state_dict(), run / WEIGHTS)
        hashes = {folder: manifest_sha256(places.data / folder) for folder in folders_of(recipe)}
        known = {"recipe": recipe.to_dict(), "manifests_sha256": hashes}
        # One test lets the validation photos be drawn later.
        with suppress(UsageError):
            known["photos_sha256"] = {
                role: photos_identity(select_photos(places.data, entries))
                for role, entries in {"train": recipe.train, "validate": recipe.validate}.items()
            }
        (run / RECORD).write_text(json.dumps(known))
        return run

    return make


@pytest.fixture
def record() -> Callable[..., PhotoRecord]:
    """A function that makes the record of one photo from its crops and scores."""

    def make(boxes_xyxy: object, scores: object, name: str = "images/a.jpg") -> PhotoRecord:
        crops = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
        none = np.zeros((0, 4))
        return PhotoRecord(name, Path(name), (640, 480), crops, np.asarray(scores, dtype=np.float64), (), none, {})

    return make


@pytest.fixture
def run_of(places: Places) -> Callable[[str], Run]:
    """The run of set prediction with a letter."""
    return lambda letter: choose(SET_PREDICTION.plan(places.recipes).runs, [letter])[0]


@pytest.fixture
def nothing_run() -> dict[str, Training]:
    """What became of the runs of set prediction where there is no data at all."""
    runs = SET_PREDICTION.plan(RECIPES / "set-prediction").runs
    return {run.letter: Training(run, reason=f"data has no {run.data}") for run in runs}


@pytest.fixture
def grid_places(tmp_path: Path) -> tuple[Path, Path]:
    """Data of six photos in three splits, and grid-anchor recipes so small that they train in seconds."""
    data, recipes = tmp_path / "data", tmp_path / "recipes"
    folder = data / "gaicd-v2"
    (folder / "images").mkdir(parents=True)
    (folder / "splits").mkdir()
    rng, rows = np.random.default_rng(0), []
    for number in range(6):
        Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)).save(folder / "images" / f"{number}.png")
        boxes = grid_anchors((96, 64))[::4]
        ratings = 1 + 4 * iou_matrix(boxes, np.array([[0.1, 0.1, 0.8, 0.8]]))[:, 0]
        crops = [{"box": box, "score": float(score)} for box, score in zip(boxes.tolist(), ratings, strict=True)]
        rows.append(
            {"file_name": f"images/{number}.png", "width": 96, "height": 64, "crops": crops, "pairs": [], "persons": []}
        )
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for split, numbers in {"train": (0, 1), "val": (2, 3), "test": (4, 5)}.items():
        (folder / "splits" / f"{split}.txt").write_text("".join(f"images/{number}.png\n" for number in numbers))
    (data / "weights").mkdir()
    torch.manual_seed(0)
    save_file(MobileNetV2().state_dict(), data / "weights" / "mobilenet_v2_imagenet.safetensors")
    shutil.copytree(RECIPES / "grid-anchor", recipes)
    recipe = recipes / "gaicv2.toml"
    published = ('"mobilenet-v2-torch"', '"weights/mobilenet_v2-b0353104.pth"')
    ours = ('"mobilenet-v2"', '"weights/mobilenet_v2_imagenet.safetensors"')
    text = recipe.read_text()
    for before, after in zip(published, ours, strict=True):
        text = text.replace(before, after)
    recipe.write_text(text + "side = 64\nlonger_side_limit = 96\nepochs = 1\nworkers = 0\nreduced = 2\nbins = 3\n")
    return data, recipes


@pytest.fixture
def finished_grid(grid_places: tuple[Path, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Makes the folder of a grid-anchor run as training would leave it, with random weights."""
    data, recipes = grid_places

    def make(letter: str) -> Path:
        (run,) = choose(GRID_ANCHOR.plan(recipes).runs, [letter])
        recipe = run.recipe()
        folder = tmp_path / "out" / "runs" / run.name
        folder.mkdir(parents=True)
        torch.manual_seed(0)
        save_file(build_grid_model(recipe).state_dict(), folder / WEIGHTS)
        chosen = {"train": recipe.train, "validate": recipe.validate}
        known = {
            "recipe": recipe.to_dict(),
            "manifests_sha256": {name: manifest_sha256(data / name) for name in folders_of(recipe)},
            "photos_sha256": {role: photos_identity(rated_photos(data, each)) for role, each in chosen.items()},
        }
        (folder / RECORD).write_text(json.dumps(known))
        return folder

    return make
