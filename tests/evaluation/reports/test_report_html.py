import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from cadrage.evaluation.published import published
from cadrage.evaluation.reports.charts import histogram, strip
from cadrage.evaluation.reports.page import page
from cadrage.evaluation.reports.photos import ShownPhoto
from cadrage.evaluation.result import Estimate

NASTY = '"><img src=x onerror=alert(1)></style><script>alert(1)</script>&amp;\n'


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

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return checker


@pytest.fixture
def shown(tmp_path) -> list[ShownPhoto]:
    photos = []
    for group in ("best", "median", "worst"):
        file = tmp_path / f"{group}.png"
        if group != "worst":
            Image.new("RGB", (60, 40), (200, 200, 200)).save(file)
        truths, predicted = np.array([[0.0, 0.0, 0.5, 1.0]]), np.array([[0.1, 0.1, 0.9, 0.9]])
        photos.append(ShownPhoto(file, f"images/{NASTY}.png", (60, 40), group, truths, predicted, {"iou": 0.5}))
    return photos


def test_the_page_loads_nothing_and_runs_nothing(result, shown):
    nasty = result(
        predictor={"kind": NASTY, "name": NASTY, NASTY: [NASTY], "more": {NASTY: NASTY}},
        data={"split": NASTY, "split_sha256": NASTY, "subset": NASTY},
        notes=(NASTY,),
        floors={NASTY: {"iou": Estimate(0.5, 0.4, 0.6, 12)}},
        ceilings={"iou": (NASTY, Estimate(0.9, 0.8, 1.0, 12))},
    )
    text = page(nasty, published("fcdb-free"), shown)
    checker = checked(text)
    assert not {"script", "link", "iframe", "object"} & set(checker.tags)
    assert checker.tags.count("img") == 2
    assert not [name for name, _ in checker.attributes if name.startswith("on") or name == "href"]
    assert all(value.startswith("data:image/jpeg;base64,") for name, value in checker.attributes if name == "src")
    assert "url(" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert text.count("</style>") == 1


@pytest.mark.parametrize("protocol", ["fcdb-free", "fcdb-ratio", "fcdb-pairs", "flms", "gaicd-ranking", "gaicd-anybox"])
def test_every_protocol_makes_a_sound_page(result, shown, protocol):
    text = page(result(protocol=protocol), published(protocol), shown)
    checker = checked(text)
    assert checker.tags.count("figure") == 3
    assert "nan" not in text.lower().replace("nano", "")
    assert "model default on " + protocol in text


def test_what_is_needed_to_trust_and_repeat_is_told(result):
    text = page(result(undefined={"bde": 3}, notes=("a note",)), published("fcdb-free"), ())
    assert "cadrage eval fcdb-free --data DIR --model default --split dev" in text
    assert "a" * 64 in text
    assert "b" * 64 in text
    assert "a note" in text
    assert "undefined on 3" in text
    assert "[.7056, .7471], n = 12" in text
    assert "other photos than below" in text
    assert "Not comparable: chooses from a list" in text


def test_an_empty_result_is_a_page_too(result):
    text = page(result(metrics={}, floors={}, ceilings={}, photos=(), n=0), (), ())
    checked(text)
    assert "None of the metrics could be measured" in text
    assert "How photos differ" not in text


def test_one_photo_needs_no_histogram(result, shown):
    one = result(photos=({"file_name": "a", "iou": 0.5},), n=1)
    text = page(one, published("fcdb-free"), shown[:1])
    checked(text)
    assert "How photos differ" not in text
    assert "Best" in text
    assert "Worst" not in text


def test_the_same_result_gives_the_same_page(result, shown):
    assert page(result(), published("flms"), shown) == page(result(), published("flms"), shown)


def places(drawing: str, kind: str) -> list[float]:
    """Where the marks of one kind stand, in per cent of the width."""
    width = float(re.search(r'viewBox="0 0 (\d+) ', drawing)[1])
    marks = re.findall(rf'<g class="{kind}"><title>[^<]*</title>.*?<use [^>]*x="([\d.]+)"', drawing, re.DOTALL)
    return [100 * float(place) / width for place in marks]


@pytest.mark.parametrize("metric", ["iou", "bde"])
def test_right_is_better_on_every_axis(result, metric):
    drawing = strip(metric, result(), published("fcdb-free")).svg
    checked(drawing)
    (floor,), (best,), (own,) = (places(drawing, kind) for kind in ("floor", "floor best", "own"))
    assert floor < best < own
    assert all(
        0 <= place <= 100 for kind in ("floor", "own", "published", "ceiling") for place in places(drawing, kind)
    )


def test_a_metric_that_judges_nothing_has_no_floors(result):
    drawing = strip("area", result(floors={"whole": {"area": Estimate(1, 1, 1, 12)}}), ()).svg
    assert 'class="floor' not in drawing


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, -1.0, 1e-9])
def test_a_metric_without_spread_is_drawn(result, value):
    metrics = {"srcc": Estimate(value, value, value, 1)}
    drawing = strip("srcc", result(metrics=metrics, floors={}, ceilings={}), ()).svg
    checked(drawing)
    assert "nan" not in drawing
    assert "inf" not in drawing
    checked(histogram("srcc", [value, value], value, 1080))


def test_every_photo_is_in_one_bar():
    values = [0.0, 0.1, 0.1, 0.55, 0.999, 1.0]
    counts = re.findall(r": (\d+) photos</title>", histogram("iou", values, 0.46, 1080))
    assert sum(map(int, counts)) == len(values)
    assert sum(map(int, re.findall(r": (\d+) photos</title>", histogram("srcc", [-0.9, 0.2, 0.21], 0, 340)))) == 3


def test_a_value_on_an_edge_is_counted_to_its_right():
    bars = re.findall(
        r"([\d.]+) to ([\d.]+): (\d+) photos", histogram("recall75", [k / 10 for k in range(11)], 0.5, 1080)
    )
    # Only the end of the axis has nothing to its right.
    assert [(float(start), count) for start, _, count in bars] == [*((10.0 * k, "1") for k in range(10)), (95.0, "1")]


def test_a_name_that_is_not_text_makes_a_page_that_is(result, shown):
    content = page(result(predictor={"name": "\udc80"}), published("flms"), shown)
    assert content.encode("utf-8").startswith(b"<!doctype html>")
    assert "\\udc80" in content
