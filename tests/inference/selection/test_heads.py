"""What becomes of heads in a crop, worked out by hand."""

import numpy as np
import pytest

from cadrage.inference.request import Request
from cadrage.inference.selection.heads import HeadInCrop, count_fates, fates_in_words, heads_in
from cadrage.inference.selection.rules import rules_for

HEAD = (0.4, 0.2, 0.6, 0.4)


@pytest.mark.parametrize(
    ("crop", "fate"),
    [
        (HEAD, "whole"),
        ((0.0, 0.0, 1.0, 1.0), "whole"),
        ((0.4, 0.21, 0.9, 0.9), "cut"),
        # The chin is missed, and even where hardly the hair is seen the head is cut.
        ((0.0, 0.0, 1.0, 0.39), "cut"),
        ((0.0, 0.0, 1.0, 0.21), "cut"),
        ((0.0, 0.0, 1.0, 0.2), "left_out"),
        # To begin below a head and show the body is to behead somebody.
        ((0.0, 0.39, 1.0, 1.0), "cut"),
        ((0.0, 0.5, 1.0, 1.0), "cut"),
        ((0.59, 0.39, 1.0, 1.0), "left_out"),
        ((0.5, 0.0, 1.0, 1.0), "cut"),
        ((0.59, 0.0, 1.0, 1.0), "left_out"),
        ((0.7, 0.0, 1.0, 1.0), "left_out"),
    ],
)
def test_a_head_is_whole_cut_or_left_out(crop: tuple[float, ...], fate: str) -> None:
    assert heads_in(np.array([crop]), np.array([HEAD])) == [(HeadInCrop(HEAD, fate),)]


@pytest.mark.parametrize(("top", "fate"), [(0.2, "cut"), (0.33, "cut"), (0.36, "left_out")])
def test_somebody_far_above_the_crop_is_left_out(top: float, fate: str) -> None:
    """The head begins at .05 and is .05 high; six heads further down its body has ended."""
    small = (0.4, 0.05, 0.45, 0.1)
    assert heads_in(np.array([[0.0, top, 1.0, 1.0]]), np.array([small]))[0][0].fate == fate


def test_every_box_has_every_head_in_their_order() -> None:
    boxes, heads = np.array([[0, 0, 0.5, 1], [0.5, 0, 1, 1.0]]), np.array([[0.1, 0.1, 0.2, 0.2], [0.6, 0.1, 0.7, 0.2]])
    assert [[head.fate for head in row] for row in heads_in(boxes, heads)] == [
        ["whole", "left_out"],
        ["left_out", "whole"],
    ]
    assert heads_in(boxes, np.empty((0, 4))) == [(), ()]


def test_heads_in_words_and_numbers() -> None:
    heads = [HeadInCrop(HEAD, fate) for fate in ("left_out", "whole", "cut", "whole")]
    assert count_fates(heads) == {"whole": 2, "cut": 1, "left_out": 1}
    assert fates_in_words(heads) == "holds 2 heads whole, cuts 1 head, leaves out 1 head"
    assert fates_in_words(heads[:1]) == "leaves out 1 head" and fates_in_words([]) == ""


def test_a_head_that_is_kept_and_sure_is_heeded_once() -> None:
    request, other = Request.of(), (0.7, 0.2, 0.8, 0.4)
    rules = rules_for(request, request.ratio[0], (100, 100), head_xyxy=(other,), sure_head_xyxy=(HEAD, other))
    np.testing.assert_allclose(rules.heeded_heads_xyxy, [other, HEAD])
    assert rules_for(request, request.ratio[0], (100, 100)).heeded_heads_xyxy.shape == (0, 4)
