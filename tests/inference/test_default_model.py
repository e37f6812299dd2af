"""The packaged model on the example photos: what it promises, and that an upgrade never changes crops unnoticed."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from cadrage import Cropper
from cadrage.geometry import area, iou_matrix, mirror
from cadrage.inference.store.packaged import FOLDER

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "photos").glob("*.jpg"))
# Written by: python tests/inference/test_default_model.py
GOLDEN = Path(__file__).parent / "golden_crops.json"
RATIOS = ["free", "1:1", "9:16", "16:9"]


def suggested() -> dict[str, list[list[int]]]:
    """Pixel box of the first crop of every example photo at every ratio."""
    cropper = Cropper()
    return {photo.name: cropper.suggest(photo, ratio=RATIOS, n=1).xyxy.tolist() for photo in EXAMPLES}


@pytest.fixture(scope="module")
def cropper() -> Cropper:
    return Cropper()


def test_the_model_fits_the_wheel_and_its_card() -> None:
    card = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    files = [FOLDER / part["file"] for part in card["parts"].values()]
    assert sum(file.stat().st_size for file in files) <= 12_000_000
    for part, file in zip(card["parts"].values(), files, strict=True):
        assert hashlib.sha256(file.read_bytes()).hexdigest() == part["sha256"]
    assert {"summary", "data", "licence", "limits", "metrics", "training"} <= card.keys()


def test_crops_are_those_of_the_release() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    now = suggested()
    assert now.keys() == golden.keys()
    for name, boxes in now.items():
        # Another processor may round the last bit of a sum differently and move an edge by a pixel or two.
        overlaps = np.diag(iou_matrix(np.array(boxes, float), np.array(golden[name], float)))
        assert overlaps.min() > 0.97, name


@pytest.mark.parametrize("photo", EXAMPLES, ids=lambda photo: photo.stem)
def test_a_set_is_diverse_and_spans_scales(cropper: Cropper, photo: Path) -> None:
    boxes = cropper.suggest(photo, n=5).xyxyn
    assert len(boxes) == 5
    assert np.triu(iou_matrix(boxes, boxes), 1).max() <= 0.85
    assert area(boxes).min() < 0.60 and area(boxes).max() > 0.75


@pytest.mark.parametrize("photo", EXAMPLES, ids=lambda photo: photo.stem)
def test_a_mirrored_photo_gets_the_mirrored_crop(cropper: Cropper, photo: Path) -> None:
    with Image.open(photo) as image:
        there = cropper.suggest(image, n=1).xyxyn
        back = cropper.suggest(ImageOps.mirror(image), n=1).xyxyn
    assert iou_matrix(there, mirror(back))[0, 0] > 0.97


@pytest.mark.parametrize("photo", EXAMPLES, ids=lambda photo: photo.stem)
def test_tight_is_smaller_than_loose(cropper: Cropper, photo: Path) -> None:
    encoded = cropper.encode(photo)
    tight, natural, loose = (encoded.suggest(n=1, scale=scale).xyxyn for scale in ("tight", "natural", "loose"))
    assert area(tight)[0] <= area(natural)[0] <= area(loose)[0]
    assert area(tight)[0] < area(loose)[0]


def test_scores_prefer_a_good_crop_to_a_corner(cropper: Cropper) -> None:
    for photo in EXAMPLES:
        best = cropper.suggest(photo, n=1).xyxyn[0]
        scores = cropper.score(photo, [best, [0.0, 0.0, 0.3, 0.3]])
        assert scores[0] > scores[1]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(suggested(), indent=1) + "\n", encoding="utf-8")
