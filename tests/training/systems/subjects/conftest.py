"""A drawn data set whose persons are red, and a teacher that knows red from the rest."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE = 65
NAMES = [f"{number}.png" for number in range(12)]
DEV = NAMES[::4]


def see(pixels: np.ndarray) -> np.ndarray:
    """The teacher: red is a person (15), blue a dog (12), anything else nothing."""
    squashed = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST)).astype(int)
    red, blue = squashed[..., 0] - squashed[..., 2] > 100, squashed[..., 2] - squashed[..., 0] > 100
    return (15 * red + 12 * blue).astype(np.uint8)


@pytest.fixture
def teacher() -> Callable[[np.ndarray], np.ndarray]:
    return see


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "drawn"
    (folder / "images").mkdir(parents=True)
    (folder / "splits").mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number, name in enumerate(NAMES):
        picture = np.full((80, 120, 3), 60, np.uint8)
        box = rng.uniform(0, 0.5, 2)
        box = np.concatenate([box, box + rng.uniform(0.25, 0.5, 2)])
        left, top, right, bottom = (box * [120, 80, 120, 80]).round().astype(int)
        persons = []
        if number % 3:
            picture[top:bottom, left:right] = (230, 30, 30) if number % 3 == 1 else (30, 30, 230)
        if number % 3 == 1:
            persons = [[left / 120, top / 80, right / 120, bottom / 80]]
        Image.fromarray(picture).save(folder / "images" / name)
        row = {"file_name": f"images/{name}", "width": 120, "height": 80, "crops": [], "pairs": [], "persons": persons}
        rows.append(row)
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for split, names in (("dev", DEV), ("fit", [name for name in NAMES if name not in DEV])):
        (folder / "splits" / f"{split}.txt").write_text("".join(f"images/{name}\n" for name in names), encoding="utf-8")
    return folder.parent


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Path]:
    def write(**values: object) -> Path:
        settings = {"model": "subjects", "fcdb": "drawn", "flms": "", "epochs": 2, "batch": 4, "views": 2} | values
        file = tmp_path / "subjects.toml"
        file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()), encoding="utf-8")
        return file

    return write
