"""Everything that may stand for a photo, turned into one."""

from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cadrage.photo import Photo, open_photo, photo_from_image

PhotoLike = Photo | str | PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any]


def as_photo(photo: PhotoLike) -> Photo:
    """A path, encoded bytes, an open binary file, a Pillow image or a uint8 array as a `Photo`.

    Arrays are grey ``(H, W)``, RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``.

    Raises:
        PhotoError: it cannot be read.
        UsageError: it is nothing that could be a photo.
    """
    if isinstance(photo, Photo):
        return photo
    if isinstance(photo, (Image.Image, np.ndarray)):
        return photo_from_image(photo)
    return open_photo(photo)
