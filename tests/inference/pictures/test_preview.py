import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cadrage.errors import OutputError
from cadrage.geometry import to_pixels
from cadrage.inference.pictures import preview
from cadrage.inference.pictures.drawing import PALETTE, Mark, label_places, mark_photo, rank_color, text_color
from cadrage.inference.pictures.preview_page import page, write_html
from cadrage.inference.request import Request
from cadrage.inference.results import ImageInfo, ModelInfo, Suggestions
from cadrage.inference.selection.crop import Crop

NASTY_NAME = '"><img src=x onerror=alert(1)>&amp;\n.jpg'
BOXES = [(0.1, 0.1, 0.7, 0.8), (0.0, 0.0, 1.0, 1.0), (0.1, 0.1, 0.5, 0.5), (0.0, 0.0, 0.4, 1.0), (0.6, 0.6, 1.0, 1.0)]


def grey(size_wh: tuple[int, int], level: int = 200) -> Image.Image:
    return Image.new("RGB", size_wh, (level, level, level))


def suggestions(
    size_wh: tuple[int, int], *, ratios: tuple[str, ...] = ("free",), boxes=BOXES, path: str = "trip/a.jpg", **more
) -> Suggestions:
    crops = []
    for ratio in ratios:
        for rank, box in enumerate(boxes, start=1):
            x1, y1, x2, y2 = to_pixels([box], size_wh)[0].tolist()
            norm = (x1 / size_wh[0], y1 / size_wh[1], x2 / size_wh[0], y2 / size_wh[1])
            crops.append(
                Crop(
                    rank=rank,
                    ratio=ratio,
                    box_px=(x1, y1, x2 - x1, y2 - y1),
                    box_norm=norm,
                    score=0.9 - rank / 20,
                    area_fraction=(norm[2] - norm[0]) * (norm[3] - norm[1]),
                    importance_fraction=0.5,
                    focal_point=((norm[0] + norm[2]) / 2, (norm[1] + norm[3]) / 2),
                )
            )
    return Suggestions(
        image=ImageInfo(path, "0" * 64, *size_wh, 1),
        model=ModelInfo("tiny", "test", "1", "0" * 64),
        request=Request.of(ratio=list(ratios)),
        crops=tuple(crops),
        **more,
    )


def draw_crops(image: Image.Image, result: Suggestions) -> Image.Image:
    return preview.draw_crops(image, result.crops, result.caption)


def contact_sheet(items: list[tuple[Image.Image, Suggestions]]) -> Image.Image:
    return preview.contact_sheet([(image, result.crops, result.caption) for image, result in items])


def write_png(path: Path, items: list[tuple[Image.Image, Suggestions]], *, overwrite: bool = False) -> None:
    preview.write_png(path, [(image, result.crops, result.caption) for image, result in items], overwrite=overwrite)


def test_the_photo_is_dimmed_outside_the_best_crop_only():
    photo = grey((400, 300))
    marked = mark_photo(photo, [Mark((100, 100, 300, 250), "1", PALETTE[0])])
    assert marked.getpixel((20, 20)) == (90, 90, 90)
    assert marked.getpixel((280, 180)) == (200, 200, 200)
    assert photo.getpixel((20, 20)) == (200, 200, 200)


def test_every_crop_is_outlined_in_its_colour_on_the_inside_of_its_edges():
    marks = [Mark((100, 100, 300, 250), "1", PALETTE[0]), Mark((0, 0, 400, 300), "2", PALETTE[1])]
    marked = mark_photo(grey((400, 300)), marks)
    assert marked.getpixel((102, 175)) == PALETTE[0]
    assert marked.getpixel((297, 175)) == PALETTE[0]
    assert marked.getpixel((1, 150)) == PALETTE[1]
    assert marked.getpixel((398, 150)) == PALETTE[1]


boxes_px = st.tuples(st.integers(0, 399), st.integers(0, 299), st.integers(1, 400), st.integers(1, 300)).map(
    lambda b: (min(b[0], b[2] - 1), min(b[1], b[3] - 1), b[2], b[3])
)


@given(st.lists(boxes_px, min_size=1, max_size=12))
def test_labels_never_leave_the_picture(boxes):
    marks = [Mark(box, str(index), rank_color(index)) for index, box in enumerate(boxes, start=1)]
    for x1, y1, x2, y2 in label_places(marks, (400, 300), 20):
        assert 0 <= x1 < x2 <= 400
        assert 0 <= y1 < y2 <= 300


def test_labels_of_crops_with_the_same_corner_do_not_cover_each_other():
    marks = [Mark((0, 0, 200 + 10 * index, 200), str(index), PALETTE[0]) for index in range(9)]
    places = label_places(marks, (400, 300), 20)
    for index, (x1, y1, x2, y2) in enumerate(places):
        for a1, b1, a2, b2 in places[:index]:
            assert x2 <= a1 or a2 <= x1 or y2 <= b1 or b2 <= y1


