"""Charts: the same data give the same bytes, nobody's settings are touched, and drawings fit into a page."""

import io
import re

import matplotlib
import pytest
from PIL import Image

from cadrage.plots import png, svg


def paint(canvas):
    panel = canvas.subplots()
    panel.plot([0, 1], [0, 1], color="#0072b2", gid="line")
    panel.set_title("a < b & $c$ 名")


def test_a_png_has_its_size_and_is_the_same_every_time():
    with Image.open(io.BytesIO(png((3, 2), paint, dpi=100))) as picture:
        assert picture.size == (300, 200)
        assert "Software" not in picture.info
    assert png((3, 2), paint) == png((3, 2), paint)
    assert png((3, 2), paint) != png((3, 2), paint, style={"font.size": 14})


def test_an_svg_is_the_same_every_time_and_needs_nothing():
    drawing = svg((300, 200), paint, "a rise", {}, {})
    assert drawing == svg((300, 200), paint, "a rise", {}, {})
    assert drawing.startswith('<svg viewBox="0 0 300 200" role="img" aria-label="a rise">')
    assert not re.search(r"http|<style|<metadata|<!|<\?", drawing)
    assert "a &lt; b &amp; $c$ 名" in drawing


def test_things_say_what_they_are_and_take_the_colours_of_the_page():
    drawing = svg((300, 200), paint, '"quoted"', {"line": ("rise", "<up> & away")}, {"own": "#0072b2"})
    assert '<g class="rise"><title>&lt;up&gt; &amp; away</title>' in drawing
    assert 'aria-label="&quot;quoted&quot;"' in drawing
    assert "stroke: var(--own)" in drawing and "#0072b2" not in drawing
    assert "<g id=" not in drawing


def test_drawings_of_one_page_share_no_names():
    def dots(canvas):
        canvas.subplots().plot([0, 1], [0, 1], marker="o")

    names = [set(re.findall(r'id="([^"]+)"', svg((90, 60), dots, label, {}, {}))) for label in ("one", "other")]
    assert all(names) and not names[0] & names[1]


def test_settings_stay_as_they_were():
    before = dict(matplotlib.rcParams)
    png((3, 2), paint)
    svg((300, 200), paint, "", {}, {})
    assert dict(matplotlib.rcParams) == before


def test_what_goes_wrong_while_painting_is_not_hidden():
    def fail(canvas):
        raise FloatingPointError("underflow")

    with pytest.raises(FloatingPointError, match="underflow"):
        png((3, 2), fail)
