"""The whole photo as a crop: asked for, it competes; a model that learned from no such crop says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadrage import Cropper
from cadrage.geometry import area, contains, intersects, iou_matrix, largest_size, mirror, parse_ratio
from cadrage.geometry.pixels import nearest_size
from cadrage.inference.request import Request
from cadrage.inference.selection.candidates import fixed_ratio_pool
from cadrage.inference.selection.crop import WHOLE_PHOTO_UNRATED
from cadrage.inference.selection.framing import Framed, frame
from cadrage.inference.selection.rules import Rules, rules_for
from cadrage.inference.selection.task import CropDistribution, SelectionSettings, Task

SIZE = (1000, 667)
WHOLE = (0.0, 0.0, 1.0, 1.0)
Scorer = Callable[[np.ndarray], np.ndarray]


def small(boxes: np.ndarray) -> np.ndarray:
    return -area(boxes)


def uneven(boxes: np.ndarray) -> np.ndarray:
    """Without symmetry and without ties."""
    return np.sin(7.3 * boxes @ np.array([1.0, 2.1, -1.7, 0.6])) + boxes @ np.array([0.3, 0.1, 0.2, 0.7])


def framed(
    evaluate: Scorer = area,
    size_wh: tuple[int, int] = SIZE,
    *,
    candidates: Any = "grid",
    proposals: CropDistribution | None = None,
    **options: Any,
) -> Framed:
    request = Request.of(**options)
    ratio = request.ratio[0]
    return frame(
        Task(
            photo_name="a.jpg",
            size_wh=size_wh,
            ratio=ratio,
            request=request,
            rules=rules_for(request, ratio, size_wh),
            settings=SelectionSettings(),
            evaluate=evaluate,
            opinions=proposals,
            candidates=candidates,
        )
    )


def boxes_of(found: Framed) -> np.ndarray:
    return np.array([crop.box_norm for crop in found.crops])


@pytest.mark.parametrize("size_wh", [SIZE, (667, 1000), (4000, 400), (300, 3000), (100, 1), (2, 3), (1, 1)])
def test_asked_for_it_is_the_best_where_large_is_good(size_wh: tuple[int, int]) -> None:
    found = framed(size_wh=size_wh, n=1, whole=True)

    assert found.crops[0].box_px == (0, 0, *size_wh)
    assert found.crops[0].flags == found.flags == (WHOLE_PHOTO_UNRATED,)


def test_else_it_stays_behind_the_grid() -> None:
    found = framed(n=3)

    assert found.crops[0].area_fraction == pytest.approx(121 / 144, abs=0.002)
    assert WHOLE not in [crop.box_norm for crop in found.crops]
    assert WHOLE_PHOTO_UNRATED not in found.flags


def test_it_wins_by_its_score_and_not_by_being_asked_for() -> None:
    asked, not_asked = framed(small, n=4, whole=True), framed(small, n=4)

    assert [(crop.box_px, crop.score) for crop in asked.crops] == [
        (crop.box_px, crop.score) for crop in not_asked.crops
    ]
    assert asked.flags == not_asked.flags


def test_the_others_of_the_set_are_those_of_the_grid() -> None:
    found = framed(n=4, whole=True)

    assert [crop.flags for crop in found.crops] == [(WHOLE_PHOTO_UNRATED,), (), (), ()]
    assert found.warnings == ("ratio free: crop 1 is the whole photo, of which the model learned nothing; look at it",)
    assert area(boxes_of(found)[1:]).max() <= 0.85


def test_a_strict_request_may_ask_for_it() -> None:
    assert framed(n=1, whole=True, strict=True).flags == (WHOLE_PHOTO_UNRATED,)


def test_it_is_flagged_however_it_came_about() -> None:
    """Only the whole photo holds this, and at its own ratio it is the largest crop."""
    assert framed(n=1, keep=WHOLE).flags == (WHOLE_PHOTO_UNRATED,)
    assert framed(n=1, ratio="original").flags == (WHOLE_PHOTO_UNRATED,)
    assert framed(n=1, min_size=SIZE).flags == (WHOLE_PHOTO_UNRATED,)


@pytest.mark.parametrize("ratio", ["free", "1:1", "original"])
def test_a_model_that_knows_it_is_not_changed(ratio: str) -> None:
    boxes = np.array([[0.1, 0.1, 0.8, 0.9], WHOLE])
    proposals = CropDistribution(boxes, np.array([0.3, 0.7]))

    lattice, default = (
        [framed(ratio=ratio, n=4, whole=whole, **model) for whole in (True, False)]
        for model in ({"candidates": "lattice"}, {"proposals": proposals})
    )

    assert lattice[0] == lattice[1] and default[0] == default[1]
    assert not lattice[0].flags and not default[0].flags
    if ratio != "1:1":
        assert lattice[0].crops[0].box_norm == default[0].crops[0].box_norm == WHOLE


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "4:5", "300x200"])
def test_a_fixed_ratio_is_not_changed(ratio: str) -> None:
    for evaluate in (area, small, uneven):
        assert framed(evaluate, ratio=ratio, n=4, whole=True) == framed(evaluate, ratio=ratio, n=4)


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "9:16", "4:1", "original"])
@pytest.mark.parametrize("size_wh", [(1024, 768), SIZE, (4000, 1000), (333, 500), (7, 5), (2, 1), (1, 1)])
def test_at_a_fixed_ratio_the_largest_crop_plays_its_part(ratio: str, size_wh: tuple[int, int]) -> None:
    value = parse_ratio(ratio).resolve(size_wh)
    assert value is not None
    pool = fixed_ratio_pool(value, Rules(), size_wh)
    _, _, width, height = framed(size_wh=size_wh, ratio=ratio, n=1).crops[0].box_px

    assert area(pool.boxes_xyxy).max() == pytest.approx(width * height / (size_wh[0] * size_wh[1]))
    assert [width, height] == nearest_size(np.array([largest_size(size_wh, value)]), size_wh, value)[0].tolist()


@pytest.mark.parametrize(
    ("size_wh", "ratio", "value"),
    [
        ((1024, 768), "1:1", 1.0),
        ((1000, 667), "16:9", 16 / 9),
        ((1000, 667), "9:16", 9 / 16),
        ((4000, 1000), "4:1", 4.0),
        ((4000, 1000), "1:1", 1.0),
        ((1001, 3000), "1:4", 0.25),
    ],
)
def test_ratios_are_exact_in_pixels_of_the_photo(size_wh: tuple[int, int], ratio: str, value: float) -> None:
    """One side is the other's by the ratio, rounded; not that of a photo squashed to the size of the network."""
    for evaluate in (area, small, uneven):
        for crop in framed(evaluate, size_wh, ratio=ratio, n=5, whole=True).crops:
            _, _, width, height = crop.box_px
            assert min(abs(width - value * height), abs(width / value - height)) <= 0.5


