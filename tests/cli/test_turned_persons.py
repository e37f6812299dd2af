"""The main person of photos that lie on their side in the file: boxes are of the photo as one sees it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage import Cropper
from cadrage.inference.subjects.detector import KINDS, Subjects

# Upright, 90 wide and 60 high, the red person stands from x 9 to 27 and y 6 to 48.
PERSON_PX, PERSON = (9, 6, 27, 48), [0.1, 0.1, 0.3, 0.8]
BOXES = [[0.1, 0.0, 0.6, 1.0], [0.3, 0.2, 0.9, 0.7]]


class Red:
    """Finds what is red."""

    name = "red"

    def detect(self, photo_pixels: np.ndarray, kinds: tuple = KINDS) -> Subjects:
        red = (photo_pixels[..., 0] > 128) & (photo_pixels[..., 1] < 128)
        (x1, x2), (y1, y2) = (np.flatnonzero(red.any(axis=axis))[[0, -1]] + (0, 1) for axis in (0, 1))
        box = np.array([[x1, y1, x2, y2]]) / np.tile(photo_pixels.shape[1::-1], 2)
        return Subjects(box, ("person",), np.ones(1), self.name).of(*kinds)


def stored(upright: Image.Image, orientation: int) -> Image.Image:
    """What a camera writes that has to be turned by the orientation to be upright (EXIF 2.32, tag 274)."""
    back = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = back[orientation]
    return upright if turn is None else upright.transpose(turn)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_photo_has_its_person_where_one_sees_it(
    cadrage, write_person_model, tmp_path, monkeypatch, orientation
):
    pixels = np.full((60, 90, 3), 255, np.uint8)
    x1, y1, x2, y2 = PERSON_PX
    pixels[y1:y2, x1:x2] = (255, 0, 0)
    exif = Image.Exif()
    exif[274] = orientation
    photo = tmp_path / "turned.png"
    stored(Image.fromarray(pixels), orientation).save(photo, exif=exif)
    people = write_person_model(tmp_path / "people")
    monkeypatch.setattr("cadrage.inference.cropper.make_detector", lambda name, **_: Red())

    typed = ",".join(map(str, PERSON_PX))
    asked = ("suggest", photo, "--model", people, "-n", 2)
    given = cadrage(*asked, "--person", typed).lines[0]
    found = cadrage(*asked, "--detector", "red", "--keep", "people").lines[0]
    expected = {"box": {"x": 9, "y": 6, "width": 18, "height": 42}, "box_norm": PERSON}
    assert given["person"] == expected | {"source": "external"}
    assert found["person"] == expected | {"source": "red"}
    assert found["subjects"][0]["box"] == expected["box"]
    upright = Cropper(Path(people), detector="none").score(pixels, BOXES, person=PERSON)
    for detector, person in (("none", PERSON), (Red(), "auto")):
        turned = Cropper(Path(people), detector=detector).score(photo, BOXES, person=person)
        np.testing.assert_allclose(turned, upright, atol=1e-6)
