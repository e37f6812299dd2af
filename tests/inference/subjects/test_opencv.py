"""The classic detectors; without OpenCV these tests are left out."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="needs the extra 'subjects'")

from cadrage.errors import CadrageError
from cadrage.inference.subjects.detector import make_detector
from cadrage.inference.subjects.opencv import _CASCADES, OpencvDetector

CASCADES = [cascade.file for cascade in _CASCADES]
PHOTOS = Path(__file__).parents[3] / "examples" / "photos"


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


# Classifiers that several threads share end the process, so that this has one of its own.
SIDE_BY_SIDE = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from PIL import Image
from cadrage.inference.subjects.opencv import OpencvDetector

astronaut = Image.open(sys.argv[1]).convert("RGB")
photos = [np.asarray(astronaut.resize((150 + 11 * (i % 8), 260 - 13 * (i % 7)))) for i in range(32)]

def found(photo):
    subjects = detector.detect(photo, ("person", "face"))
    return subjects.kinds, subjects.boxes_xyxy.tolist(), subjects.confidences.tolist()

detector = OpencvDetector()
one_by_one = [found(photo) for photo in photos]
with ThreadPoolExecutor(8) as pool:
    side_by_side = list(pool.map(found, photos))
assert any(kinds for kinds, _, _ in one_by_one), "nothing is found, so this tests nothing"
assert side_by_side == one_by_one
"""


def test_photos_side_by_side_give_what_they_give_one_by_one() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE, PHOTOS / "astronaut.jpg"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("kind", ["cv2", "SystemError"])
def test_a_photo_that_opencv_cannot_take_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    import cv2

    detector, error = OpencvDetector(), cv2.error if kind == "cv2" else SystemError

    class Broken:
        def detectMultiScale3(self, *_: object, **__: object) -> None:  # noqa: N802 - OpenCV's name
            raise error("assertion failed\nin a line of its own")

    monkeypatch.setattr(detector, "_classifiers", lambda: ({file: Broken() for file in CASCADES}, None))
    with pytest.raises(CadrageError, match=r"opencv cannot look at this photo \(assertion failed in a line") as caught:
        detector.detect(np.zeros((60, 60, 3), np.uint8), ("face",))
    assert type(caught.value) is CadrageError and "\n" not in str(caught.value)


def test_classifiers_that_cannot_be_loaded_are_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import cv2

    monkeypatch.setattr(cv2, "data", SimpleNamespace(haarcascades=str(tmp_path)))
    with pytest.raises(CadrageError, match=r"cannot load its classifiers .* lacks haarcascade_frontalface_alt2\.xml"):
        OpencvDetector()
