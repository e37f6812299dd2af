"""Drawn photos with persons, ratings and votes, and recipes that a laptop trains on them in seconds."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage.datasets.manifest import Pair, PhotoRecord
from cadrage.geometry import grid_anchors, iou_matrix

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


@pytest.fixture
def record() -> Callable[..., PhotoRecord]:
    """A function that makes the record of one photo."""

    def make(
        crops: object = (),
        scores: object = (),
        persons: object = (),
        pairs: tuple[Pair, ...] = (),
        file: Path = Path("a"),
    ) -> PhotoRecord:
        return PhotoRecord(
            file.name,
            file,
            (64, 64),
            np.array(crops, dtype=np.float64).reshape(-1, 4),
            np.array(scores, dtype=np.float64),
            pairs,
            np.array(persons, dtype=np.float64).reshape(-1, 4),
            {},
        )

    return make


@pytest.fixture
def pair() -> Callable[..., Pair]:
    """A function that makes a pair of views, 4 votes against 1 unless told otherwise."""

    def make(a: list[float], b: list[float], votes_a: int = 4, votes_b: int = 1) -> Pair:
        return Pair((a[0], a[1], a[2], a[3]), (b[0], b[1], b[2], b[3]), votes_a, votes_b)

    return make
