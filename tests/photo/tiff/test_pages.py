"""Of a TIFF with several pages, the one that is the photo is used, and what is left out is said."""

from collections.abc import Callable

import numpy as np
import pytest

from cadrage.errors import PhotoError
from cadrage.photo import encode_crop, open_photo

RGB, GREY, MASK = 2, 1, 4
NEW_SUBFILE_TYPE, SUBFILE_TYPE = 254, 255


def page(
    value: int, side: int = 40, *, channels: int = 3, kind: int | None = None, old: int | None = None, **how: object
):
    """A flat page: samples, photometric and settings."""
    tags = [] if kind is None else [(NEW_SUBFILE_TYPE, 4, [kind])]
    tags += [] if old is None else [(SUBFILE_TYPE, 3, [old])]
    return np.full((side, side, channels), value), RGB if channels == 3 else GREY, {"tags": tags, **how}


PREVIEW, PHOTO, OTHER = page(10, 12, kind=1), page(200), page(90, 50)


@pytest.mark.parametrize(
    ("pages", "says"),
    [
        ([PHOTO], None),
        ([page(200, kind=0)], None),
        ([page(200, kind=1)], None),
        ([page(200, kind=2), page(1, kind=2), page(2, kind=2)], "the first of 3 pages is used; left out: 2 pages"),
        ([PREVIEW, PHOTO], "page 2 of 2 is used; left out: 1 preview"),
        ([PHOTO, PREVIEW], "the first of 2 pages is used; left out: 1 preview"),
        ([page(1, 12, old=2), page(200, old=1)], "page 2 of 2 is used; left out: 1 preview"),
        ([page(0, kind=4, channels=1), PHOTO], "page 2 of 2 is used; left out: 1 mask"),
        ([PREVIEW, page(0, 12, kind=5), PHOTO, OTHER], "page 3 of 4 is used; left out: 1 page, 1 preview, 1 mask"),
        ([page(200, kind=1), page(1, kind=4)], "the first of 2 pages is used; left out: 1 mask"),
    ],
)
@pytest.mark.parametrize("how", [{}, {"deflate": True}, {"bits": 16}, {"bits": 16, "planar": 2}])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_the_photo_is_used_and_not_its_preview(
    pages: list, says: str | None, how: dict, endian: str, tiff: Callable
) -> None:
    scale = 257 if how.get("bits") == 16 else 1
    pages = [(samples * scale, kind, {**settings, **how}) for samples, kind, settings in pages]
    (samples, kind, settings), *more = pages
    photo = open_photo(tiff(samples, kind, endian=endian, more=more, **settings))
    assert [note.says for note in photo.notes] == ([says] if says else [])
    assert {note.flag for note in photo.notes} <= {"several_pictures"}
    assert photo.size_wh == (40, 40)
    for form in ("png", "tiff", "jpeg"):
        crop = open_photo(encode_crop(photo, (3, 3, 30, 20), format=form)).full().convert("RGB")
        assert abs(crop.getpixel((5, 5))[0] - 200) <= 2
    assert photo.model_input(8).min() >= 198


def test_a_page_that_cannot_be_read_before_the_photo_is_no_hindrance(tiff: Callable) -> None:
    samples, kind, settings = page(10, 12, kind=1, bits=32, sample_format=3)
    assert open_photo(tiff(samples, kind, more=[PHOTO], **settings)).full().getpixel((0, 0)) == (200, 200, 200)


def test_previews_of_a_camera_raw_file_are_not_the_photo(tiff: Callable) -> None:
    samples, kind, settings = page(10, 12, kind=1)
    for tag in ((330, 4, [8]), (50706, 1, bytes((1, 4, 0, 0)))):
        data = tiff(samples, kind, more=[page(20, 14)], tags=[*settings["tags"], tag])
        with pytest.raises(PhotoError, match="camera raw file"):
            open_photo(data)


def test_a_chain_in_a_circle_or_into_nowhere_ends(tiff: Callable) -> None:
    samples, kind, settings = PHOTO
    data = tiff(samples, kind, more=[OTHER], **settings)
    second = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[second : second + 2], "little")
    link = second + 2 + 12 * count
    for target in (8, len(data) - 3, 2**32 - 1):
        broken = data[:link] + target.to_bytes(4, "little") + data[link + 4 :]
        photo = open_photo(broken)
        assert photo.notes == ()
        assert photo.full().size == (40, 40)


def test_a_thousand_pages_are_counted_no_further(tiff: Callable) -> None:
    samples, kind, settings = PHOTO
    photo = open_photo(tiff(samples, kind, more=[page(1, 2, channels=1)] * 1200, **settings))
    assert photo.notes[0].says.startswith("the first of more than 999 pages is used")
