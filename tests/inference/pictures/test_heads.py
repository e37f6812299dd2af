"""Heads in pictures and on pages: told apart by their line, and none where there are none."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from PIL import Image

from cadrage.inference.explain import explanation, predicted_map
from cadrage.inference.pictures import explain_page, explain_picture, preview, preview_page
from cadrage.inference.pictures.drawing import PAPER
from cadrage.inference.pictures.heads import draw_heads, heads_key
from cadrage.inference.request import Request
from cadrage.inference.results import ImageInfo, ModelInfo, Suggestions
from cadrage.inference.selection.crop import Crop
from cadrage.inference.selection.heads import HEAD_FATES, HeadFate, HeadInCrop
from cadrage.inference.subjects.detector import nothing

HEAD = (0.4, 0.3, 0.6, 0.6)


def grey() -> Image.Image:
    return Image.new("RGB", (300, 200), (90, 90, 90))


def suggestions(*fates: HeadFate) -> Suggestions:
    """Two crops of a photo with as many heads."""
    heads = tuple(HeadInCrop(HEAD, fate) for fate in fates)
    crop = Crop(1, "free", (30, 20, 240, 160), (0.1, 0.1, 0.9, 0.9), 0.9, 0.64, 0.8, (0.5, 0.5), heads=heads)
    second = replace(crop, rank=2, box_px=(0, 0, 300, 200), box_norm=(0, 0, 1, 1), area_fraction=1.0, score=0.8)
    image, model = ImageInfo("a.jpg", "0" * 64, 300, 200, 1), ModelInfo("tiny", "test", "1", "0" * 64)
    return Suggestions(image, model, Request.of(), (crop, second))


def explained(found: Suggestions) -> explain_page.Item:
    values = np.linspace(0, 1, 64)[None].repeat(64, axis=0)
    return grey(), found, explanation(predicted_map(values, "m"), found.crops, nothing("none"))


def pictures(found: Suggestions) -> list[Image.Image]:
    """A preview, a contact sheet, an explanation and a sheet of those."""
    item = (grey(), found.crops, found.caption)
    why = (*item, explained(found)[2])
    return [
        preview.draw_crops(*item),
        preview.contact_sheet([item, item]),
        explain_picture.draw_explanation(*why),
        explain_picture.explained_sheet([why, why]),
    ]


def white_runs(fate: HeadFate) -> list[int]:
    """How long the white pieces of the upper edge are."""
    picture = grey()
    draw_heads(picture, [HeadInCrop(HEAD, fate)])
    edge = [picture.getpixel((x, 60)) == PAPER for x in range(300)]
    return [len(list(run)) for white, run in groupby(edge) if white]


def test_the_line_tells_what_became_of_a_head() -> None:
    whole, cut, left_out = (white_runs(fate) for fate in HEAD_FATES)
    assert whole == [60]
    assert len(cut) > 4 and max(cut) < 10
    assert len(left_out) == 2 and sum(left_out) < 40


def test_a_head_is_outlined_and_not_covered() -> None:
    picture = grey()
    draw_heads(picture, [HeadInCrop(HEAD, "cut")])
    assert picture.crop((125, 65, 175, 115)).getcolors() == [(2500, (90, 90, 90))]
    assert picture.crop((0, 0, 300, 55)).getcolors() == [(16500, (90, 90, 90))]


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, 1.0), (0.99, 0.99, 1.0, 1.0), (0.0, 0.5, 0.001, 0.501)])
@pytest.mark.parametrize("fate", HEAD_FATES)
def test_heads_of_any_size_are_drawn(box: tuple[float, float, float, float], fate: HeadFate) -> None:
    for size in ((300, 200), (1, 1), (2, 700)):
        draw_heads(Image.new("RGB", size), [HeadInCrop(box, fate)])


def test_the_key_names_only_what_is_there() -> None:
    def key(*fates: HeadFate) -> Image.Image:
        return heads_key([HeadInCrop(HEAD, fate) for fate in fates], "crop 1")

    assert key("cut", "cut").tobytes() == key("cut").tobytes()
    assert key("whole").width < key("whole", "cut").width < key("whole", "left_out", "cut").width


@pytest.mark.parametrize("which", range(4))
def test_pictures_show_heads_and_tell_them_apart(which: int) -> None:
    def drawn(*fates: HeadFate) -> bytes:
        return pictures(suggestions(*fates))[which].tobytes()

    assert len({drawn(), drawn("whole"), drawn("cut"), drawn("left_out")}) == 4


@pytest.mark.parametrize("which", range(4))
def test_without_heads_nothing_is_drawn_and_no_room_is_left(monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    before, with_heads = (pictures(suggestions(*fates))[which] for fates in ((), ("cut",)))
    assert before.height < with_heads.height

    def nobody(heads: Sequence[HeadInCrop], *rest: object) -> None:
        raise AssertionError("there is no head to tell about")

    for module in (preview, explain_picture):
        monkeypatch.setattr(module, "heads_key", nobody)
    assert pictures(suggestions())[which].tobytes() == before.tobytes()


def test_pages_show_heads_with_a_key_and_in_words() -> None:
    found = suggestions("whole", "cut")
    for text in (preview_page.page([(grey(), found)]), explain_page.page([explained(found)])):
        # One on the photo and one in the key.
        assert text.count('class="head whole"') == text.count('class="head cut"') == 2
        assert 'class="head left_out"' not in text and "Heads by crop 1" in text
        assert text.count("holds 1 head whole, cuts 1 head") == 2
    for text in (preview_page.page([(grey(), suggestions())]), explain_page.page([explained(suggestions())])):
        assert 'class="head' not in text and "Heads by" not in text
