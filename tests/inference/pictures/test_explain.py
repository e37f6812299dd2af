"""Explanations: what crops keep of a map, worked out by hand, and pictures and pages that show it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadrage import Cropper
from cadrage.errors import ModelError, OutputError, UsageError
from cadrage.inference.explain import (
    Explanation,
    ImportanceMap,
    Kept,
    SeenSubject,
    explanation,
    map_of_proposals,
    mass_inside,
    predicted_map,
)
from cadrage.inference.pictures import explain_page as explain_html
from cadrage.inference.pictures import explain_picture
from cadrage.inference.results import Suggestions
from cadrage.inference.selection.task import CropDistribution
from cadrage.inference.subjects.detector import ExternalDetector, NoDetector, Subjects, nothing

PERSON = (0.25, 0.1, 0.5, 0.9)
WHOLE = (0.0, 0.0, 1.0, 1.0)


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)


@pytest.fixture
def suggestions(model_folder: Path, photo: np.ndarray) -> Suggestions:
    return Cropper(model_folder, detector="none").suggest(photo, n=3)


def halves(values: tuple[float, float] = (1.0, 0.0)) -> np.ndarray:
    """A map with one value on the left half and one on the right."""
    return np.repeat(np.array([values]), 32, axis=1).repeat(64, axis=0)


def item(photo: np.ndarray, suggestions: Suggestions, importance: ImportanceMap) -> explain_html.Item:
    return Image.fromarray(photo), suggestions, explanation(importance, suggestions.crops, nothing("none"))


def drawable(item: explain_html.Item) -> explain_picture.Item:
    image, suggestions, explained = item
    return image, suggestions.crops, suggestions.caption, explained


@pytest.mark.parametrize(
    ("box", "share"),
    [
        (WHOLE, 1.0),
        ((0.0, 0.0, 0.5, 1.0), 1.0),
        ((0.5, 0.0, 1.0, 1.0), 0.0),
        ((0.25, 0.0, 0.75, 0.5), 0.25),
        # A part of a cell counts by its area: 1/128 is half a column of cells.
        ((0.0, 0.0, 1 / 128, 1.0), 1 / 64),
    ],
)
def test_the_share_of_a_map_by_hand(box: tuple[float, float, float, float], share: float) -> None:
    assert mass_inside(halves(), box) == pytest.approx(share)


def test_a_crop_and_what_it_discards_make_the_whole() -> None:
    values = np.random.default_rng(1).random((64, 64))
    left, right = mass_inside(values, (0, 0, 0.37, 1)), mass_inside(values, (0.37, 0, 1, 1))
    assert left is not None and right is not None and left + right == pytest.approx(1)


def test_mirrored_maps_and_boxes_share_alike() -> None:
    values = np.random.default_rng(2).random((64, 48))
    assert mass_inside(values[:, ::-1], (0.2, 0.1, 0.7, 0.9)) == pytest.approx(
        mass_inside(values, (0.3, 0.1, 0.8, 0.9))
    )


def test_of_a_constant_map_a_crop_keeps_its_area_and_of_nothing_nothing() -> None:
    assert mass_inside(np.full((64, 64), 0.3), (0.1, 0.2, 0.6, 0.8)) == pytest.approx(0.3)
    assert mass_inside(np.zeros((64, 64)), WHOLE) is None


def test_proposals_make_the_map_of_how_often_a_place_is_kept() -> None:
    boxes, weights = np.array([[0, 0, 0.5, 1], [0.25, 0, 1, 1.0]]), np.array([0.25, 0.75])
    values = map_of_proposals(CropDistribution(boxes, weights), "default").values
    assert values.shape == (64, 64)
    np.testing.assert_allclose(values[:, :16], 0.25)
    np.testing.assert_allclose(values[:, 16:32], 1.0)
    np.testing.assert_allclose(values[:, 32:], 0.75)


def test_the_map_of_proposals_says_what_the_result_says(model_folder: Path, photo: np.ndarray) -> None:
    encoded = Cropper(model_folder, detector="none").encode(photo)
    found = encoded.suggest(n=4, ratio=["free", "1:1"])
    explained = encoded.explain(found)
    assert [kept.importance for kept in explained.crops] == [crop.importance_fraction for crop in found]
    for crop in found:
        assert mass_inside(explained.importance.values, crop.box_norm) == pytest.approx(
            crop.importance_fraction, abs=0.01
        )


def test_a_network_s_own_map_is_used_where_there_is_one(person_model: Path, photo: np.ndarray) -> None:
    encoded = Cropper(person_model, detector=ExternalDetector([PERSON])).encode(photo)
    explained = encoded.explain(encoded.suggest(n=2))
    assert explained.importance.learned and explained.importance.values.shape == (7, 7)
    # The tiny model adds a half where there is a person.
    assert explained.importance.values.min() >= 0.5
    assert explained.subjects == (SeenSubject("person", PERSON),)


def test_only_what_the_result_says_too_is_called_importance(
    model_folder: Path, person_model: Path, photo: np.ndarray
) -> None:
    for folder, called in ((model_folder, "importance"), (person_model, "the map")):
        encoded = Cropper(folder, detector="none").encode(photo)
        found = encoded.suggest(n=1)
        explained = encoded.explain(found)
        percent = round(100 * (explained.crops[0].importance or 0))
        assert explained.about(0)[0] == f"keeps {percent} % of {called}, loses {100 - percent} %"


def test_the_map_is_that_of_the_photo_with_its_main_person(person_model: Path, photo: np.ndarray) -> None:
    for person in (None, PERSON):
        encoded = Cropper(person_model, detector="none").encode(photo, person=person)
        values = encoded.importance()
        assert values.shape == (7, 7) and values.min() >= (0 if person is None else 0.5) and values.max() <= 1
        # Red and half of it, by the tiny model; the mean over photo and mirror image gives the same mean.
        red = photo[..., 0].mean() / 255
        assert values.mean() == pytest.approx(red / 2 + (0 if person is None else 0.5), abs=0.01)
        np.testing.assert_array_equal(values, encoded.explain(encoded.suggest(n=1)).importance.values)


def test_a_model_without_a_map_gives_none(model_folder: Path, photo: np.ndarray) -> None:
    with pytest.raises(ModelError, match="has no importance map; use one that has, such as human-centric"):
        Cropper(model_folder).encode(photo).importance()


def test_crops_of_another_photo_or_model_are_refused(model_folder: Path, person_model: Path, photo: np.ndarray) -> None:
    encoded = Cropper(model_folder, detector="none").encode(photo)
    for other in (Cropper(model_folder).suggest(photo[::-1]), Cropper(person_model, detector="none").suggest(photo)):
        with pytest.raises(UsageError, match="crops of this very photo and model"):
            encoded.explain(other)


def test_a_model_with_neither_map_nor_proposals_names_those_that_have(scorer_folder: Path, photo: np.ndarray) -> None:
    cropper = Cropper(scorer_folder, detector="none")
    encoded = cropper.encode(photo)
    with pytest.raises(ModelError, match="human-centric or global-attention, or one that proposes") as caught:
        encoded.explain(encoded.suggest(n=1))
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="cannot explain its crops"):
        cropper.expect_explanations()


def test_what_a_crop_keeps_in_words() -> None:
    seen = tuple(SeenSubject(name, PERSON) for name in ("person A", "animal A", "person B", "kept box", "animal B"))
    explained = Explanation(
        predicted_map(halves(), "m"), seen, (Kept(0.866, (1.0, 0.64, 0.99, 0.0, 0.01)), Kept(None, (0.0,) * 5))
    )
    assert explained.about(0) == (
        "keeps 87 % of the map, loses 13 %",
        "keeps person A, person B",
        "cuts animal A (64 % kept)",
        "leaves out kept box, animal B",
    )
    assert explained.about(1)[0] == "no importance anywhere on this photo"


def test_subjects_and_the_caller_s_boxes_are_both_looked_at(model_folder: Path, photo: np.ndarray) -> None:
    found = Cropper(model_folder, detector="none").suggest(photo, n=1, keep=[0.6, 0.6, 0.7, 0.7])
    box = found.best.box_norm
    # One inside of the crop, one with as much on either side of its left edge.
    assert box[2] - box[0] > 0.5
    beside = (box[2] - 0.3, box[1], box[2] - 0.1, box[3])
    cut = (0.0, box[1], 2 * box[0], box[3])
    subjects = Subjects(np.array([beside, cut]), ("animal", "animal"), np.ones(2), "mine")
    explained = explanation(predicted_map(halves(), "m"), found.crops, subjects, found.request.keep_xyxy)
    assert [seen.label for seen in explained.subjects] == ["animal A", "animal B", "kept box"]
    assert explained.crops[0].subjects == pytest.approx((1.0, 0.5, 1.0))


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_flat_map_is_told_and_drawn_as_it_is(photo: np.ndarray, suggestions: Suggestions, level: float) -> None:
    importance = predicted_map(np.full((64, 64), level), "m")
    assert importance.is_flat and "the same everywhere and explains nothing" in importance.says
    grey = np.asarray(explain_picture.overlay(Image.fromarray(photo), importance))
    assert (grey == grey[..., :1]).all()
    drawn = item(photo, suggestions, importance)
    assert explain_picture.draw_explanation(*drawable(drawn)).width == 1200
    text = explain_html.page([drawn])
    assert "explains nothing" in text and "matters least" not in text
    assert explain_picture.explained_sheet([drawable(drawn)] * 2).width > 600


def test_both_kinds_of_map_say_that_they_measure_nobody_s_eyes(model_folder: Path, photo: np.ndarray) -> None:
    learned, made = predicted_map(halves(), "human-centric"), ImportanceMap(halves(), False, "default")
    assert "learned by human-centric" in learned.says and "not a measurement of where people look" in learned.says
    assert "How often the crops proposed by default" in made.says and "Not a measurement" in made.says


def test_the_map_is_stretched_to_the_photo_and_its_left_stays_left() -> None:
    white = Image.new("RGB", (320, 80), (255, 255, 255))
    picture = np.asarray(explain_picture.overlay(white, predicted_map(halves((1.0, 0.2)), "m")))
    assert picture.shape == (80, 320, 3)
    np.testing.assert_array_equal(picture[40, 5], explain_picture.RAMP[-1])
    np.testing.assert_array_equal(picture[40, 315], explain_picture.RAMP[0])


def test_colours_get_lighter_with_importance_on_any_grey() -> None:
    values = np.linspace(0, 1, 64)[None].repeat(64, axis=0)
    for grey in (0, 128, 255):
        photo = Image.new("RGB", (64, 64), (grey,) * 3)
        light = np.asarray(explain_picture.overlay(photo, predicted_map(values, "m")).convert("L"), float)[32]
        assert (np.diff(light) >= -1).all() and light[-1] > light[0] + 40


def test_inside_a_crop_the_photo_is_untouched(photo: np.ndarray) -> None:
    image = Image.fromarray(photo)
    covered = explain_picture.overlay(image, predicted_map(halves(), "m"))
    picture = np.asarray(explain_picture.left_behind(image, covered, (30, 20, 200, 150)))
    np.testing.assert_array_equal(picture[20:150, 30:200], photo[20:150, 30:200])
    np.testing.assert_array_equal(picture[:20], np.asarray(covered)[:20])


def test_a_page_needs_nothing_else_and_trusts_no_name(photo: np.ndarray, suggestions: Suggestions) -> None:
    nasty = replace(suggestions, image=replace(suggestions.image, path='"><img src=x onerror=alert(1)>.jpg'))
    subjects = Subjects(np.array([PERSON]), ("person",), np.ones(1), "mine")
    explained = explanation(predicted_map(halves(), "<b>m</b>"), nasty.crops, subjects)
    text = explain_html.page([(Image.fromarray(photo), nasty, explained)])
    assert "<script" not in text and "<img src=x" not in text and "<b>m</b>" not in text
    assert set(re.findall(r'(?:src|href)="(\w+):', text)) == {"data"}
    assert text.count('class="subject"') == 1 and text.count('class="card ') == len(suggestions)
    assert "keeps" in text and "loses" in text
    assert text == explain_html.page([(Image.fromarray(photo), nasty, explained)])


@pytest.mark.parametrize("count", [1, 2, 7])
def test_files_are_written_whole_and_not_over_others(
    photo: np.ndarray, suggestions: Suggestions, tmp_path: Path, count: int
) -> None:
    items = [item(photo, suggestions, predicted_map(halves(), "m"))] * count

    def write_png(path: Path, items: list[explain_html.Item]) -> None:
        explain_picture.write_png(path, [drawable(each) for each in items])

    for name, write in (("a.png", write_png), ("a.html", explain_html.write_html)):
        write(tmp_path / name, items)
        before = (tmp_path / name).read_bytes()
        with pytest.raises(OutputError, match="exists"):
            write(tmp_path / name, items)
        assert (tmp_path / name).read_bytes() == before
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "RGB"


@pytest.mark.parametrize("size_wh", [(3, 1600), (1600, 3)])
def test_a_photo_like_a_line_is_drawn_wide_enough_to_see_its_map(
    model_folder: Path, size_wh: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrowest: list[int] = []
    real = explain_picture.overlay

    def measured(image: Image.Image, importance: ImportanceMap) -> Image.Image:
        narrowest.append(min(image.size))
        return real(image, importance)

    monkeypatch.setattr(explain_picture, "overlay", measured)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size_wh[::-1], 3), np.uint8))
    found = Cropper(model_folder, detector="none").suggest(image, n=2)
    drawn = drawable((image, found, explanation(predicted_map(halves(), "m"), found.crops, nothing("none"))))
    assert explain_picture.draw_explanation(*drawn).width == 1200
    explain_picture.explained_sheet([drawn, drawn])
    assert narrowest == [24] * 4, "large, with what each crop discards, and two tiles"


def test_a_photo_with_many_crops_and_ratios_is_drawn(model_folder: Path, photo: np.ndarray) -> None:
    encoded = Cropper(model_folder, detector=NoDetector()).encode(photo)
    found = encoded.suggest(n=9, ratio=["free", "1:1", "16:9"])
    picture = explain_picture.draw_explanation(*drawable((Image.fromarray(photo), found, encoded.explain(found))))
    assert picture.width == 1200
