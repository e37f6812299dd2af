from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cadrage.errors import ConstraintError
from cadrage.geometry import iou_matrix, parse_ratio, to_pixels
from cadrage.inference.request import Request
from cadrage.inference.selection.crop import MORE_ALIKE
from cadrage.inference.selection.framing import Framed, _flags, alternative, frame
from cadrage.inference.selection.rules import Rules, heads_lost, rules_for
from cadrage.inference.selection.task import CropDistribution, SelectionSettings, Task
from cadrage.inference.subjects.heads import assumed_heads

SIZE = (1200, 900)
SHIFTED = {"higher", "lower", "further left", "further right"}


def concentric(*sides: float) -> CropDistribution:
    """One opinion per side length, all around the middle and equally likely."""
    half = np.array(sides) / 2
    boxes = np.stack([0.5 - half, 0.5 - half, 0.5 + half, 0.5 + half], axis=1)
    return CropDistribution(boxes, np.full(len(sides), 1 / len(sides)))


def framed(
    proposals: CropDistribution,
    settings: SelectionSettings | None = None,
    visible: tuple[float, float, float, float] | None = None,
    **options: Any,
) -> Framed:
    request = Request.of(**options)
    ratio = request.ratio[0]
    return frame(
        Task(
            photo_name="a.jpg",
            size_wh=SIZE,
            ratio=ratio,
            request=request,
            rules=rules_for(request, ratio, SIZE, visible_xyxy=visible),
            settings=settings or SelectionSettings(),
            evaluate=lambda boxes: np.zeros(len(boxes)),
            opinions=proposals,
        )
    )


