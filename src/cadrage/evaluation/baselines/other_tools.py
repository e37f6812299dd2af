"""Baselines that are other tools: smartcrop.py and libvips, of the extra ``bench``."""

import importlib
from typing import Any

import numpy as np
from PIL import Image

from cadrage.datasets.pixels import load_photo
from cadrage.errors import CadrageError, PhotoError, UsageError
from cadrage.evaluation.answers import Answer, Question, expect_shape
from cadrage.evaluation.baselines.fixed_boxes import box_of_ratio, one_crop
from cadrage.geometry import from_pixels, half_up

# Both tools look at a much smaller copy; this bounds the memory whatever the photo.
_PHOTO_SIDE = 1024
# smartcrop.py scales the photo to about the size of the asked crop; 100 is the side in its own examples.
_SIDE = 100
# It looks at cells of 8 pixels, and divides by zero where not even one fits.
_SMALLEST_SIDE_PX = 16
# libvips has no scale of its own where no ratio is asked.
_FREE_SCALE = 0.9


class SmartCropPy:
    """``smartcrop``: looks for skin, edges and saturated colour.

    One crop with the tool's own defaults: it is the largest box of the ratio or has .9 of its sides. It always needs a
    ratio; where none is asked it gets the photo's own. It ranks no given boxes.
    """

    name = "smartcrop"
    needs_photos = True

    def __init__(self) -> None:
        self._tool = _bench_package("smartcrop", self.name)

    def answer(self, question: Question) -> Answer:
        """One crop of the exact ratio.

        Raises:
            UsageError: scores of given boxes are asked, or the photo is not of the shape that its manifest says.
            PhotoError: the photo cannot be read or is too small.
        """
        if len(question.boxes_xyxy):
            raise UsageError("smartcrop ranks no given boxes; choose a baseline that does, such as largest")
        if not question.n:
            return Answer()
        ratio = question.ratio or question.size_wh[0] / question.size_wh[1]
        largest = box_of_ratio(question.size_wh, ratio)
        photo = load_photo(question.file, _PHOTO_SIDE)
        photo_wh = (photo.shape[1], photo.shape[0])
        expect_shape(photo_wh, question)
        if min((largest[2:] - largest[:2]) * photo_wh) < _SMALLEST_SIDE_PX:
            raise PhotoError(f"{question.file}: too small for smartcrop ({photo_wh[0]}x{photo_wh[1]} pixels)")
        x1, y1, x2, y2 = found = from_pixels([self._crop_px(photo, ratio)], photo_wh)[0]
        scale = min(max(x2 - x1, y2 - y1) / max(largest[2:] - largest[:2]), 1.0)
        centre_xy = (found[:2] + found[2:]) / 2
        return one_crop(question, box_of_ratio(question.size_wh, ratio, centre_xy=centre_xy, scale=scale), np.empty(0))

    def describe(self) -> dict[str, Any]:
        """Kind, name and the version of the tool."""
        return {"kind": "baseline", "name": self.name, "version": _package_version("smartcrop")}

    def _crop_px(self, photo: Any, ratio: float) -> tuple[float, float, float, float]:
        width, height = max(_SIDE, _SIDE * ratio), max(_SIDE, _SIDE / ratio)
        crop = self._tool.SmartCrop().crop(Image.fromarray(photo), round(width), round(height))["top_crop"]
        x, y, crop_width, crop_height = (float(crop[key]) for key in ("x", "y", "width", "height"))
        return x, y, x + crop_width, y + crop_height


class Vips:
    """``vips-attention``, ``vips-entropy``: one crop at the place that libvips finds most ``interesting``.

    libvips cuts exactly the size it is asked for: the largest box of the ratio, or without a ratio one of the photo's
    own ratio with .9 of its sides. It ranks no given boxes.
    """

    needs_photos = True

    def __init__(self, interesting: str) -> None:
        self.name = f"vips-{interesting}"
        self._interesting = interesting
        self._tool = _bench_package("pyvips", self.name)
        # Each photo is looked at once; kept operations would only hold on to its pixels.
        self._tool.cache_set_max(0)

    def answer(self, question: Question) -> Answer:
        """One crop of the exact ratio.

        Raises:
            UsageError: scores of given boxes are asked, or the photo is not of the shape that its manifest says.
            PhotoError: the photo cannot be read.
        """
        if len(question.boxes_xyxy):
            raise UsageError(f"{self.name} ranks no given boxes; choose a baseline that does, such as largest")
        if not question.n:
            return Answer()
        scale = 1.0 if question.ratio is not None else _FREE_SCALE
        ratio = question.ratio or question.size_wh[0] / question.size_wh[1]
        pixels = load_photo(question.file, _PHOTO_SIDE)
        photo_wh = np.array(pixels.shape[1::-1])
        expect_shape((pixels.shape[1], pixels.shape[0]), question)
        x1, y1, x2, y2 = box_of_ratio(question.size_wh, ratio, scale=scale)
        width, height = np.maximum(half_up((x2 - x1, y2 - y1) * photo_wh), 1).tolist()
        cut = self._tool.Image.new_from_array(pixels).smartcrop(width, height, interesting=self._interesting)
        # libvips keeps where the cut began as a negative offset.
        centre_xy = (np.array([width, height]) / 2 - (cut.xoffset, cut.yoffset)) / photo_wh
        return one_crop(question, box_of_ratio(question.size_wh, ratio, centre_xy=centre_xy, scale=scale), np.empty(0))

    def describe(self) -> dict[str, Any]:
        """Kind, name and the version of libvips."""
        version = ".".join(str(self._tool.version(part)) for part in range(3))
        return {"kind": "baseline", "name": self.name, "version": version}


def _bench_package(package: str, baseline: str) -> Any:
    """The imported package.

    Raises:
        CadrageError: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(package)
    except (ImportError, OSError) as error:  # OSError: pyvips without the library it wraps
        raise CadrageError(
            f"baseline {baseline} needs {package}, which is not installed; "
            "install the extra: pip install 'cadrage[bench]'"
        ) from error


def _package_version(package: str) -> str:
    """The installed version, for the record."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