def test_rules_count_for_it_too() -> None:
    avoided = framed(n=2, whole=True, avoid=(0.0, 0.0, 0.05, 0.05))
    assert WHOLE_PHOTO_UNRATED not in avoided.flags
    assert not intersects(boxes_of(avoided), np.array([0.0, 0.0, 0.05, 0.05])).any()

    assert area(boxes_of(framed(n=2, whole=True, max_area=0.6))).max() <= 0.6


def test_where_no_grid_anchor_obeys_it_does_not_push_the_others_away() -> None:
    """A kept box at the border rules the grid out; all other candidates are as unlike the training as the photo."""
    options: dict[str, Any] = {"n": 3, "keep": (0.0, 0.2, 0.5, 0.5)}

    assert framed(small, whole=True, **options) == framed(small, **options)
    assert framed(whole=True, **options).crops[0].box_norm == WHOLE


@pytest.mark.parametrize("ratio", ["free", "1:1", "4:1"])
@pytest.mark.parametrize("size_wh", [(1200, 720), (720, 1200), (4800, 1200)])
def test_a_mirrored_photo_gives_mirrored_crops(ratio: str, size_wh: tuple[int, int]) -> None:
    here = boxes_of(framed(uneven, size_wh, ratio=ratio, n=1, whole=True))
    there = boxes_of(framed(lambda boxes: uneven(mirror(boxes)), size_wh, ratio=ratio, n=1, whole=True))

    # Positions at a fixed ratio may round to the neighbouring pixel.
    np.testing.assert_allclose(mirror(there), here, atol=1.01 / size_wh[0])