@pytest.mark.parametrize("ratio", ["free", "4:5", "original"])
def test_scale_moves_the_preference(ratio: str) -> None:
    opinions = concentric(0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

    tight, natural, loose = (
        framed(opinions, ratio=ratio, n=1, scale=scale).crops[0].area_fraction
        for scale in ("tight", "natural", "loose")
    )

    assert tight < natural < loose


@pytest.mark.parametrize("ratio", ["free", "4:5", "1:1"])
@pytest.mark.parametrize("n", [1, 5])
def test_scale_is_seen_even_where_people_hardly_differ(ratio: str, n: int) -> None:
    middle, noise = np.array([0.15, 0.1, 0.85, 0.9]), np.random.default_rng(0).normal(0, 0.04, (100, 4))
    opinions = CropDistribution(np.clip(middle + noise, 0, 1), np.full(100, 0.01))

    tight, natural, loose = (
        np.mean([crop.area_fraction for crop in framed(opinions, ratio=ratio, n=n, scale=scale, diversity=0.85).crops])
        for scale in ("tight", "natural", "loose")
    )

    assert tight < 0.95 * natural
    assert loose > 1.03 * natural


def test_the_scale_changes_the_choice_and_not_what_a_score_means() -> None:
    opinions = concentric(0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

    natural, loose = (framed(opinions, n=1, scale=scale).crops[0] for scale in ("natural", "loose"))

    assert loose.score < natural.score
    expected = iou_matrix([loose.box_norm], opinions.boxes_xyxy) @ opinions.weights
    assert loose.score == pytest.approx(expected[0], abs=1e-5)


def test_the_card_can_move_the_natural_scale() -> None:
    opinions = concentric(0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

    moved = framed(opinions, SelectionSettings(natural_tilt=-0.5, scale_tilt=0.5), n=1).crops[0]

    assert moved == framed(opinions, n=1, scale="tight").crops[0]


def test_the_ratio_listens_to_the_opinions_that_have_it() -> None:
    wide, tall = [0.0, 0.0, 1.0, 0.5], [0.5, 0.2, 0.75, 1.0]
    opinions = CropDistribution(np.array([wide, tall]), np.array([0.5, 0.5]))

    x, _, width, _ = framed(opinions, ratio="300:720", n=1).crops[0].box_px

    assert x + width / 2 == pytest.approx(0.625 * 1200, abs=10)


def test_a_lone_opinion_is_found_to_the_pixel() -> None:
    opinions = CropDistribution(np.array([[0.113, 0.222, 0.707, 0.891]]), np.ones(1))

    crop = framed(opinions).crops[0]

    assert crop.box_px == (136, 200, 712, 602)
    assert crop.score > 0.995


def test_reasons_tell_how_alternatives_differ() -> None:
    crops = framed(concentric(0.5, 0.7, 0.9), n=5, ratio="4:3").crops

    assert crops[0].reason.startswith("best: covers ") and "expected overlap" in crops[0].reason
    for crop in crops[1:]:
        change = crop.area_fraction / crops[0].area_fraction
        kinds = {"detail"} if change < 0.5 else {"tighter"} if change < 0.9 else {"wider"} if change > 1.1 else SHIFTED
        assert crop.reason.split(": ")[0] in kinds
        assert f"covers {100 * crop.area_fraction:.0f} % of the photo, score {crop.score:.2f}" in crop.reason


@pytest.mark.parametrize(
    ("box", "called"),
    [
        ((0.1, 0.1, 0.8, 0.8), "tighter"),
        ((0.0, 0.0, 1.0, 1.0), "wider"),
        ((0.3, 0.3, 0.6, 0.6), "detail"),
        ((0.25, 0.1, 0.65, 0.9), "portrait"),
        ((0.2, 0.1, 1.0, 0.9), "further right"),
        ((0.0, 0.1, 0.8, 0.9), "further left"),
        ((0.1, 0.0, 0.9, 0.8), "higher"),
        ((0.1, 0.2, 0.9, 1.0), "lower"),
    ],
)
def test_an_alternative_is_called_what_it_is(box: tuple[float, ...], called: str) -> None:
    best = to_pixels(np.array([[0.1, 0.1, 0.9, 0.9]]), SIZE)[0]
    other = np.array([box])

    assert alternative(to_pixels(other, SIZE)[0], best) == called


def test_beside_an_upright_best_crop_a_wide_one_is_called_landscape() -> None:
    assert alternative(np.array([0, 0, 600, 400]), np.array([0, 0, 400, 600])) == "landscape"
    # Hardly upright is no format of its own.
    assert alternative(np.array([0, 0, 395, 400]), np.array([0, 0, 600, 590])) == "detail"


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("scale", ["tight", "natural", "loose"])
def test_scores_never_rise_with_the_rank(seed: int, scale: str) -> None:
    """Whatever else counts in the order: the evaluator, an asked scale, an object on plain ground, filling up."""
    random = np.random.default_rng(seed)
    start, side = random.uniform(0, 0.5, (60, 2)), random.uniform(0.2, 0.5, (60, 2))
    weights = random.dirichlet(np.full(60, 0.3))
    task = Task(
        photo_name="a.jpg",
        size_wh=SIZE,
        ratio=parse_ratio(str(random.choice(["free", "16:9", "1:1", "9:16"]))),
        request=Request.of(n=int(random.integers(2, 12)), scale=scale),
        rules=Rules(),
        settings=SelectionSettings(evaluator_weight=0.1),
        evaluate=lambda boxes: np.sin(37 * boxes).sum(axis=1),
        opinions=CropDistribution(np.concatenate([start, start + side], axis=1), weights),
    )
    if seed % 3 == 0:
        task = replace(
            task, rules=replace(task.rules, visible_xyxy=np.array([[0.3, 0.3, 0.6, 0.7], [0.25, 0.25, 0.65, 0.75]]))
        )
    for each in (task, replace(task, opinions=None), replace(task, opinions=None, candidates="lattice")):
        scores = [crop.score for crop in frame(each).crops]
        assert scores == sorted(scores, reverse=True)


def test_a_set_shows_both_formats_where_people_choose_both() -> None:
    """Two opinions in three are wide, one is upright: the most useful crops alone are all wide."""
    wide, upright = [0.05, 0.2, 0.95, 0.8], [0.3, 0.0, 0.75, 1.0]
    opinions = CropDistribution(np.array([wide, upright]), np.array([0.6, 0.4]))

    found = framed(opinions, n=3)
    ratios = [(crop.box_px[2] / crop.box_px[3]) for crop in found.crops]

    assert min(ratios) <= 0.9 and max(ratios) >= 1.1
    areas = [crop.area_fraction for crop in found.crops]
    assert min(areas) < 0.6


def test_a_format_that_nobody_chooses_is_no_idea() -> None:
    found = framed(CropDistribution(np.array([[0.0, 0.3, 1.0, 0.7]]), np.ones(1)), n=5)

    assert all(crop.box_px[2] > crop.box_px[3] for crop in found.crops)


def test_crops_are_more_alike_before_fewer_come_and_say_so() -> None:
    """Between .72 and .95 of the photo hardly two crops differ by more than the default asks for."""
    limits = {"min_area": 0.72, "max_area": 0.95, "n": 12}

    found, held = framed(concentric(0.8, 0.9), **limits), framed(concentric(0.8, 0.9), **limits, diversity=0.7)

    boxes = np.array([crop.box_norm for crop in found.crops])
    overlaps = iou_matrix(boxes, boxes)
    assert len(boxes) > len(held.crops) and overlaps[np.triu_indices(len(boxes), 1)].max() <= 0.85
    alike = [bool((overlaps[rank, :rank] > 0.7).any()) for rank in range(len(boxes))]
    assert [MORE_ALIKE in crop.flags for crop in found.crops] == alike
    assert any(alike) and MORE_ALIKE in found.flags and MORE_ALIKE not in held.flags
    assert alike == sorted(alike)
    assert len(framed(concentric(0.8, 0.9), **limits | {"n": len(boxes)}, strict=True).crops) == len(boxes)
    with pytest.raises(ConstraintError, match="differ enough"):
        framed(concentric(0.8, 0.9), **limits | {"n": len(held.crops) + 1}, diversity=0.7, strict=True)


def test_the_focal_point_is_that_of_the_kept_boxes() -> None:
    kept = [[0.2, 0.2, 0.3, 0.3], [0.4, 0.5, 0.5, 0.6]]

    for crop in framed(concentric(0.7), keep=kept).crops:
        assert crop.focal_point == pytest.approx((0.35, 0.4), abs=1 / 900)


def test_every_flag_has_its_sentence() -> None:
    answer = framed(concentric(0.7), ratio="9:16", keep=[0.0, 0.4, 1.0, 0.6], min_size=(5000, 1), max_area=0.1)

    assert answer.flags == ("cuts_kept", "smaller_than_asked", "area_out_of_range", "fewer_than_asked")
    assert answer.warnings[0] == "ratio 9:16: no crop can hold all that must be kept"
    assert answer.warnings[-1].startswith("ratio 9:16: only ")
    assert all(crop.flags == answer.flags[:-1] for crop in answer.crops)


def test_behind_crops_that_hold_a_large_object_whole_others_follow() -> None:
    visible = (0.04, 0.05, 0.95, 0.97)
    found = framed(concentric(0.5, 0.6, 0.7, 0.8, 0.9), visible=visible, n=5, diversity=0.7)
    whole = [np.all(np.array(crop.box_norm[:2]) <= (0.04, 0.05)) and crop.box_norm[2] >= 0.95 for crop in found.crops]
    assert len(found.crops) >= 3
    assert whole[0] and whole == sorted(whole, reverse=True)
    assert ["cuts_visible" in crop.flags for crop in found.crops] == [not held for held in whole]
    boxes = [crop.box_norm for crop in found.crops]
    assert np.triu(iou_matrix(boxes, boxes), 1).max() <= 0.7 + 1e-9
    (one,) = framed(concentric(0.5, 0.7, 0.9), visible=visible, n=1).crops
    assert one.flags == ()


def test_crops_of_a_small_object_all_hold_it() -> None:
    found = framed(concentric(0.5, 0.7, 0.9), visible=(0.4, 0.4, 0.55, 0.6), n=4, diversity=0.7)
    assert len(found.crops) == 4 and found.flags == ()


def drawn_person(random: np.random.Generator) -> tuple[float, float, float, float]:
    x1, y1 = random.uniform(0, 0.7), random.uniform(0, 0.6)
    return x1, y1, random.uniform(x1 + 0.08, 1), random.uniform(y1 + 0.15, 1)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("ratio", ["16:9", "1:1", "9:16", "cinema"])
def test_a_wish_is_never_worse_for_the_head_than_none(seed: int, ratio: str) -> None:
    random = np.random.default_rng(seed)
    size_wh = (int(random.integers(300, 900)), int(random.integers(300, 900)))
    persons = [drawn_person(random) for _ in range(random.integers(1, 4))]
    boxes = random.uniform(0, 0.4, (6, 4)) + np.array([0, 0, 0.55, 0.55])
    opinions = CropDistribution(boxes, np.full(6, 1 / 6))
    heads = tuple(map(tuple, assumed_heads(np.array(persons), size_wh)))
    request = Request.of(ratio=ratio, n=1)
    asked = [
        rules_for(request, request.ratio[0], size_wh, found, None, None, kept, sure)
        for found, kept, sure in (((), (), heads), (tuple(persons), heads, heads))
    ]
    task = Task("a.jpg", size_wh, request.ratio[0], request, asked[0], SelectionSettings(), zeros, opinions)
    plain, wished = (np.array([frame(replace(task, rules=rules)).crops[0].box_norm]) for rules in asked)
    assert heads_lost(wished, asked[1])[0] <= heads_lost(plain, asked[1])[0] + 1e-6


def zeros(boxes: np.ndarray) -> np.ndarray:
    return np.zeros(len(boxes))


@pytest.mark.parametrize("ratio", ["free", "16:9", "1:1", "cinema"])
def test_a_crop_begins_above_a_head_that_a_detector_is_sure_of(ratio: str) -> None:
    low = CropDistribution(np.array([[0.1, 0.35, 0.9, 0.95]]), np.ones(1))
    head = (0.4, 0.1, 0.5, 0.25)
    before, now = (frame(task_with(low, ratio, sure)).crops for sure in ((), (head,)))
    assert before[0].box_norm[1] > 0.1
    assert all(crop.box_norm[1] <= 0.1 + 1e-6 and crop.flags == () for crop in now)


def test_a_head_at_the_edge_is_whole_or_left_out() -> None:
    middle = CropDistribution(np.array([[0.2, 0.0, 0.8, 1.0]]), np.ones(1))
    main, bystander = (0.4, 0.1, 0.6, 0.3), (0.76, 0.1, 0.84, 0.2)
    for ratio in ("free", "1:1", "4:5"):
        for crop in frame(task_with(middle, ratio, (main, bystander))).crops:
            assert crop.box_norm[0] <= 0.4 and crop.box_norm[2] >= 0.6
            assert crop.box_norm[2] <= 0.77 or crop.box_norm[2] >= 0.84 - 1e-6


def test_a_head_that_no_crop_can_hold_is_flagged() -> None:
    low = CropDistribution(np.array([[0.0, 0.4, 1.0, 0.9]]), np.ones(1))
    found = frame(task_with(low, "20:1", ((0.2, 0.1, 0.8, 0.9),)))
    assert (found.flags, found.warnings, found.crops[0].flags) == (("cuts_head",), (), ("cuts_head",))
    assert found.crops[0].box_norm[1] <= 0.1 + 1e-6


def test_a_reason_says_what_becomes_of_heads() -> None:
    opinions = CropDistribution(np.array([[0.0, 0.0, 0.5, 1.0]]), np.ones(1))
    heads = ((0.1, 0.1, 0.3, 0.4), (0.7, 0.1, 0.9, 0.4))
    (crop,) = frame(task_with(opinions, "1:2", heads)).crops
    assert crop.head_counts == {"whole": 1, "cut": 0, "left_out": 1}
    assert crop.reason.endswith("with a person's choice, holds 1 head whole, leaves out 1 head")


@pytest.mark.parametrize(
    ("heads", "why"),
    [
        (((0.2, 0.1, 0.8, 0.9),), "cuts 1 head: no 20:1 crop here holds it whole"),
        (
            ((0.2, 0.1, 0.8, 0.9), (0.2, 0.1, 0.8, 0.8)),
            "cuts 2 heads: no 20:1 crop here holds the main head and cuts none",
        ),
    ],
)
def test_a_reason_says_why_every_crop_cuts_a_head(heads: tuple, why: str) -> None:
    opinions = CropDistribution(np.array([[0.0, 0.1, 1.0, 0.3]]), np.ones(1))
    (crop,) = frame(task_with(opinions, "20:1", heads)).crops
    assert crop.reason.endswith(why)


def test_without_heads_a_reason_says_nothing_of_them() -> None:
    (crop,) = framed(concentric(0.6, 0.7), n=1).crops
    assert (crop.heads, crop.says_of_heads) == ((), "") and "head" not in crop.reason


@pytest.mark.parametrize("seed", range(60))
def test_flags_agree_with_what_becomes_of_heads(seed: int) -> None:
    random = np.random.default_rng(seed)

    def some_box(shortest: float, longest: float) -> tuple[float, float, float, float]:
        width, height = random.uniform(shortest, longest, 2)
        x, y = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
        return x, y, x + width, y + height

    people = tuple(some_box(0.1, 0.7) for _ in range(random.integers(1, 4)))
    heads = tuple((x1, y1, x2, y1 + 0.4 * (y2 - y1)) for x1, y1, x2, y2 in people)
    opinions = CropDistribution(np.array([some_box(0.3, 0.9) for _ in range(5)]), np.full(5, 0.2))
    for ratio, keeps in (("free", True), ("1:1", False), ("16:9", True), ("9:16", False)):
        request = Request.of(ratio=ratio, n=4)
        kept = {"found_xyxy": people, "head_xyxy": heads} if keeps else {}
        rules = rules_for(request, request.ratio[0], SIZE, sure_head_xyxy=heads, **kept)
        task = Task("a.jpg", SIZE, request.ratio[0], request, rules, SelectionSettings(), zeros, opinions)
        for crop in frame(task).crops:
            cut = crop.head_counts["cut"] > 0 or crop.heads[0].fate == "left_out"
            assert cut == ("cuts_head" in crop.flags)
            assert not keeps or "cuts_kept" in crop.flags or crop.head_counts["whole"] == len(heads)


def test_a_crop_that_spares_the_heads_is_not_flagged_for_one_before_it() -> None:
    cut, spared = np.array([True, False]), []
    assert _flags(("cuts_kept", "cuts_head"), spared, 0, cut) == ("cuts_kept", "cuts_head")
    assert _flags(("cuts_kept", "cuts_head"), spared, 1, cut) == ("cuts_kept",)


def task_with(opinions: CropDistribution, ratio: str, sure: tuple) -> Task:
    request = Request.of(ratio=ratio, n=1)
    rules = rules_for(request, request.ratio[0], SIZE, sure_head_xyxy=sure)
    return Task("a.jpg", SIZE, request.ratio[0], request, rules, SelectionSettings(), zeros, opinions)
