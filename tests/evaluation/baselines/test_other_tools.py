"""Baselines that are other tools: optional packages, photos as people see them, crops of the exact ratio."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cadrage.errors import CadrageError, PhotoError, UsageError
from cadrage.evaluation.baselines import make_baseline
from cadrage.geometry import box_ratio

TOOLS = {"smartcrop": "smartcrop", "vips-attention": "pyvips", "vips-entropy": "pyvips"}


@pytest.fixture(params=TOOLS)
def tool(request):
    pytest.importorskip(TOOLS[request.param], reason="the extra 'bench' is not installed")
    return make_baseline(request.param)


@pytest.fixture
def with_photo(tmp_path, question):
    """A question about a photo with a colourful, noisy spot at ``fx, fy`` of what people see."""

    def make(n=1, ratio=None, at=(0.8, 0.5), size_wh=(400, 300), orientation=1, boxes=()):
        width, height = size_wh
        pixels = np.full((height, width, 3), 120, np.uint8)
        side = min(size_wh) // 6
        x, y = int(at[0] * width), int(at[1] * height)
        noise = np.random.default_rng(0).integers(0, 256, (2 * side, 2 * side, 1))
        spot = np.concatenate([noise, noise // 4, 60 + 0 * noise], axis=2).astype(np.uint8)
        place = pixels[max(y - side, 0) : y + side, max(x - side, 0) : x + side]
        place[:] = spot[: place.shape[0], : place.shape[1]]
        image = Image.fromarray(pixels)
        exif = image.getexif()
        if orientation == 6:
            # Stored lying on its side, with the order to turn it a quarter clockwise.
            image = image.transpose(Image.Transpose.ROTATE_90)
            exif[0x0112] = 6
        (tmp_path / "images").mkdir(exist_ok=True)
        image.save(tmp_path / "images" / "a.png", exif=exif)
        return question(n, ratio, boxes, size_wh=size_wh, folder=tmp_path)

    return make


@pytest.mark.parametrize("name", TOOLS)
def test_what_is_not_installed_is_named_with_its_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, TOOLS[name], None)
    with pytest.raises(CadrageError, match=rf"baseline {name} needs {TOOLS[name]}.*pip install 'cadrage\[bench\]'"):
        make_baseline(name)


def test_a_wrapper_without_its_library_counts_as_not_installed(monkeypatch):
    def broken(name):
        raise OSError("cannot load library 'libvips.so.42'")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(CadrageError, match="needs pyvips, which is not installed"):
        make_baseline("vips-entropy")


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.2])
def test_the_ratio_is_exact_and_the_box_inside(tool, with_photo, ratio):
    boxes = tool.answer(with_photo(5, ratio)).boxes_xyxy
    assert boxes.shape == (1, 4)
    assert (boxes >= 0).all() and (boxes <= 1).all()
    np.testing.assert_allclose(box_ratio(boxes, (400, 300)), ratio, rtol=1e-9)


def test_it_goes_where_there_is_something_to_see(tool, with_photo):
    left, right = (tool.answer(with_photo(1, 0.5, at=(fx, 0.5))).boxes_xyxy[0] for fx in (0.15, 0.85))
    assert left[0] < 0.1
    assert right[2] > 0.9


def test_a_turned_photo_is_looked_at_upright(tool, with_photo):
    upright = tool.answer(with_photo(1, 0.5)).boxes_xyxy
    turned = tool.answer(with_photo(1, 0.5, orientation=6)).boxes_xyxy
    np.testing.assert_allclose(turned, upright)


def test_a_photo_of_another_shape_than_the_manifest_says_is_refused(tool, with_photo):
    asked = replace(with_photo(1), size_wh=(300, 400))
    with pytest.raises(UsageError, match=r"a\.png: has the shape 400x300, not that of the 300x400 pixels"):
        tool.answer(asked)


def test_without_a_ratio_it_gets_that_of_the_photo(tool, with_photo):
    box = tool.answer(with_photo(3)).boxes_xyxy
    np.testing.assert_allclose(box_ratio(box, (400, 300)), 4 / 3, rtol=1e-9)
    side = box[0, 2] - box[0, 0]
    if tool.name == "smartcrop":
        assert 0.85 < side <= 1
    else:
        assert side == pytest.approx(0.9)


def test_a_large_photo_and_its_small_copy_get_about_the_same_crop(tool, with_photo):
    small = tool.answer(with_photo(1, 0.7, size_wh=(300, 200))).boxes_xyxy
    large = tool.answer(with_photo(1, 0.7, size_wh=(3000, 2000))).boxes_xyxy
    np.testing.assert_allclose(large, small, atol=0.12)


def test_given_boxes_are_not_ranked(tool, with_photo):
    with pytest.raises(UsageError, match=f"{tool.name} ranks no given boxes; choose"):
        tool.answer(with_photo(0, boxes=[[0, 0, 1, 1]]))


def test_nothing_asked_opens_nothing(tool, question):
    assert len(tool.answer(question()).boxes_xyxy) == 0


def test_a_photo_that_cannot_be_read_is_an_error_with_its_name(tool, question, tmp_path):
    with pytest.raises(PhotoError, match=r"a\.png"):
        tool.answer(question(1, folder=tmp_path))


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 40), (15, 20), (16, 16)])
def test_tiny_photos_are_answered_or_named(tool, with_photo, size_wh):
    asked = with_photo(1, 1.0, size_wh=size_wh)
    if tool.name == "smartcrop" and min(size_wh) < 16:
        with pytest.raises(PhotoError, match=r"a\.png: too small for smartcrop"):
            tool.answer(asked)
    else:
        (box,) = tool.answer(asked).boxes_xyxy
        assert (box[:2] < box[2:]).all()


def test_the_version_is_on_record(tool):
    described = tool.describe()
    assert (described["kind"], described["name"]) == ("baseline", tool.name)
    assert described["version"][0].isdigit()
    assert tool.needs_photos is True
