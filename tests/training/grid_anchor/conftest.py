"""A small rated data set of drawn pictures, and a recipe that a laptop trains on it in seconds."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.datasets.manifest import PhotoRecord
from cadrage.geometry import grid_anchors, iou_matrix

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


@pytest.fixture
def record() -> Callable[..., PhotoRecord]:
    """A function that makes the record of one photo from its crops and scores."""

    def make(
        boxes_xyxy: object, scores: object, name: str = "images/a.jpg", size_wh: tuple[int, int] = (640, 480), pairs=()
    ) -> PhotoRecord:
        crops = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
        ratings = np.asarray(scores, dtype=np.float64)
        return PhotoRecord(name, Path(name), size_wh, crops, ratings, tuple(pairs), np.zeros((0, 4)), {})

    return make
