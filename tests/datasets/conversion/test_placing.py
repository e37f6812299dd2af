from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cadrage.datasets.conversion.placing import place, row_text, turned
from cadrage.datasets.conversion.raw import RawPair, RawPhoto
from cadrage.photo import Photo, open_photo
from cadrage.photo.orientation import stored_box

SIZE = (1000, 600)


def raw(*boxes: object, **changes: object) -> RawPhoto:
    boxes_px = np.array(boxes, float).reshape(-1, 4)
    settings: dict = {"size_wh": SIZE, "boxes_xyxy_px": boxes_px, "scores": np.arange(1.0, len(boxes_px) + 1)} | changes
    return RawPhoto("a.jpg", "list.json, entry 1", **settings)


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., Photo]:
    def make(stored_wh: tuple[int, int], orientation: int = 1) -> Photo:
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", stored_wh).save(tmp_path / "a.jpg", exif=exif)
        return open_photo(tmp_path / "a.jpg")

    return make


def crops(placed) -> list:
    return [crop["box"] for crop in placed.row["crops"]]


@given(st.data())
def test_pixel_boxes_are_recovered_exactly(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(2, 20_000)), data.draw(st.integers(2, 20_000))
    x1, y1 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = [x1, y1, data.draw(st.integers(x1 + 1, width)), data.draw(st.integers(y1 + 1, height))]
    placed = place(raw(box, size_wh=(width, height)), None)
    back = np.array(crops(placed)) * [width, height, width, height]
    np.testing.assert_array_equal(np.round(back), [box])
    assert np.abs(back - box).max() < 0.01 and placed.counts == {}


def test_a_row_is_complete():
    pairs = (RawPair(np.array([[0, 0, 500, 300], [500, 300, 1000, 600]], float), 3, 2),)
    source = {"dataset": "mine", "flickr_photo_id": 7}
    placed = place(
        raw([100, 60, 900, 600], pairs=pairs, persons_xyxy_px=np.array([[0, 0, 1, 600.0]]), split="dev", source=source),
        None,
    )
    assert placed.row == {
        "file_name": "images/a.jpg",
        "width": 1000,
        "height": 600,
        "crops": [{"box": [0.1, 0.1, 0.9, 1.0], "score": 1.0}],
        "pairs": [{"a": [0.0, 0.0, 0.5, 0.5], "b": [0.5, 0.5, 1.0, 1.0], "votes_a": 3, "votes_b": 2}],
        "persons": [[0.0, 0.0, 0.001, 1.0]],
        "source": source | {"width": 1000, "height": 600},
    }
    assert placed.split == "dev" and placed.left_out is None


@pytest.mark.parametrize(
    ("box", "count"),
    [
        ([-10, 0, 1000, 606], "box-clipped"),
        ([0, -6, 1010, 600], "box-clipped"),
        ([-11, 0, 1000, 600], "crop-outside"),
        ([0, 0, 1000, 607], "crop-outside"),
        ([5, 5, 5, 9], "crop-empty"),
        ([9, 5, 5, 9], "crop-empty"),
        # Inside the tolerance, but nothing of it on the photo.
        ([-9, 5, 0, 9], "crop-empty"),
    ],
)
def test_boxes_at_the_border_are_clipped_or_dropped_and_counted(box, count):
    good = [[0, 0, 10, 10]] * 4
    placed = place(raw(*good, box), None)
    assert placed.counts == {count: 1}
    assert len(placed.row["crops"]) == (5 if count == "box-clipped" else 4)
    kept = np.array(crops(placed))
    assert kept.min() >= 0 and kept.max() <= 1
    # Every crop keeps its own score.
    assert [crop["score"] for crop in placed.row["crops"]] == [1.0, 2.0, 3.0, 4.0, 5.0][: len(kept)]


def test_two_pixels_are_tolerated_on_the_smallest_photo():
    placed = place(raw([-2, 0, 42, 30], size_wh=(40, 30)), None)
    assert placed.counts == {"box-clipped": 1} and crops(placed) == [[0, 0, 1, 1]]


def test_a_pair_with_one_bad_view_is_dropped_whole():
    good, outside, empty = [0, 0, 10, 10], [0, 0, 2000, 10], [5, 5, 5, 5]
    # Clipping what is dropped afterwards counts for nothing.
    over = [-1, 0, 10, 10]
    pairs = tuple(RawPair(np.array(views, float), 1, 1) for views in ([good, good], [over, outside], [empty, good]))
    persons = np.array([good, [0, 0, 10, 700], empty], float)
    placed = place(raw(*[good] * 4, pairs=pairs, persons_xyxy_px=persons), None)
    assert len(placed.row["pairs"]) == len(placed.row["persons"]) == 1
    assert placed.counts == {"pair-outside": 1, "pair-empty": 1, "person-outside": 1, "person-empty": 1}


