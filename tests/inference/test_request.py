from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
import pytest

from cadrage.errors import UsageError
from cadrage.geometry import parse_ratio
from cadrage.inference.request import Request, RequestOptions
from cadrage.inference.selection.rules import rules_for


def test_defaults_ask_for_five_free_crops() -> None:
    request = Request.of()

    assert [ratio.text for ratio in request.ratio] == ["free"]
    assert (request.n, request.diversity, request.scale, request.strict) == (5, None, "natural", False)
    assert (request.preferred_overlap, request.largest_overlap) == (0.7, 0.85)
    assert not rules_for(request, request.ratio[0], (300, 200)).any_active


@pytest.mark.parametrize(
    ("ratio", "texts"),
    [
        ("4:5", ["4:5"]),
        ((4, 5), ["4:5"]),
        ([(4, 5), "Story ", 1.91], ["4:5", "story", "1.91"]),
        (("4:5", "1:1"), ["4:5", "1:1"]),
        (["1:1", "free", "1:1"], ["1:1", "free"]),
        (parse_ratio("og"), ["og"]),
    ],
)
def test_one_ratio_or_several(ratio: Any, texts: list[str]) -> None:
    assert [item.text for item in Request.of(ratio=ratio).ratio] == texts


@pytest.mark.parametrize("keep", [[0.1, 0.2, 0.3, 0.4], [[0.1, 0.2, 0.3, 0.4]], np.array([[0.1, 0.2, 0.3, 0.4]])])
def test_one_box_or_several(keep: Any) -> None:
    assert Request.of(keep=keep, avoid=keep).keep_xyxy == ((0.1, 0.2, 0.3, 0.4),)


def test_a_ratio_in_pixels_asks_for_that_size() -> None:
    request = Request.of(ratio=["1080x1350", "4:5"], min_size=(1200, 100))

    assert rules_for(request, request.ratio[0], (6000, 4000)).min_size_wh == (1200, 1350)
    assert rules_for(request, request.ratio[1], (6000, 4000)).min_size_wh == (1200, 100)


def test_kept_boxes_grow_to_whole_pixels() -> None:
    request = Request.of(keep=[0.11, 0.11, 0.19, 0.19])

    np.testing.assert_allclose(rules_for(request, request.ratio[0], (10, 10)).keep_xyxy, [[0.1, 0.1, 0.2, 0.2]])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"n": 0}, "n: expected a whole number from 1 to 100, got 0"),
        ({"n": 101}, "n: "),
        ({"n": 2.0}, "n: "),
        ({"n": True}, "n: "),
        ({"ratio": float("nan")}, "ratio nan"),
        ({"ratio": -1}, "ratio -1"),
        ({"ratio": "0:5"}, "ratio '0:5'"),
        ({"ratio": []}, "ratio: expected at least one ratio"),
        ({"ratio": None}, "ratio None"),
        ({"ratio": [None]}, "ratio None"),
        ({"keep": [0.5, 0.5, 1.2, 0.9]}, "keep: box 0 .* outside the photo"),
        ({"keep": [-0.1, 0.5, 0.9, 0.9]}, "keep: box 0"),
        ({"keep": [0.5, 0.5, 0.4, 0.9]}, "keep: box 0"),
        ({"keep": [0.5, 0.5, float("nan"), 0.9]}, "keep: box 0"),
        ({"keep": [0.1, 0.2, 0.3]}, "keep: expected"),
        ({"keep": "face"}, "keep: expected boxes of four numbers"),
        ({"keep": [[0.1, 0.2, 0.3, 0.4], [1]]}, "keep: expected boxes of four numbers"),
        ({"avoid": [100, 100, 200, 200]}, "avoid: box 0"),
        ({"min_area": float("nan")}, r"min_area: expected a number from 0 to 1, got nan"),
        ({"max_area": 1.5}, "max_area: "),
        ({"max_area": 0}, "max_area: "),
        ({"max_area": "big"}, "max_area: "),
        ({"min_area": 0.6, "max_area": 0.5}, r"min_area: expected at most max_area \(0.5\), got 0.6"),
        ({"min_size": (0, 10)}, "min_size: "),
        ({"min_size": (10.5, 10)}, "min_size: "),
        ({"min_size": 10}, "min_size: "),
        ({"min_size": (float("inf"), 10)}, "min_size: "),
        ({"min_size": "10x10"}, "min_size: "),
        ({"diversity": -0.1}, "diversity: "),
        ({"diversity": float("nan")}, "diversity: "),
        ({"scale": "huge"}, "scale: expected one of tight, natural, loose, got 'huge'"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        Request.of(**options)
    assert "\n" not in str(caught.value)


def test_whoever_asks_names_the_same_options() -> None:
    assert {option.name for option in fields(Request)} == set(get_type_hints(RequestOptions))


def test_a_checked_request_is_checked_again_without_a_change() -> None:
    request = Request.of(ratio=["4:5", (4, 5), "1080x1350"], keep=["people", (0.1, 0.2, 0.3, 0.4)], min_area=0.2)
    again = Request.of(**{option.name: getattr(request, option.name) for option in fields(request)})  # type: ignore[arg-type]
    assert again == request


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="aspect"):
        Request.of(aspect="4:5")  # type: ignore[call-arg]
