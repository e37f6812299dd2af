"""Models that are told the main person: what reaches them, where it comes from, and what results say of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cadrage import Cropper
from cadrage.errors import ModelError, UsageError
from cadrage.geometry import mirror
from cadrage.inference.session import Look, Model, load_model
from cadrage.inference.subjects.detector import KINDS, ExternalDetector, Kind, NoDetector, Subjects
from cadrage.inference.subjects.person import MANIFEST, MainPerson, marked_person

SIDE = 28
PERSON = (0.25, 0.1, 0.5, 0.9)
BOXES = np.array([[0.1, 0.0, 0.6, 1.0], [0.3, 0.2, 0.9, 0.7], [0.0, 0.0, 1.0, 1.0]])


class Counting:
    """Finds one person and counts how often it is asked."""

    name = "counting"

    def __init__(self, boxes: Any = PERSON, kind: Kind = "person") -> None:
        self.boxes = np.array(boxes, np.float64).reshape(-1, 4)
        self.kind = kind
        self.asked: list[tuple[Kind, ...]] = []

    def detect(self, photo_pixels: np.ndarray, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        self.asked.append(kinds)
        count = len(self.boxes)
        return Subjects(self.boxes, (self.kind,) * count, np.ones(count), self.name).of(*kinds)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def encoded(folder: Path, image: np.ndarray | None = None) -> Look:
    return load_model(folder, threads=1).encode(noise() if image is None else image, (300, 200))


def left_of(boxes: np.ndarray, person: tuple[float, ...] | None) -> np.ndarray:
    """What the model scores: x1 of the box minus that of the person, in the mean of both views."""
    both = [boxes, mirror(boxes)]
    if person is None:
        return np.mean([each[:, 0] for each in both], axis=0)
    box = np.array([person])
    return np.mean([each[:, 0] - at[0, 0] for each, at in zip(both, (box, mirror(box)), strict=True)], axis=0)


def edit_card(folder: Path, **fields: Any) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | fields))


@pytest.mark.parametrize("person", [None, PERSON, (0.0, 0.0, 1.0, 1.0)])
def test_the_mirror_image_is_told_the_mirrored_person(person_model: Path, person: tuple[float, ...] | None) -> None:
    scores = encoded(person_model).score(BOXES, person)
    np.testing.assert_allclose(scores, left_of(BOXES, person), atol=1e-6)


def test_boxes_are_scored_as_many_at_a_time_as_the_card_says(
    person_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, boxes = encoded(person_model), np.tile(BOXES, (6, 1))[:16]
    counts: list[int] = []
    real_run = Model.run

    def counted(self: Model, part: str, outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        counts.append(inputs["boxes"].shape[1])
        return real_run(self, part, outputs, inputs)

    monkeypatch.setattr(Model, "run", counted)
    np.testing.assert_allclose(photo.score(boxes, PERSON), left_of(boxes, PERSON), atol=1e-6)
    assert counts == [7, 7, 2]


def test_importance_is_the_mean_of_photo_and_mirror_image(person_model: Path) -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:4, :4, 0] = 255  # the first of 7x7 cells
    photo = encoded(person_model, image)
    expected = np.zeros((7, 7))
    expected[0, 0] = 0.5
    np.testing.assert_allclose(photo.importance(), expected, atol=1e-6)
    np.testing.assert_allclose(photo.importance(PERSON), expected + 0.5, atol=1e-6)


def test_importance_outside_its_range_is_refused(person_model: Path) -> None:
    photo = encoded(person_model)
    negative = Look(photo.model, -photo.features, photo.size_wh)
    with pytest.raises(ModelError, match="its importance is no map from 0 to 1; export the model again"):
        negative.importance()


@pytest.mark.parametrize("person", [(-0.3, -0.1, 0.4, 2.0), (0.0, 0.0, 0.4, 1.0)])
def test_what_reaches_beyond_the_photo_does_not_count(person_model: Path, person: tuple[float, ...]) -> None:
    np.testing.assert_allclose(
        encoded(person_model).score(BOXES, person), left_of(BOXES, (0.0, 0.0, 0.4, 1.0)), atol=1e-6
    )


@pytest.mark.parametrize(
    ("person", "complaint"),
    [
        ((1.2, 0.1, 1.5, 0.9), r"nothing of \(1.2, 0.1, 1.5, 0.9\) is on the photo"),
        ((0.1, 1.0, 0.3, 1.4), "nothing of"),
        ((0.5, 0.1, 0.2, 0.9), "x1 < x2 and y1 < y2"),
        ((0.5, 0.1, 0.5, 0.9), "x1 < x2 and y1 < y2"),
        ((np.nan, 0.1, 0.5, 0.9), "expected one box"),
        ((0.1, 0.1, 0.5), "expected one box"),
        ([PERSON, PERSON], "expected one box"),
        ("me", "expected a box x1 y1 x2 y2, 'auto' or None"),
        (["a", 1], "expected one box"),
    ],
)
def test_a_person_that_is_no_box_on_the_photo_is_refused_in_one_line(
    person_model: Path, person: Any, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        Cropper(person_model, detector="none").suggest(noise(), person=person)
    assert "\n" not in str(caught.value)


def test_a_model_that_knows_no_persons_says_so(model_folder: Path) -> None:
    with pytest.raises(ModelError, match="knows no persons; leave the person out, or use one that does"):
        encoded(model_folder).score(BOXES, PERSON)


def test_a_model_without_importance_says_so(model_folder: Path) -> None:
    with pytest.raises(ModelError, match="has no importance map; use one that has, such as human-centric"):
        encoded(model_folder).importance()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"persons": "yes"}, "expected persons to be true or false, got 'yes'"),
        ({"persons": 1}, "expected persons to be true or false, got 1"),
        ({"chunk": 0}, "expected chunk to be a whole number from 1 to 65536, got 0"),
        ({"chunk": True}, "expected chunk to be a whole number"),
        ({"chunk": 1e3}, "expected chunk to be a whole number"),
    ],
)
def test_a_bad_card_is_refused(person_model: Path, fields: dict[str, Any], complaint: str) -> None:
    edit_card(person_model, **fields)
    with pytest.raises(ModelError, match=complaint):
        load_model(person_model)


def test_a_map_alone_is_no_model(person_model: Path) -> None:
    card = json.loads((person_model / "card.json").read_text())
    del card["parts"]["evaluator"]
    edit_card(person_model, parts=card["parts"])
    with pytest.raises(ModelError, match=r"lacks parts\.proposer"):
        load_model(person_model)


def test_the_detector_finds_whom_the_model_is_told_of(person_model: Path) -> None:
    detector = Counting()
    cropper = Cropper(person_model, detector=detector)
    found = cropper.suggest(noise(), n=2)
    np.testing.assert_allclose(cropper.score(noise(), BOXES), left_of(BOXES, PERSON), atol=1e-6)
    assert found.person == {
        "box": {"x": 7, "y": 3, "width": 7, "height": 22},
        "box_norm": list(PERSON),
        "source": "counting",
    }
    assert detector.asked == [("person", "face")] * 2
    # Whom nobody asked to keep is no rule of the crops.
    assert found.subjects == ()


def test_a_photo_is_looked_at_once_however_much_is_asked(person_model: Path) -> None:
    detector = Counting()
    photo = Cropper(person_model, detector=detector).encode(noise())
    photo.suggest(ratio=["free", "1:1"], n=3)
    photo.score(BOXES)
    assert len(detector.asked) == 1


def test_the_caller_knows_better_than_the_detector(person_model: Path) -> None:
    detector = Counting()
    cropper = Cropper(person_model, detector=detector)
    mine = (0.5, 0.5, 0.75, 1.0)
    np.testing.assert_allclose(cropper.score(noise(), BOXES, person=mine), left_of(BOXES, mine), atol=1e-6)
    np.testing.assert_allclose(cropper.score(noise(), BOXES, person=None), left_of(BOXES, None), atol=1e-6)
    given = cropper.suggest(noise(), person=mine, people_aware=False).person
    assert given is not None and given["source"] == "external"
    assert cropper.suggest(noise(), person=None, people_aware=False).person is None
    assert detector.asked == []


def test_several_persons_are_one_subject(person_model: Path) -> None:
    two = ExternalDetector([[0.1, 0.2, 0.4, 0.9], [0.5, 0.2, 0.8, 0.8]])
    found = Cropper(person_model, detector=two).suggest(noise())
    assert found.person is not None and found.person["box_norm"] == [0.1, 0.2, 0.8, 0.9]


@pytest.mark.parametrize("detector", [NoDetector(), Counting(np.empty((0, 4))), ExternalDetector([PERSON], "animal")])
def test_finding_nobody_is_no_error(person_model: Path, detector: Any) -> None:
    cropper = Cropper(person_model, detector=detector)
    assert cropper.suggest(noise()).person is None
    np.testing.assert_allclose(cropper.score(noise(), BOXES), left_of(BOXES, None), atol=1e-6)


def test_a_person_over_the_whole_photo_is_a_person(person_model: Path) -> None:
    found = Cropper(person_model, detector=ExternalDetector([[0, 0, 1, 1]])).suggest(noise())
    assert found.person is not None and found.person["box_norm"] == [0, 0, 1, 1]


def test_other_models_look_for_nobody(model_folder: Path) -> None:
    detector = Counting()
    found = Cropper(model_folder, detector=detector).suggest(noise(), people_aware=False)
    assert (found.person, found.model.reason, detector.asked) == (None, None, [])
    assert found.to_dict()["person"] is None and found.to_dict()["model"]["reason"] is None


def test_a_missing_detector_names_the_way_out(person_model: Path) -> None:
    with pytest.raises(UsageError, match="no detector 'eyes'; there are own, none"):
        Cropper(person_model, detector="eyes").suggest(noise())


def test_the_small_ones_of_own_are_not_found_through_their_faces(
    person_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Counting()
    detector.name = "own"
    Cropper(person_model, detector=detector).suggest(noise(), people_aware=False)
    assert detector.asked == [("person",)]


def test_features_kept_from_an_earlier_look_need_the_photo_for_its_person(
    person_model: Path, photo_file: Path, red_at: Callable[..., np.ndarray]
) -> None:
    cropper = Cropper(person_model, detector=Counting())
    first = cropper.encode(photo_file)
    again = cropper.encode(photo_file, features=first.features)
    np.testing.assert_array_equal(again.score(BOXES), first.score(BOXES))


@pytest.mark.parametrize("person", [(0.9, 0.9, 0.95, 0.95), (0.0, 0.0, 0.05, 0.05)])
def test_every_crop_shows_something_of_the_main_person(person_model: Path, person: tuple[float, ...]) -> None:
    # The model likes boxes far to the right of the person best, and so small a person is soon left out.
    cropper = Cropper(person_model, detector="none")
    missing = 0
    for ratio in ("free", "16:9", "9:16"):
        alone, told = (cropper.suggest(noise(), ratio, 5, person=whom) for whom in (None, person))
        assert told.flags == ()
        assert (part_shown(told.xyxyn, person) >= 0.1 - 1e-9).all()
        missing += int((part_shown(alone.xyxyn, person) < 0.1).sum())
    assert missing, "without the rule nothing would be missed, so this tests nothing"


def test_where_the_person_cannot_be_shown_the_result_says_so_and_strict_does_not_mind(person_model: Path) -> None:
    left, right = (0.0, 0.0, 0.1, 1.0), (0.6, 0.0, 1.0, 1.0)
    cropper = Cropper(person_model, detector="none")
    found = cropper.suggest(noise(), "9:16", 1, keep=right, person=left, strict=True)
    assert found.flags == ("misses_person",)
    assert found.best.flags == ("misses_person",)
    assert found.warnings == ("ratio 9:16: no crop can show a tenth of the main person",)
    assert cropper.suggest(noise(), "9:16", 1, keep=right, person=None).flags == ()


def test_no_photo_fails_for_the_person_that_nobody_asked_to_show(person_model: Path) -> None:
    cropper, person = Cropper(person_model, detector="none"), (0.0, 0.0, 0.05, 0.05)
    asked = {"ratio": "16:9", "n": 12, "diversity": 0.5, "max_area": 0.4}
    alone = cropper.suggest(noise(), person=None, **asked)
    told = cropper.suggest(noise(), person=person, **asked)
    assert alone.flags == () and told.flags == ("fewer_than_asked",), "otherwise this tests nothing"
    strict = cropper.suggest(noise(), person=person, strict=True, **asked)
    assert len(strict.crops) == 12 and strict.flags == ("misses_person",)
    missed = part_shown(strict.xyxyn, person) < 0.1
    assert 0 < missed.sum() < 12 and strict.warnings[0].startswith(f"ratio 16:9: {missed.sum()} of 12 crops show less")
    assert [crop.flags for crop in strict.crops] == [("misses_person",) if each else () for each in missed]


def test_models_that_know_no_persons_may_leave_them_out(model_folder: Path) -> None:
    cropper = Cropper(model_folder)
    person = (0.97, 0.97, 1.0, 1.0)
    assert cropper.suggest(noise(), person=person).crops == cropper.suggest(noise()).crops


def part_shown(crops_xyxy: np.ndarray, person: tuple[float, ...]) -> np.ndarray:
    box = np.array(person)
    sides = np.minimum(crops_xyxy[:, 2:], box[2:]) - np.maximum(crops_xyxy[:, :2], box[:2])
    return np.maximum(sides, 0).prod(axis=1) / (box[2:] - box[:2]).prod()


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ([], None),
        ([(0.1, 0.1, 0.12, 0.12)], (0.1, 0.1, 0.12, 0.12)),  # however small, it was marked on purpose
        ([(0.1, 0.2, 0.4, 0.9), (0.5, 0.2, 0.8, 0.8)], (0.1, 0.2, 0.8, 0.9)),
        ([(0.9, 0.9, 0.95, 0.95), (0.2, 0.1, 0.7, 0.9)], (0.2, 0.1, 0.7, 0.9)),
        ([(0.9, 0.9, 0.95, 0.95), (0.1, 0.1, 0.15, 0.15)], (0.9, 0.9, 0.95, 0.95)),
        ([(0.0, 0.0, 1.0, 1.0)], (0.0, 0.0, 1.0, 1.0)),
    ],
)
def test_of_marked_persons_the_main_one_is_found(marked: list, expected: tuple[float, ...] | None) -> None:
    found = marked_person(np.array(marked, np.float64).reshape(-1, 4))
    assert found == (None if expected is None else MainPerson(expected, MANIFEST))


def test_a_person_that_was_found_before_keeps_its_source(person_model: Path) -> None:
    photo = Cropper(person_model, detector=Counting()).encode(noise(), person=MainPerson(PERSON, MANIFEST))
    assert photo.person == MainPerson(PERSON, MANIFEST)
    np.testing.assert_allclose(photo.score(BOXES), left_of(BOXES, PERSON), atol=1e-6)
