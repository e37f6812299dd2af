"""Where the content of a picture lies that stands on transparent or plain ground, and on what a model sees it."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cadrage.photo import open_photo, photo_from_image
from cadrage.photo.content import box_on_canvas

SIDE = 112
SIZE = (300, 200)
PLACE = (210, 60, 260, 170)
BOX = (210 / 300, 60 / 200, 260 / 300, 170 / 200)


def cutout(colour: tuple[int, ...] = (30, 110, 160), place: tuple[int, int, int, int] = PLACE) -> Image.Image:
    """A rectangle on nothing."""
    image = Image.new("RGBA", SIZE, (255, 0, 255, 0))
    image.paste((*colour, 255), place)
    return image


def on_canvas(colour: tuple[int, ...], noise: float = 0) -> np.ndarray:
    flat = Image.new("RGB", SIZE, colour)
    flat.paste((30, 110, 160), PLACE)
    pixels = np.asarray(flat) + np.random.default_rng(0).normal(0, noise, (SIZE[1], SIZE[0], 3))
    return pixels.clip(0, 255).astype(np.uint8)


def grey_cutout() -> Image.Image:
    image = Image.new("LA", SIZE)
    image.paste((90, 255), PLACE)
    return image


def palette_cutout() -> Image.Image:
    image = Image.new("P", SIZE, 3)
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
    image.paste(1, PLACE)
    return image


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_every_alpha_channel_counts_at_full_resolution(format: str, encoded: Callable) -> None:
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}}.get(format, {})
    assert open_photo(encoded(cutout(), format, **options)).content_xyxy(SIDE) == BOX


def test_so_do_transparent_greys_palettes_and_key_colours(encoded: Callable) -> None:
    grey, palette = grey_cutout(), palette_cutout()
    keyed = Image.new("RGB", SIZE, (1, 2, 3))
    keyed.paste((200, 0, 0), PLACE)
    for content in (
        encoded(grey, "PNG"),
        encoded(palette, "PNG", transparency=3),
        encoded(palette, "PNG", transparency=bytes((255, 255, 255, 0))),
        encoded(keyed, "PNG", transparency=(1, 2, 3)),
        encoded(keyed.convert("L"), "PNG", transparency=keyed.convert("L").getpixel((0, 0))),
    ):
        assert open_photo(content).content_xyxy(SIDE) == BOX
    for image in (cutout(), grey):
        assert photo_from_image(image).content_xyxy(SIDE) == BOX


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_box_is_that_of_the_upright_photo(
    orientation: int, encoded: Callable, stored: Callable, orientation_exif: Callable
) -> None:
    pixels = stored(np.asarray(cutout()), orientation)
    content = encoded(pixels, "PNG", exif=orientation_exif(orientation))
    assert open_photo(content).content_xyxy(SIDE) == BOX


def test_faint_traces_are_not_visible_and_soft_edges_are() -> None:
    image = cutout()
    alpha = np.array(image.getchannel("A"))
    alpha[alpha == 0] = 8
    alpha[60:170, 209] = 60
    image.putalpha(Image.fromarray(alpha))
    assert photo_from_image(image).content_xyxy(SIDE) == (209 / 300, *BOX[1:])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_photo_that_fills_its_frame_has_no_such_box(mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    assert photo_from_image(Image.fromarray(noise).convert(mode)).content_xyxy(SIDE) is None


@pytest.mark.parametrize("image", [Image.new("RGBA", SIZE), Image.new("RGB", SIZE, "white"), Image.new("L", (3, 2))])
def test_where_there_is_nothing_nothing_is_found(image: Image.Image) -> None:
    assert photo_from_image(image).content_xyxy(SIDE) is None


@pytest.mark.parametrize("colour", [(255, 255, 255), (245, 245, 245), (128, 128, 128), (0, 0, 0), (20, 200, 90)])
@pytest.mark.parametrize("noise", [0, 3, 6])
def test_an_object_on_a_canvas_of_one_colour(colour: tuple[int, ...], noise: float, encoded: Callable) -> None:
    pixels = on_canvas(colour, noise)
    for content in (encoded(pixels, "PNG"), encoded(pixels, "JPEG", quality=80)):
        found = open_photo(content).content_xyxy(SIDE)
        assert found is not None
        # The object is inside, and little else than the blocks of a JPEG that it spoils.
        np.testing.assert_array_less((*found[:2], *BOX[2:]), (*BOX[:2], *found[2:]))
        np.testing.assert_allclose(found, BOX, atol=0.06)


def test_pictures_that_are_no_object_on_a_canvas() -> None:
    gradient = np.tile(np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], (200, 1, 3))
    reaching = on_canvas((255, 255, 255))
    reaching[150:, 100:200] = 0
    large = on_canvas((255, 255, 255))
    large[20:180, 20:280] = 90
    sky = on_canvas((120, 160, 230))
    sky[140:] = np.random.default_rng(0).integers(0, 120, (60, 300, 3))
    for pixels in (gradient, reaching, large, sky):
        assert photo_from_image(pixels).content_xyxy(SIDE) is None


@pytest.mark.parametrize("side", [1, 5, 16, 17, 50, 225])
def test_any_side_of_a_view(side: int) -> None:
    view = np.full((side, side, 3), 200, np.uint8)
    assert box_on_canvas(view) is None
    view[side // 2 - 2 : side // 2 + 2, side // 2 - 2 : side // 2 + 2] = 0
    found = box_on_canvas(view)
    assert (found is None) if side < 16 else found is not None and found[0] > 0.2


def test_nothing_is_decoded_twice(encoded: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = open_photo(encoded(cutout(), "PNG"))
    photo.model_input(SIDE)
    monkeypatch.setattr("cadrage.photo.photo.shown", None)
    assert photo.content_xyxy(SIDE) == BOX


@pytest.mark.parametrize("colour", [(255, 255, 255), (250, 248, 240), (230, 230, 230)])
def test_white_artwork_can_be_seen(colour: tuple[int, ...], encoded: Callable) -> None:
    for photo in (open_photo(encoded(cutout(colour), "PNG")), photo_from_image(cutout(colour))):
        for view in (photo.model_input(SIDE), np.asarray(photo.thumbnail(SIDE))):
            height, width = view.shape[:2]
            inside = view[int(0.6 * height), int(0.78 * width)].astype(int)
            np.testing.assert_allclose(inside, colour, atol=2)
            assert np.abs(view[1, 1] - inside).min() > 60


def test_white_beside_black_stands_on_grey() -> None:
    image = cutout((255, 255, 255))
    ImageDraw.Draw(image).rectangle((20, 60, 70, 169), fill=(0, 0, 0, 255))
    assert photo_from_image(image).model_input(SIDE)[1, 1].tolist() == [128, 128, 128]


@pytest.mark.parametrize("colour", [(30, 110, 160), (0, 0, 0), (180, 180, 180)])
def test_other_pictures_stay_on_white(colour: tuple[int, ...]) -> None:
    assert photo_from_image(cutout(colour)).model_input(SIDE)[1, 1].tolist() == [255, 255, 255]


def test_a_photo_with_round_corners_stays_on_white() -> None:
    image = Image.new("RGBA", SIZE, (255, 255, 255, 255))
    ImageDraw.Draw(image).rectangle((0, 0, 5, 5), fill=(0, 0, 0, 0))
    assert photo_from_image(image).model_input(SIDE).min() == 255


@pytest.mark.parametrize("size_wh", [(128, 64), (64, 160), (97, 61)])
def test_an_object_on_a_canvas_is_seen_at_any_shape(size_wh: tuple[int, int]) -> None:
    width, height = size_wh
    view = np.full((height, width, 3), 200, np.uint8)
    view[height // 2 : height // 2 + 12, width // 4 : width // 4 + 20] = 30
    box = box_on_canvas(view)
    assert box is not None
    wanted = np.array([width // 4, height // 2, width // 4 + 20, height // 2 + 12]) / [width, height, width, height]
    assert np.abs(np.array(box) - wanted).max() <= 1.5 / min(size_wh)
