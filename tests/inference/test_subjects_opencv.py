"""The classic detectors; without OpenCV these tests are left out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="needs the extra 'subjects'")

from cadrage.inference.subjects import make_detector
from cadrage.inference.subjects_opencv import OpencvDetector

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"


@pytest.fixture(scope="module")
def detector() -> OpencvDetector:
    return OpencvDetector()


def pixels(name: str) -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / name).convert("RGB"))


def test_the_astronauts_face_is_found_once(detector: OpencvDetector) -> None:
    found = detector.detect(pixels("astronaut.jpg"), ("face",))
    assert found.kinds == ("face",) and found.source == "opencv"
    x1, y1, x2, y2 = found.boxes_xyxy[0]
    assert x1 < 0.44 < x2 and y1 < 0.2 < y2  # the nose
    assert 0.5 <= found.confidences[0] <= 1


@pytest.mark.parametrize("name", ["coffee.jpg", "rocket.jpg"])
def test_a_photo_without_people_gives_nothing(detector: OpencvDetector, name: str) -> None:
    assert len(detector.detect(pixels(name))) == 0


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (300, 8), (100, 60)])
def test_small_and_even_pictures_give_nothing(detector: OpencvDetector, size: tuple[int, int]) -> None:
    assert len(detector.detect(np.full((*size, 3), 90, np.uint8))) == 0


def test_other_kinds_are_not_looked_for(detector: OpencvDetector) -> None:
    assert len(detector.detect(pixels("astronaut.jpg"), ("animal", "object"))) == 0
    assert "face" not in detector.detect(pixels("astronaut.jpg"), ("person",)).kinds


def test_it_is_a_detector_by_name() -> None:
    assert isinstance(make_detector("opencv"), OpencvDetector)
