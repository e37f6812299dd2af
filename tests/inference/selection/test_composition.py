"""An object on plain ground: whole where it fits, as much as possible where not, and well placed."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from cadrage import Cropper
from cadrage.geometry import parse_ratio
from cadrage.inference.request import Request
from cadrage.inference.selection.by_overlap import select
from cadrage.inference.selection.candidates import fixed_ratio_pool, free_pool, grid_pool
from cadrage.inference.selection.composition import halved, unease
from cadrage.inference.selection.duplicates import SetLimits
from cadrage.inference.selection.rules import Rules, admit, rules_for, violations
from cadrage.inference.selection.task import CropDistribution

SIZE = (1200, 800)
BOTTLE = (920, 180, 1120, 640)
RATIOS = ["4:5", "1:1", "16:9", "2:3", "9:16", "3:2", "free"]


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float64)


def as_fractions(place: tuple[int, int, int, int], size_wh: tuple[int, int] = SIZE) -> tuple[float, ...]:
    return tuple((np.array(place) / (size_wh * 2)).tolist())


def wishing(place: tuple[int, int, int, int] = BOTTLE, ratio: str = "1:1") -> Rules:
    return rules_for(Request.of(ratio=ratio), parse_ratio(ratio), SIZE, visible_xyxy=as_fractions(place))  # type: ignore[arg-type]


def bottle(mode: str = "RGBA", ground: tuple[int, ...] = (0, 0, 0, 0)) -> Image.Image:
    image = Image.new(mode, SIZE, ground)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((920, 250, 1119, 639), 30, fill=(30, 110, 160))
    draw.rectangle((980, 180, 1060, 260), fill=(200, 60, 40))
    draw.rectangle((945, 380, 1095, 500), fill=(250, 240, 200))
    return image


def white_logo() -> tuple[Image.Image, tuple[int, int, int, int]]:
    image = Image.new("RGBA", (600, 400))
    ImageDraw.Draw(image).text((362, 300), "Cadrage", fill="white", font=ImageFont.load_default(52))
    place = image.getchannel("A").getbbox()
    assert place is not None
    return image, place


def holds(box_xyxy: tuple[int, ...], place: tuple[int, int, int, int]) -> bool:
    x1, y1, x2, y2 = box_xyxy
    return x1 <= place[0] and y1 <= place[1] and x2 >= place[2] and y2 >= place[3]


@pytest.fixture(scope="module")
def cropper() -> Cropper:
    return Cropper()


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize(
    "image",
    [bottle(), bottle("RGB", (255, 255, 255)), bottle("RGB", (128, 128, 128)), bottle("RGB", (0, 0, 0))],
    ids=["transparent", "white", "grey", "black"],
)
def test_the_only_object_is_whole_in_every_crop(image: Image.Image, n: int, cropper: Cropper) -> None:
    found = cropper.suggest(image, RATIOS, n)
    assert all(holds(crop.xyxy, BOTTLE) for crop in found)
    assert set(found.flags) <= {"more_alike"}
    for ratio in RATIOS:
        first = found.for_ratio(ratio)[0]
        # The light falls where the object is, and no edge of the crop touches it.
        fx, fy = first.focal_point
        assert BOTTLE[0] < fx * SIZE[0] < BOTTLE[2]
        assert BOTTLE[1] < fy * SIZE[1] < BOTTLE[3]
        x1, y1, x2, y2 = first.xyxy
        assert min(BOTTLE[0] - x1, BOTTLE[1] - y1, x2 - BOTTLE[2], y2 - BOTTLE[3]) >= 20


def test_white_letters_are_whole(cropper: Cropper) -> None:
    image, place = white_logo()
    found = cropper.suggest(image, ["16:9", "1:1", "2:3"], 1)
    assert all(holds(crop.xyxy, place) for crop in found)
    assert found.flags == ()


def test_what_no_crop_can_hold_is_shown_as_far_as_possible_and_told(cropper: Cropper) -> None:
    image = Image.new("RGBA", (900, 600))
    ImageDraw.Draw(image).rectangle((20, 440, 869, 560), fill=(120, 30, 30, 255))
    found = cropper.suggest(image, ["4:5", "3:2"], 1)
    assert found.flags == ("cuts_visible",)
    narrow, wide = found
    assert narrow.flags == ("cuts_visible",)
    assert narrow.xywh[2] >= 0.85 * 480
    assert narrow.xyxy[3] >= 561
    assert wide.flags == ()
    assert holds(wide.xyxy, (20, 440, 870, 561))
    assert found.warnings == ("ratio 4:5: no crop can hold all that stands on the plain ground",)


def test_it_never_fails_a_strict_request(cropper: Cropper) -> None:
    image = Image.new("RGBA", (900, 600))
    ImageDraw.Draw(image).rectangle((20, 20, 869, 560), fill=(120, 30, 30, 255))
    found = cropper.suggest(image, "1:1", 2, strict=True)
    assert len(found) == 2
    assert "cuts_visible" in found.flags
    many = cropper.suggest(image, "free", 8, strict=True)
    assert len(many) == 8
    cut = [not holds(crop.xyxy, (20, 20, 870, 561)) for crop in many]
    assert [crop.flags == ("cuts_visible",) for crop in many] == cut
    assert any(cut)


def test_what_the_request_asks_for_comes_first(cropper: Cropper) -> None:
    elsewhere = (0.0, 0.0, 0.3, 0.3)
    kept = cropper.suggest(bottle(), "9:16", 1, keep=elsewhere)
    x1, y1, x2, y2 = kept.best.box_norm
    assert (x1, y1) == (0, 0)
    assert min(x2, y2) >= 0.3
    assert kept.flags == ("cuts_visible",)
    small = cropper.suggest(bottle(), "1:1", 1, max_area=0.05)
    assert small.flags == ("cuts_visible",)
    assert small.best.area_fraction <= 0.05 + 1e-9


def test_a_mirrored_picture_has_mirrored_crops(cropper: Cropper) -> None:
    image = bottle()
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for ratio in ("4:5", "16:9"):
        x1, y1, x2, y2 = cropper.suggest(image, ratio, 1).best.xyxy
        np.testing.assert_allclose(
            cropper.suggest(mirrored, ratio, 1).best.xyxy, (SIZE[0] - x2, y1, SIZE[0] - x1, y2), atol=30
        )


def test_how_badly_an_object_sits() -> None:
    rules = wishing((500, 300, 700, 500))
    centred, third, edge = (300, 100, 900, 700), (400, 100, 1000, 700), (500, 300, 1000, 800)
    sits = unease(boxes(*(as_fractions(place) for place in (centred, third, edge))), rules)  # type: ignore[arg-type]
    # The air is 20 px all around, a tenth of the object's side.
    assert sits[:2].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert sits[2] == pytest.approx(1 - (220 / 240) ** 2 + (250 - 100) / 500 - 1 / 6)
    assert unease(boxes((0, 0, 0.5, 0.5)), Rules()).tolist() == [0]


def test_rules_about_what_is_visible() -> None:
    rules = wishing()
    assert rules.any_active
    assert rules.has_wishes
    whole, half = as_fractions((800, 100, 1200, 700)), as_fractions((800, 100, 1020, 700))
    ((flag, broken),) = violations(boxes(whole, half), rules, SIZE)  # type: ignore[arg-type]
    assert (flag, broken.tolist()) == ("cuts_visible", pytest.approx([0, 0.5]))
    admitted, relaxed = admit(boxes(whole, half), rules, SIZE)  # type: ignore[arg-type]
    assert (admitted.tolist(), relaxed) == ([True, False], ())
    admitted, relaxed = admit(boxes(half), rules, SIZE)  # type: ignore[arg-type]
    assert (admitted.tolist(), relaxed) == ([True], ("cuts_visible",))


def test_wishes_go_one_by_one() -> None:
    rules = replace(wishing(), person_xyxy=boxes((0, 0, 0.2, 0.2)))
    fewer = rules.fewer_wishes()
    assert (len(fewer.person_xyxy), len(fewer.visible_xyxy)) == (1, 0)
    assert not fewer.fewer_wishes().has_wishes


def test_where_the_request_cannot_have_what_it_keeps_the_wish_is_silent() -> None:
    rules = replace(wishing(), keep_xyxy=boxes((0, 0, 1, 1)))
    left, right = (0.0, 0.0, 0.6, 1.0), (0.4, 0.0, 1.0, 1.0)
    admitted, relaxed = admit(boxes(left, right), rules, SIZE)
    assert admitted.all()
    assert relaxed == ("cuts_kept",)


@pytest.mark.parametrize("ratio", ["4:5", "1:1", "16:9", "2:3", "1:2"])
def test_candidates_that_hold_the_object_are_among_the_others(ratio: str) -> None:
    rules = wishing(ratio=ratio)
    shape = parse_ratio(ratio).resolve(SIZE)
    assert shape is not None
    for pool in (fixed_ratio_pool(shape, rules, SIZE), free_pool(boxes((0, 0, 0.5, 1)), np.ones(1), rules, SIZE)):
        assert admit(pool.boxes_xyxy, rules, SIZE)[1] == ()
        assert (unease(pool.boxes_xyxy, rules) < 0.15).any()
    grid = grid_pool(rules, SIZE)
    assert admit(grid.boxes_xyxy, rules, SIZE)[1] == ()
    assert grid.leading < len(grid.boxes_xyxy)


def test_whom_a_crop_halves() -> None:
    people = np.array([[0.2, 0.2, 0.4, 0.9], [0.6, 0.1, 0.8, 0.5]])
    crops = np.array(
        [
            [0.0, 0.0, 1.0, 1.0],  # everybody
            [0.0, 0.0, 0.5, 1.0],  # one whole, the other left out
            [0.3, 0.0, 1.0, 1.0],  # half of the first
            [0.0, 0.0, 0.75, 1.0],  # three quarters of the second
            [0.3, 0.95, 1.0, 1.0],  # beneath both
            [0.0, 0.0, 1.0, 0.6],  # legs are cut off
        ]
    )
    assert halved(crops, people) == pytest.approx([0, 0, 1, 0.5, 0, 0])
    assert halved(crops, np.empty((0, 4))).tolist() == [0] * 6


def test_a_crop_rather_leaves_somebody_out_than_halves_them() -> None:
    """The first candidate is expected to overlap a little more, but ends in the middle of a person."""
    candidates = np.array([[0.0, 0.0, 0.6, 1.0], [0.0, 0.0, 0.5, 1.0]])
    opinions = CropDistribution(candidates, np.array([0.55, 0.45]))
    people = np.array([[0.52, 0.1, 0.68, 0.9]])

    def best(**options: Any) -> list[float]:
        return list(select(candidates, opinions, SetLimits(1, 0.7), **options).boxes_xyxy[0])

    assert best() == candidates[0].tolist()
    assert best(halving=partial(halved, people_xyxy=people)) == candidates[1].tolist()
