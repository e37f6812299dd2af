"""Crops of a model that only scores boxes: its score decides, within the rules, and nothing else changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cadrage import Cropper
from cadrage.errors import ConstraintError, ModelError
from cadrage.evaluation.product import ModelPredictor
from cadrage.geometry import area, grid_anchors, iou_matrix, mirror
from cadrage.inference.pictures.preview_page import page
from cadrage.inference.request import Request
from cadrage.inference.selection.framing import Framed, frame
from cadrage.inference.selection.rules import FEWER_THAN_ASKED, rules_for
from cadrage.inference.selection.task import SelectionSettings, Task
from cadrage.inference.store.card import ScoreScale, read_card

SIZE = (1000, 667)
IDEAL = np.array([0.1, 0.05, 0.8, 0.9])


def near_the_ideal(boxes: np.ndarray) -> np.ndarray:
    return -10 * np.abs(boxes - IDEAL).sum(axis=1)


def framed(
    evaluate: Callable[[np.ndarray], np.ndarray] = near_the_ideal,
    size_wh: tuple[int, int] = SIZE,
    *,
    scale_of_scores: ScoreScale | None = None,
    candidates: Any = "grid",
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
            opinions=None,
            candidates=candidates,
            score_scale=scale_of_scores,
        )
    )


def boxes_of(found: Framed) -> np.ndarray:
    return np.array([crop.box_norm for crop in found.crops])


def test_the_best_grid_anchor_is_first_and_its_score_is_the_evaluators() -> None:
    grid = grid_anchors(SIZE)

    best = framed(n=1).crops[0]

    expected = grid[near_the_ideal(grid).argmax()]
    # Half a pixel on either side.
    np.testing.assert_allclose(best.box_norm, expected, atol=0.5 / 667)
    assert best.score == near_the_ideal(np.array([best.box_norm]))[0]


@pytest.mark.parametrize("n", [2, 5, 20, 100])
def test_more_crops_leave_the_best_one_first(n: int) -> None:
    assert framed(n=n).crops[0].box_px == framed(n=1).crops[0].box_px


@pytest.mark.parametrize("ratio", ["free", "1:1", "16:9"])
def test_crops_differ_and_span_scales(ratio: str) -> None:
    boxes = boxes_of(framed(ratio=ratio, n=5, diversity=0.85))

    assert len(boxes) == 5
    assert np.triu(iou_matrix(boxes, boxes), 1).max() <= 0.85
    largest = 1.0 if ratio == "free" else (2 / 3 if ratio == "1:1" else 0.84)
    assert area(boxes).min() < 0.60 * largest and area(boxes).max() > 0.75 * largest


def test_boxes_unlike_the_grid_only_fill_what_it_leaves_open() -> None:
    """A score that loves tiny boxes gets none while the grid has enough, and some where crops may hardly overlap."""

    def small(boxes: np.ndarray) -> np.ndarray:
        return -area(boxes)

    few, many = framed(small, n=3), framed(small, n=3, diversity=0.2)

    assert area(boxes_of(few)).min() >= 0.49
    areas = area(boxes_of(many))
    assert len(areas) == 3 and areas[0] >= 0.49 and areas[1:].max() < 0.49


def test_a_lattice_reaches_the_whole_photo() -> None:
    best = framed(area, candidates="lattice", n=1).crops[0]

    assert best.box_norm == (0.0, 0.0, 1.0, 1.0)
    assert framed(area, n=1).crops[0].area_fraction == pytest.approx(121 / 144, abs=0.002)


@pytest.mark.parametrize(("ratio", "value"), [("1:1", 1.0), ("16:9", 16 / 9), ("9:16", 9 / 16), ("4:5", 0.8)])
@pytest.mark.parametrize("size_wh", [(1024, 768), (333, 500), (4000, 300)])
def test_a_fixed_ratio_is_exact_in_pixels_of_the_photo(ratio: str, value: float, size_wh: tuple[int, int]) -> None:
    for crop in framed(size_wh=size_wh, ratio=ratio, n=4).crops:
        _, _, width, height = crop.box_px
        assert abs(width - value * height) <= max(1, value)


@pytest.mark.parametrize("size_wh", [(4000, 400), (300, 3000), (100, 1)])
def test_photos_too_long_for_the_grid_are_cropped_all_the_same(size_wh: tuple[int, int]) -> None:
    crops = framed(size_wh=size_wh, n=1).crops

    assert len(crops) == 1
    assert crops[0].area_fraction > 0.4


def test_kept_and_avoided_boxes_are_obeyed() -> None:
    kept, avoided = (0.55, 0.4, 0.97, 0.7), (0.0, 0.0, 0.3, 1.0)

    found = framed(n=4, keep=kept, avoid=avoided)

    assert not set(found.flags) - {FEWER_THAN_ASKED}
    boxes = boxes_of(found)
    assert (boxes[:, :2] <= kept[:2]).all() and (boxes[:, 2:] >= kept[2:]).all()
    assert (boxes[:, 0] >= 0.3 - 1e-9).all()


def test_a_rule_that_nothing_meets_is_relaxed_and_named_or_refused() -> None:
    assert framed(ratio="1:1", n=1, keep=(0.0, 0.0, 1.0, 1.0)).flags == ("cuts_kept",)
    with pytest.raises(ConstraintError, match="no crop can hold all that must be kept"):
        framed(ratio="1:1", n=1, keep=(0.0, 0.0, 1.0, 1.0), strict=True)


def test_an_asked_area_below_the_grids_is_met() -> None:
    areas = area(boxes_of(framed(n=2, max_area=0.3)))

    assert areas.max() <= 0.3


def test_scale_moves_the_preference() -> None:
    """All boxes around the middle are equally good, so the asked scale decides."""

    def centred(boxes: np.ndarray) -> np.ndarray:
        return -np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5).sum(axis=1)

    tight, loose = (framed(centred, n=1, scale=scale).crops[0].area_fraction for scale in ("tight", "loose"))

    assert tight < 0.6 < 0.8 < loose


def test_equal_scores_give_the_larger_box() -> None:
    def equal(boxes: np.ndarray) -> np.ndarray:
        return np.zeros(len(boxes))

    assert framed(equal, n=1).crops[0].area_fraction == pytest.approx(121 / 144, abs=0.002)


def test_the_focal_point_follows_the_scores() -> None:
    def towards_the_left(boxes: np.ndarray) -> np.ndarray:
        return -8 * boxes[:, 2]

    left = framed(towards_the_left, n=1).crops[0].focal_point
    right = framed(lambda boxes: towards_the_left(mirror(boxes)), n=1).crops[0].focal_point

    assert left[0] < 0.5 < right[0]
    assert left[0] + right[0] == pytest.approx(1, abs=0.01)


def test_the_reason_says_the_rating_in_the_unit_of_the_data() -> None:
    def two(boxes: np.ndarray) -> np.ndarray:
        return np.full(len(boxes), 2.0)

    rated = framed(two, n=1, scale_of_scores=ScoreScale(2.95, 0.8)).crops[0]

    assert (rated.score, "expected rating 4.55" in rated.reason) == (2.0, True)
    assert "score 2.00" in framed(two, n=1).crops[0].reason


def test_a_model_without_a_proposer_crops_from_end_to_end(scorer_folder: Path, photo_file: Path) -> None:
    cropper = Cropper(scorer_folder)

    found = cropper.suggest(photo_file, ratio=["free", "1:1"], n=3)

    assert found.to_json() == Cropper(scorer_folder).suggest(photo_file, ratio=["free", "1:1"], n=3).to_json()
    # Boxes are reported on whole pixels, so the score of the reported box is the reported score.
    np.testing.assert_allclose(cropper.score(photo_file, found.xyxyn), found.scores, atol=1e-6)
    shown = page([(Image.open(photo_file), found)])
    assert "opinion" in shown and "overlap to expect" not in shown


def test_such_a_model_is_measured_like_any_other(scorer_folder: Path) -> None:
    assert ModelPredictor(Cropper(scorer_folder)).describe()["name"] == "tiny.test"


def test_proposals_of_a_model_without_a_proposer_are_refused(scorer_folder: Path, photo_file: Path) -> None:
    encoded = Cropper(scorer_folder).encode(photo_file)

    for ask in (lambda: encoded.proposals, lambda: encoded.predicted_set):
        with pytest.raises(ModelError, match="'tiny' scores boxes but proposes none"):
            ask()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"score_scale": {"mean": 3.0}}, "lacks score_scale.deviation"),
        ({"score_scale": {"mean": "3", "deviation": 1}}, "finite numbers, got '3'"),
        ({"score_scale": {"mean": 3, "deviation": 0}}, "deviation above 0, got 0"),
        ({"candidates": "all"}, "grid or lattice, got 'all'"),
        ({"parts": {"trunk": {"file": "trunk.onnx", "sha256": "0" * 64}}}, "lacks parts.proposer"),
    ],
)
def test_cards_that_cannot_be_used_are_refused(scorer_folder: Path, changes: dict[str, Any], complaint: str) -> None:
    file = scorer_folder / "card.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    with pytest.raises(ModelError, match=complaint):
        read_card(scorer_folder)


def test_the_scale_of_scores_is_read(scorer_folder: Path) -> None:
    file = scorer_folder / "card.json"
    scale = {"mean": 2.95, "deviation": 0.8}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"score_scale": scale, "candidates": "lattice"}))

    card = read_card(scorer_folder)

    assert (card.score_scale, card.candidates, card.proposals) == (ScoreScale(2.95, 0.8), "lattice", None)