def relative_luminance(color) -> float:
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in color)]
    return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("color", PALETTE)
def test_every_label_has_the_contrast_that_wcag_asks_of_text(color):
    lighter, darker = sorted((relative_luminance(color), relative_luminance(text_color(color))), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.mark.parametrize(("size_wh", "width"), [((300, 200), 1200), ((200, 300), 1200)])
def test_one_ratio_makes_a_page_of_1200_pixels(size_wh, width):
    picture = draw_crops(grey(size_wh), suggestions(size_wh))
    assert (picture.mode, picture.width) == ("RGB", width)


def test_several_ratios_stand_in_two_columns():
    picture = draw_crops(grey((300, 200)), suggestions((300, 200), ratios=("1:1", "4:5", "16:9")))
    assert picture.width == 2400


def test_the_same_input_gives_the_same_picture_and_stays_as_it_was():
    photo, result = grey((300, 200)), suggestions((300, 200))
    assert draw_crops(photo, result).tobytes() == draw_crops(photo, result).tobytes()
    assert photo.getcolors() == [(60000, (200, 200, 200))]


@pytest.mark.parametrize("size_wh", [(1, 1), (2, 700), (700, 2), (5000, 40)])
def test_extreme_shapes_are_drawn(size_wh):
    photo, result = grey(size_wh), suggestions(size_wh)
    assert draw_crops(photo, result).width == 1200
    assert contact_sheet([(photo, result)]).width > 0
    assert page([(photo, result)])


def test_the_preview_may_be_smaller_than_the_photo():
    assert draw_crops(grey((60, 40)), suggestions((6000, 4000))).width == 1200


@pytest.mark.parametrize("count", [1, 2, 7, 40, 130])
def test_a_contact_sheet_holds_every_photo_and_stays_within_a_screen_or_two_of_width(count):
    sheet = contact_sheet([(grey((60, 40)), suggestions((60, 40)))] * count)
    assert sheet.width <= 2600
    bright = np.asarray(sheet).reshape(-1, 3)
    # The untouched inside of each photo's best crop keeps its grey.
    assert (bright == 200).all(axis=1).sum() > count * 200


def test_long_and_strange_names_do_not_widen_the_picture():
    result = suggestions((60, 40), path="/very/long/" * 40 + "名前\u202e.jpg")
    assert draw_crops(grey((60, 40)), result).width == 1200


class Checker(HTMLParser):
    """Collects what a page loads or runs and whether its elements are closed in order."""

    void = frozenset({"meta", "img", "br", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return checker


def test_the_page_loads_nothing_and_runs_nothing():
    items = [(grey((60, 40)), suggestions((60, 40), path=NASTY_NAME, warnings=("<b>bold</b>",)))]
    text = page(items)
    checker = checked(text)
    assert not {"script", "link", "iframe", "object", "b><"} & set(checker.tags)
    assert not [name for name, _ in checker.attributes if name.startswith("on") or name == "href"]
    assert all(value.startswith("data:image/jpeg;base64,") for name, value in checker.attributes if name == "src")
    assert all(url.startswith("data:") for url in re.findall(r"url\(([^)]{0,20})", text))
    assert "http://" not in text
    assert "https://" not in text
    assert "<b>bold" not in text


def test_each_crop_has_its_own_picture_and_numbers():
    result = suggestions((400, 200), ratios=("1:1", "4:5"))
    checker = checked(text := page([(grey((400, 200)), result)]))
    sources = [value for name, value in checker.attributes if name == "src"]
    assert len(sources) == len(result.crops)
    for source, crop, css in zip(sources, result.crops, result.css, strict=True):
        picture = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
        assert picture.size == crop.xywh[2:]
        assert ",".join(map(str, crop.xywh)) in text
        assert f"object-position: {css}" in text
    # The photo itself travels once, not once per ratio.
    assert text.count("background-image:url(data:") == 1


def test_the_page_is_the_same_every_time_and_speaks_of_every_photo():
    items = [(grey((60, 40)), suggestions((60, 40), path=f"{name}.jpg")) for name in "abc"]
    assert page(items) == page(items)
    assert checked(page(items)).tags.count("article") == 3
    assert "Crops of 3 photos" in page(items)


@pytest.mark.parametrize(("write", "name"), [(write_png, "look.png"), (write_html, "look.html")])
def test_a_preview_is_written_whole_and_replaces_only_when_told(tmp_path: Path, write, name):
    items = [(grey((60, 40)), suggestions((60, 40)))]
    path = tmp_path / name
    write(path, items)
    first = path.read_bytes()
    with pytest.raises(OutputError, match=name):
        write(path, items)
    write(path, items, overwrite=True)
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("write", "name"), [(write_png, "look.png"), (write_html, "look.html")])
def test_a_preview_in_a_missing_folder_is_an_output_error(tmp_path: Path, write, name):
    with pytest.raises(OutputError, match="folder"):
        write(tmp_path / "missing" / name, [(grey((60, 40)), suggestions((60, 40)))])
