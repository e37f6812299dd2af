"""A small data set of drawn pictures in the manifest format, and ImageNet-shaped weights drawn at random."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from cadrage.models.backbones.mobilenet_v2 import MobileNetV2

# Tests run side by side; threads of one that wait busily would take the cores from the others.
torch.set_num_threads(1)


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
