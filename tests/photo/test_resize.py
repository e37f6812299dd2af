"""Each filter against what it is called after, and against a second way to compute it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from cadrage.datasets.pixels import resize
from cadrage.photo import open_photo
from cadrage.photo.resize import RESIZE_FILTERS, resized


def noise(width: int, height: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def by_torch(pixels: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    planes = torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)[None]
    small = F.interpolate(planes, size=size_wh[::-1], mode="bilinear", align_corners=False, antialias=False)
    return small[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size_wh", [(32, 20), (97, 61), (1, 1), (200, 150)])
def test_plain_bilinear_is_torch_s_without_antialiasing(size_wh: tuple[int, int]) -> None:
    pixels = noise(97, 61)
    ours = resize(pixels, size_wh, "bilinear-plain")
    assert np.abs(ours - by_torch(pixels, size_wh)).max() <= 0.501


def test_plain_bilinear_looks_at_four_pixels_and_area_at_all() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[::8, ::8] = 255
    plain, area = (resize(pixels, (8, 8), each) for each in ("bilinear-plain", "area"))
    assert plain.max() == 0
    assert area.min() > 0


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
def test_every_mode_comes_back_as_it_is(mode: str) -> None:
    image = Image.frombytes(mode, (30, 20), noise(30, 20 * len(Image.new(mode, (1, 1)).getbands()), 1).tobytes())
    for each in RESIZE_FILTERS:
        small = resized(image, (12, 9), each)
        assert (small.mode, small.size) == (mode, (12, 9))
    same = resized(image, image.size, "bilinear-plain")
    assert same.tobytes() == image.tobytes()


@pytest.mark.parametrize("resize_filter", RESIZE_FILTERS)
def test_the_mirrored_photo_gives_the_mirrored_picture(resize_filter: str) -> None:
    pixels = noise(90, 60)
    ahead, back = (resize(each, (33, 21), resize_filter) for each in (pixels, pixels[:, ::-1].copy()))
    assert np.abs(ahead.astype(int) - back[:, ::-1]).max() <= 1


@pytest.mark.parametrize("resize_filter", RESIZE_FILTERS)
def test_a_box_is_the_picture_of_that_part_alone_away_from_its_border(resize_filter: str) -> None:
    pixels = noise(90, 60)
    part = resize(pixels, (25, 20), resize_filter, (20.0, 10.0, 70.0, 50.0))
    cut = resize(pixels[10:50, 20:70].copy(), (25, 20), resize_filter)
    inner = np.s_[3:-3, 3:-3]
    assert np.abs(part.astype(int) - cut)[inner].max() <= 1


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("resize_filter", ["bilinear-plain", "lanczos"])
def test_a_model_sees_every_pixel_of_a_jpeg_through_the_other_filters(resize_filter, turn, tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(noise(400, 300)).save(tmp_path / "a.jpg", quality=95, exif=exif)
    photo = open_photo(tmp_path / "a.jpg")
    shown = photo.model_input((48, 64), resize_filter)
    wanted = resized(photo.full().convert("RGB"), (48, 64), resize_filter)
    np.testing.assert_array_equal(shown, np.asarray(wanted))
    assert shown.shape == (64, 48, 3)


def test_a_size_of_its_own_is_decoded_at_reduced_scale_whichever_way_the_photo_is_turned(tmp_path, monkeypatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1600, 800), "teal").save(tmp_path / "a.jpg", exif=exif)
    photo = open_photo(tmp_path / "a.jpg")
    seen = []
    monkeypatch.setattr(
        "cadrage.photo.decode.resized", lambda image, *a, **k: seen.append(image.size) or resized(image, *a, **k)
    )
    assert photo.model_input((100, 200)).shape == (200, 100, 3)
    assert seen == [(200, 400)]