@settings(deadline=None, max_examples=40)
@given(
    size_wh=st.one_of(st.tuples(st.integers(1, 14), st.integers(1, 14)), st.tuples(*2 * [st.integers(1, 900)])),
    ratio=st.sampled_from(["free", "1:1", "16:9", "original", "300x200"]),
    n=st.integers(1, 6),
    diversity=st.floats(0, 1),
    scale=st.sampled_from(["tight", "natural", "loose"]),
    limits=st.sampled_from([(None, None), (0.9, None), (None, 0.4), (0.2, 0.6)]),
    kept=st.sampled_from([(), (0.2, 0.3, 0.4, 0.5), ((0.0, 0.1, 0.1, 0.2), (0.8, 0.7, 1.0, 1.0))]),
    avoided=st.sampled_from([(), (0.0, 0.9, 0.3, 1.0)]),
    whole=st.booleans(),
    candidates=st.sampled_from(["grid", "lattice"]),
)
def test_the_rules_of_every_other_model_hold(
    size_wh: tuple[int, int],
    ratio: str,
    n: int,
    diversity: float,
    scale: str,
    limits: tuple[float | None, float | None],
    kept: Any,
    avoided: Any,
    whole: bool,
    candidates: str,
) -> None:
    found = framed(
        uneven,
        size_wh,
        candidates=candidates,
        ratio=ratio,
        n=n,
        keep=kept,
        avoid=avoided,
        min_area=limits[0],
        max_area=limits[1],
        diversity=diversity,
        scale=scale,
        whole=whole,
    )
    boxes, flags = boxes_of(found), found.flags
    boxes_px = np.array([crop.xyxy for crop in found.crops])

    assert 1 <= len(boxes) <= n
    assert (len(boxes) < n) == ("fewer_than_asked" in flags)
    assert len(found.warnings) == len(flags)
    assert [crop.rank for crop in found.crops] == list(range(1, len(boxes) + 1))
    assert boxes_px.min() >= 0 and (boxes_px[:, 2:] <= size_wh).all()
    assert (boxes_px[:, :2] < boxes_px[:, 2:]).all()
    assert (iou_matrix(boxes, boxes)[np.triu_indices(len(boxes), 1)] <= diversity).all()
    for box in np.reshape(kept, (-1, 4)):
        assert "cuts_kept" in flags or contains(boxes, box).all()
    for box in np.reshape(avoided, (-1, 4)):
        assert "overlaps_avoided" in flags or not intersects(boxes, box).any()
    if "area_out_of_range" not in flags:
        assert (area(boxes) >= (limits[0] or 0) - 1e-9).all() and (area(boxes) <= (limits[1] or 1) + 1e-9).all()
    if ratio == "300x200" and "smaller_than_asked" not in flags:
        assert (boxes_px[:, 2:] - boxes_px[:, :2] >= (300, 200)).all()
    is_whole = [crop.box_px == (0, 0, *size_wh) for crop in found.crops]
    assert [WHOLE_PHOTO_UNRATED in crop.flags for crop in found.crops] == [
        candidates == "grid" and each for each in is_whole
    ]


def test_from_end_to_end_one_by_one_and_many(scorer_folder: Path, red_at: Callable[..., np.ndarray]) -> None:
    """The tiny model finds all crops of a photo without green equally good, so the largest is the best."""
    cropper, photos = Cropper(scorer_folder), [red_at(0.3, 0.6), red_at(0.7, 0.2, (300, 500))]

    many = list(cropper.suggest_many(photos, ratio=["free", "4:5"], n=2, whole=True))

    assert [each.to_json() for each in many] == [
        cropper.suggest(photo, ["free", "4:5"], 2, whole=True).to_json() for photo in photos
    ]
    assert [each.best.box_norm for each in many] == [WHOLE, WHOLE]
    content = many[0].to_dict()
    assert content["request"]["whole"] is True
    assert content["flags"] == content["crops"][0]["flags"] == [WHOLE_PHOTO_UNRATED]
    assert cropper.suggest(photos[0], n=2).flags == ()


def test_the_score_of_a_crop_does_not_depend_on_the_others_asked_for(
    scorer_folder: Path, red_at: Callable[..., np.ndarray]
) -> None:
    photo = red_at(0.3, 0.6)
    photo[..., 1] = 90
    encoded = Cropper(scorer_folder).encode(photo)

    for crop in encoded.suggest(n=4, whole=True, diversity=0.85):
        assert encoded.score([crop.box_norm])[0] == pytest.approx(crop.score, abs=1e-6)
