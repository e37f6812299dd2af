"""Who is kept: canvases, what counts as kept, and what the summary says of predictors that are known."""

import json

import numpy as np
import pytest
from PIL import Image

from cadrage.evaluation.portraits.probe import (
    CHANGED,
    PLAIN,
    TILE_PX,
    Finding,
    Trial,
    canvas,
    kept_place,
    probe,
    summarise,
    tile,
)
from cadrage.evaluation.portraits.report import portrait_json, portrait_lines

PORTRAITS = {
    "light": Image.new("RGB", (300, 400), (200, 190, 180)),
    "dark": Image.new("RGB", (400, 300), (60, 70, 80)),
    "middle": Image.new("RGB", (500, 500), (120, 130, 110)),
}
FIRST, SECOND = (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0)


def always_first(image: Image.Image, ratio: str) -> tuple[float, ...]:
    return FIRST


def brightest(image: Image.Image, ratio: str) -> tuple[float, ...]:
    """A predictor that keeps whichever half is brighter, the first of equals."""
    values = np.asarray(image.convert("L"), float)
    halves = np.array_split(values, 2, axis=1 if ratio == "1:1" else 0)
    return SECOND if halves[1].mean() > halves[0].mean() + 0.5 else FIRST


def shares(findings: list[Finding], ratio: str) -> dict[str, float]:
    return {each.what: each.share.mean for each in findings if each.ratio == ratio and each.share is not None}


def test_tiles_fill_the_canvas_in_their_order() -> None:
    for ratio, width, columns, rows in (("1:1", TILE_PX, 2, 1), ("16:9", 853, 1, 2)):
        one, other = (tile(PORTRAITS[name], ratio) for name in ("light", "dark"))
        assert one.size == (width, TILE_PX)
        both = canvas(one, other, ratio)
        assert both.size == (columns * width, rows * TILE_PX)
        assert both.getpixel((10, 10)) == (200, 190, 180)
        assert both.getpixel((both.width - 10, both.height - 10)) == (60, 70, 80)


@pytest.mark.parametrize(
    ("crop", "at_square", "at_wide"),
    [
        ((0.0, 0.0, 0.5, 1.0), 0, None),
        ((0.3, 0.0, 0.8, 0.28), 1, 0),
        ((0.25, 0.36, 0.75, 0.64), None, None),
        ((0.4, 0.7, 0.9, 0.98), 1, 1),
    ],
)
def test_kept_is_the_one_of_which_more_is_seen(
    crop: tuple[float, ...], at_square: int | None, at_wide: int | None
) -> None:
    assert (kept_place(crop, "1:1"), kept_place(crop, "16:9")) == (at_square, at_wide)


def test_every_pair_is_shown_in_both_orders() -> None:
    trials = probe(PORTRAITS, always_first)
    # Per ratio: 3 pairs of 7 looks and 3 portraits beside 3 changed copies of themselves, in two orders.
    assert len(trials) == 2 * (3 * 7 + 3 * 3) * 2
    swapped = {(t.ratio, t.names[::-1], t.looks[::-1]) for t in trials}
    assert swapped == {(t.ratio, t.names, t.looks) for t in trials}


def test_a_predictor_of_places_shows_no_other_effect() -> None:
    found = summarise(probe(PORTRAITS, always_first))
    for ratio in ("1:1", "16:9"):
        share = shares(found, ratio)
        assert share["the first place (left or top) is kept"] == 1 and share["equal parts of both"] == 0
        assert all(share[f"{name} is kept, beside others"] == 0.5 for name in PORTRAITS)
        for look in CHANGED:
            assert share[f"the {look} copy is kept, beside the same portrait"] == 0.5
            assert share[f"another is kept where one of two is {look}"] == 0


def test_a_predictor_of_brightness_is_found_out() -> None:
    share = shares(summarise(probe(PORTRAITS, brightest)), "1:1")
    assert share["light is kept, beside others"] == 1 and share["dark is kept, beside others"] == 0
    assert share["the darkened copy is kept, beside the same portrait"] == 0
    assert share["the lightened copy is kept, beside the same portrait"] == 1
    assert share["the first place (left or top) is kept"] > 0.5  # of equals, such as a grey copy


def test_equal_parts_are_no_choice() -> None:
    found = summarise(probe(PORTRAITS, lambda *_: (0.25, 0.25, 0.75, 0.75)))
    assert shares(found, "1:1") == {"equal parts of both": 1.0}
    assert [each.share for each in found if each.what.startswith("the darkened copy")] == [None, None]


def test_text_and_json_say_how_few_they_are() -> None:
    trials = probe({name: PORTRAITS[name] for name in ("light", "dark")}, brightest)
    findings = summarise(trials)
    lines = " ".join(portrait_lines("tiny.test", 2, findings).split())
    assert "Who is kept by tiny.test" in lines and "2 portraits" in lines and "nothing about groups of people" in lines
    content = json.loads(portrait_json({"name": "tiny.test"}, ["light", "dark"], trials, findings))
    assert len(content["trials"]) == len(trials) and content["portraits"] == ["light", "dark"]
    assert all(0 <= each["share"] <= 1 for each in content["findings"] if each["n"])
    assert content["findings"] == json.loads(portrait_json({"name": "a"}, [], trials, summarise(trials)))["findings"]


def test_a_tie_is_told_apart_from_a_choice() -> None:
    found = summarise([Trial("1:1", ("a", "b"), (PLAIN, PLAIN), None), Trial("1:1", ("b", "a"), (PLAIN, PLAIN), 1)])
    assert shares(found, "1:1")["equal parts of both"] == 0.5
    assert shares(found, "1:1")["a is kept, beside others"] == 1
