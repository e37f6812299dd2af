"""Reading the maps of the subject head, and the head that travels with the package."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from cadrage.errors import DetectionError, ModelError
from cadrage.geometry import iou_matrix, mirror
from cadrage.inference.session import load_model
from cadrage.inference.store import packaged
from cadrage.inference.subjects.detectors import make_detector
from cadrage.inference.subjects.heads import assumed_heads
from cadrage.inference.subjects.own import FOLDER, HeadMaps, OwnDetector, read_maps
from cadrage.inference.subjects.person import main_person

SIDE = 28
BELIEVED = {"person": 0.3, "animal": 0.3, "object": 0.3, "face": 0.4}
PHOTOS = Path(__file__).parents[3] / "examples" / "photos"


def nothing_there() -> HeadMaps:
    return HeadMaps(
        masks=np.full((2, 3, SIDE, SIDE), -9.0, np.float32),
        centres=np.full((2, 3, SIDE, SIDE), -9.0, np.float32),
        edges=np.full((2, 8, SIDE, SIDE), 0.1, np.float32),
        face_centres=np.full((2, 1, SIDE, SIDE), -9.0, np.float32),
        face_edges=np.full((2, 4, SIDE, SIDE), 0.1, np.float32),
    )


def place(maps: HeadMaps, kind: int, row: int, column: int, edges: tuple[float, ...], sure: float) -> None:
    """Put a subject into both views, the mirror image with left and right exchanged."""
    masks, centres, all_edges = maps[:3]
    group = 4 * min(kind, 1)
    for view, at, seen in ((0, column, edges), (1, SIDE - 1 - column, (edges[2], edges[1], edges[0], edges[3]))):
        masks[view, kind, row, at] = centres[view, kind, row, at] = sure
        all_edges[view, group : group + 4, row, at] = seen


def middle(cell: int) -> float:
    return (cell + 0.5) / SIDE


def test_maps_without_a_centre_hold_nothing() -> None:
    assert len(read_maps(nothing_there(), BELIEVED)) == 0


def test_a_peak_is_a_box_of_its_kind() -> None:
    maps = nothing_there()
    place(maps, 0, 10, 4, (0.1, 0.2, 0.3, 0.4), 3.0)
    place(maps, 2, 20, 20, (0.05, 0.06, 0.07, 0.08), 1.0)
    found = read_maps(maps, BELIEVED)
    assert found.kinds == ("person", "object") and found.source == "own"
    x, y = middle(4), middle(10)
    assert found.boxes_xyxy[0] == pytest.approx([x - 0.1, y - 0.2, x + 0.3, y + 0.4])
    x, y = middle(20), middle(20)
    assert found.boxes_xyxy[1] == pytest.approx([x - 0.05, y - 0.06, x + 0.07, y + 0.08])


def test_a_peak_of_the_face_maps_is_a_face() -> None:
    maps = nothing_there()
    for view, column in ((0, 4), (1, SIDE - 1 - 4)):
        maps.face_centres[view, 0, 10, column] = 3.0
    found = read_maps(maps, BELIEVED)
    assert found.kinds == ("face",) and found.confidences[0] > 0.9
    x, y = middle(4), middle(10)
    assert found.boxes_xyxy[0] == pytest.approx([x - 0.1, y - 0.1, x + 0.1, y + 0.1])
    assert len(read_maps(maps, BELIEVED, ("person", "animal", "object"))) == 0


def test_a_box_over_the_border_is_clipped_and_may_cover_the_photo() -> None:
    maps = nothing_there()
    place(maps, 0, 14, 14, (2.0, 2.0, 2.0, 2.0), 3.0)
    assert read_maps(maps, BELIEVED).boxes_xyxy.tolist() == [[0, 0, 1, 1]]


def test_the_least_believed_has_a_confidence_of_one_half() -> None:
    maps = nothing_there()
    place(maps, 0, 10, 4, (0.1, 0.1, 0.1, 0.1), np.log(0.3 / 0.7) + 1e-6)
    assert read_maps(maps, BELIEVED).confidences == pytest.approx([0.5], abs=1e-4)
    place(maps, 0, 10, 4, (0.1, 0.1, 0.1, 0.1), np.log(0.3 / 0.7) - 1e-3)
    assert len(read_maps(maps, BELIEVED)) == 0


def test_two_persons_are_two_and_one_seen_twice_is_one() -> None:
    maps = nothing_there()
    place(maps, 0, 10, 4, (0.1, 0.2, 0.1, 0.2), 3.0)
    place(maps, 0, 10, 20, (0.1, 0.2, 0.1, 0.2), 2.0)
    assert len(read_maps(maps, BELIEVED)) == 2
    place(maps, 0, 10, 6, (0.1 + 2 / SIDE, 0.2, 0.1 - 2 / SIDE, 0.2), 2.5)
    assert len(read_maps(maps, BELIEVED)) == 2
    # Nor is a face a person of its own beside its body.
    place(maps, 0, 7, 4, (0.03, 0.05, 0.03, 0.05), 2.5)
    assert len(read_maps(maps, BELIEVED)) == 2


def test_the_views_exchanged_give_the_mirrored_boxes() -> None:
    rng = np.random.default_rng(5)
    maps = HeadMaps(
        masks=rng.normal(-1, 2, (2, 3, SIDE, SIDE)).astype(np.float32),
        centres=rng.normal(-1, 2, (2, 3, SIDE, SIDE)).astype(np.float32),
        edges=rng.uniform(0, 0.3, (2, 8, SIDE, SIDE)).astype(np.float32),
        face_centres=rng.normal(-1, 2, (2, 1, SIDE, SIDE)).astype(np.float32),
        face_edges=rng.uniform(0, 0.3, (2, 4, SIDE, SIDE)).astype(np.float32),
    )
    one = read_maps(maps, BELIEVED)
    other = read_maps(HeadMaps(*(part[::-1] for part in maps)), BELIEVED)
    assert len(one) > 5 and "face" in one.kinds
    assert sorted(one.boxes_xyxy.round(9).tolist()) == sorted(mirror(other.boxes_xyxy).round(9).tolist())


def test_a_head_is_assumed_in_the_upper_middle_of_a_person() -> None:
    person = np.array([[0.2, 0.1, 0.4, 0.9]])
    # .65 of .2 of 300 pixels are 39, which are .195 of 200; half of .2 is .1.
    assert assumed_heads(person, (300, 200))[0] == pytest.approx([0.25, 0.1, 0.35, 0.295])
    lying = np.array([[0.1, 0.5, 0.9, 0.8]])
    assert assumed_heads(lying, (300, 200))[0] == pytest.approx(lying[0])


@pytest.fixture(scope="module")
def detector() -> OwnDetector:
    return OwnDetector()


def test_the_packaged_head_is_small_and_has_its_card() -> None:
    card = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    file = FOLDER / card["parts"]["subjects"]["file"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == card["parts"]["subjects"]["sha256"]
    assert {"summary", "data", "licence", "limits", "metrics", "training"} <= card.keys()
    # Both models together keep to the limit of what travels in the wheel.
    both = [one for folder in (FOLDER, packaged.FOLDER) for one in folder.glob("*.onnx")]
    assert sum(one.stat().st_size for one in both) <= 12_000_000


def test_the_astronaut_is_found(detector: OwnDetector) -> None:
    from PIL import Image

    found = detector.detect(np.asarray(Image.open(PHOTOS / "astronaut.jpg").convert("RGB")))
    person = main_person(found)
    assert person is not None
    assert iou_matrix([person], [[0.0, 0.0, 0.92, 1.0]])[0, 0] > 0.6


def test_a_cup_is_no_person(detector: OwnDetector) -> None:
    from PIL import Image

    found = detector.detect(np.asarray(Image.open(PHOTOS / "coffee.jpg").convert("RGB")), ("person", "face"))
    assert len(found) == 0


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_even_picture_holds_nobody(detector: OwnDetector, value: int) -> None:
    assert len(detector.detect(np.full((40, 60, 3), value, np.uint8), ("person", "face", "animal"))) == 0


def test_features_at_hand_give_what_the_pixels_give(detector: OwnDetector) -> None:
    from cadrage.photo import open_photo, photo_from_image

    model = load_model(packaged.folder())
    assert detector.reads(model)
    pixels = np.asarray(open_photo(PHOTOS / "astronaut.jpg").thumbnail(300), np.uint8)
    photo = photo_from_image(pixels)
    features = model.encode(photo.model_input(model.card.input.side), photo.size_wh).features
    ready, fresh = detector.detect_on(features), detector.detect(pixels)
    assert ready.kinds == fresh.kinds
    assert ready.boxes_xyxy == pytest.approx(fresh.boxes_xyxy)


def test_faces_come_with_people_only_when_asked(detector: OwnDetector) -> None:
    from cadrage.photo import open_photo

    pixels = np.asarray(open_photo(PHOTOS / "astronaut.jpg").thumbnail(300), np.uint8)
    assert "face" not in detector.detect(pixels, ("person",)).kinds
    faces, both = detector.detect(pixels, ("face",)), detector.detect(pixels, ("face", "person"))
    assert set(faces.kinds) == {"face"} and set(both.kinds) == {"face", "person"}
    # Her face, between hair and chin.
    assert iou_matrix(faces.boxes_xyxy[:1], [[0.33, 0.13, 0.55, 0.38]])[0, 0] > 0.5


def test_own_is_a_detector_by_name() -> None:
    assert isinstance(make_detector("own"), OwnDetector)


def copy_head(folder: Path, **changed: object) -> Path:
    folder.mkdir()
    card = json.loads((FOLDER / "card.json").read_text(encoding="utf-8")) | changed
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / "subjects.onnx").write_bytes((FOLDER / "subjects.onnx").read_bytes())
    return folder


def test_a_head_that_is_missing_or_altered_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"card\.json: cannot read"):
        OwnDetector(tmp_path)
    folder = copy_head(tmp_path / "altered")
    (folder / "subjects.onnx").write_bytes(b"something else")
    with pytest.raises(ModelError, match="damaged or altered"):
        OwnDetector(folder)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"parts": {}}, "not the card of a subject head"),
        ({"believed": {"person": 0.3}}, "person, face, animal, object"),
        ({"believed": {"person": 0.0, "animal": 0.3, "object": 0.3, "face": 0.3}}, "person, face, animal, object"),
        ({"trunk_sha256": "abc"}, "no usable file or trunk"),
        ({"parts": {"subjects": {"file": "../subjects.onnx", "sha256": "0" * 64}}}, "no usable file or trunk"),
    ],
)
def test_a_broken_card_is_told(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        OwnDetector(copy_head(tmp_path / "head", **changed))


def test_a_head_of_another_trunk_is_refused(tmp_path: Path) -> None:
    stranger = OwnDetector(copy_head(tmp_path / "head", trunk_sha256="0" * 64))
    assert not stranger.reads(load_model(packaged.folder()))
    with pytest.raises(ModelError, match="belongs to another trunk"):
        stranger.detect(np.zeros((20, 20, 3), np.uint8))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.full((2, 576, 14, 14), np.nan, np.float32), "numbers that are not finite for this photo"),
        (np.zeros((2, 5, 14, 14), np.float32), "own cannot look at this photo"),
    ],
)
def test_what_goes_wrong_with_one_photo_is_no_error_of_the_model(
    detector: OwnDetector, features: np.ndarray, message: str
) -> None:
    with pytest.raises(DetectionError, match=message) as caught:
        detector.detect_on(features)
    assert type(caught.value) is DetectionError and "\n" not in str(caught.value)


def test_a_head_that_does_not_start_is_an_error_of_the_model(tmp_path: Path) -> None:
    content = b"not a network"
    part = {"file": "subjects.onnx", "sha256": hashlib.sha256(content).hexdigest()}
    folder = copy_head(tmp_path / "head", parts={"subjects": part})
    (folder / "subjects.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="cannot run"):
        OwnDetector(folder).detect_on(np.zeros((2, 576, 14, 14), np.float32))