@pytest.mark.parametrize(("outside", "left_out"), [(1, None), (2, "boxes-beyond-photo")])
def test_a_quarter_of_the_boxes_outside_means_another_photo(outside, left_out):
    boxes = [[0, 0, 2000, 1200]] * outside + [[0, 0, 10, 10]] * (6 - outside)
    placed = place(raw(*boxes), None)
    assert (placed.left_out and placed.left_out.reason) == left_out
    assert (placed.misfit and placed.misfit.times) == (2.0 if left_out else None)


def test_without_a_usable_crop_the_photo_is_left_out_and_its_losses_stay_counted():
    placed = place(raw([5, 5, 5, 9], counts={"crop-unrated": 3}), None)
    assert placed.left_out.reason == "no-crops-left" and "none of the 4 crops" in placed.left_out.text
    assert placed.counts == {"crop-unrated": 3, "crop-empty": 1}


def test_pairs_alone_are_enough_unless_there_was_a_crop():
    pairs = (RawPair(np.array([[0, 0, 10, 10]] * 2, float), 1, 1),)
    assert place(raw(pairs=pairs), None).row["crops"] == []
    assert place(raw([5, 5, 5, 9], pairs=pairs), None).left_out.reason == "no-crops-left"


def test_a_size_that_nothing_tells_leaves_the_photo_out():
    placed = place(raw([0, 0, 1, 1], size_wh=None), None)
    assert placed.left_out.reason == "unknown-size" and placed.left_out.text.startswith("list.json, entry 1: ")


@pytest.mark.parametrize(("stated", "fits"), [((1000, 600), True), ((1002, 598), True), ((1003, 600), False)])
def test_another_size_than_the_annotated_one_leaves_the_photo_out(photo, stated, fits):
    placed = place(raw([0, 0, 10, 10], size_wh=stated), photo(SIZE))
    assert (placed.left_out is None) == fits
    if fits:
        assert (placed.row["width"], placed.row["height"]) == SIZE
    else:
        assert placed.left_out.reason == "other-size" and not placed.misfit.swapped_fits


def test_the_transposed_size_means_swapped_coordinates(photo):
    placed = place(raw([0, 0, 10, 10], size_wh=SIZE[::-1]), photo(SIZE))
    assert placed.left_out.reason == "other-size" and placed.misfit.swapped_fits


@given(st.integers(1, 8), st.data())
def test_turned_boxes_undo_stored_ones(orientation: int, data: st.DataObject) -> None:
    size_wh = (300, 400)
    x1, y1 = data.draw(st.integers(0, 299)), data.draw(st.integers(0, 399))
    box = (x1, y1, data.draw(st.integers(x1, 300)), data.draw(st.integers(y1, 400)))
    stored = stored_box(box, size_wh, orientation)
    assert turned(np.array([stored], float), size_wh, orientation).tolist() == [[*map(float, box)]]


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_on_the_stored_pixels_are_turned_with_the_photo(photo, orientation):
    box = (50, 100, 550, 950)
    stored = stored_box(box, (600, 1000), orientation)
    # The first box fits the stored size alone, which tells for all of them.
    whole = (0, 0, 1000, 600)
    placed = place(raw(whole, stored, size_wh=None), photo((1000, 600), orientation))
    assert (placed.row["width"], placed.row["height"]) == (600, 1000)
    np.testing.assert_allclose(np.array(crops(placed)) * [600, 1000, 600, 1000], [[0, 0, 600, 1000], box], atol=1e-3)
    assert placed.counts == {"photo-turned": 1}


def test_boxes_that_fit_the_upright_photo_stay(photo):
    placed = place(raw([0, 0, 550, 950], size_wh=None), photo((1000, 600), 6))
    assert crops(placed) == [[0, 0, 0.9166667, 0.95]] and placed.counts == {}


@pytest.mark.parametrize(("stated", "turns"), [((1000, 600), 1), ((600, 1000), 0)])
def test_the_stated_size_tells_whether_boxes_are_turned(photo, stated, turns):
    placed = place(raw([0, 0, 500, 500], size_wh=stated), photo((1000, 600), 6))
    assert placed.counts.get("photo-turned", 0) == turns


def test_names_that_are_not_text_survive_in_a_row():
    assert row_text({"file_name": "名.jpg"}) == '{"file_name":"名.jpg"}'.encode()
    assert row_text({"file_name": "\udcff.jpg"}) == rb'{"file_name":"\udcff.jpg"}'
