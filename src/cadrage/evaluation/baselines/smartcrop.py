"""``smartcrop``: the crop of smartcrop.py, which looks for skin, edges and saturated colour."""

from typing import Any

import numpy as np
from PIL import Image

from cadrage.datasets.pixels import load_photo
from cadrage.errors import PhotoError, UsageError
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.baselines.bench_package import bench_package, package_version
from cadrage.evaluation.baselines.placing import box_of_ratio, one_crop
from cadrage.evaluation.shapes import expect_shape
from cadrage.geometry import from_pixels

# The tool scales the photo to about the size of the asked crop; 100 is the side in its own examples.
_SIDE = 100
# Enough for that, and bounded whatever the photo.
_PHOTO_SIDE = 1024
# It looks at cells of 8 pixels, and divides by zero where not even one fits.
_SMALLEST_SIDE_PX = 16


class SmartCropPy:
    """One crop with the tool's own defaults: it is the largest box of the ratio or has .9 of its sides.

    It always needs a ratio; where none is asked it gets the photo's own. It ranks no given boxes.
    """

    name = "smartcrop"
    needs_photos = True

    def __init__(self) -> None:
        self._tool = bench_package("smartcrop", self.name)

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
        return {"kind": "baseline", "name": self.name, "version": package_version("smartcrop")}

    def _crop_px(self, photo: Any, ratio: float) -> tuple[float, float, float, float]:
        width, height = max(_SIDE, _SIDE * ratio), max(_SIDE, _SIDE / ratio)
        crop = self._tool.SmartCrop().crop(Image.fromarray(photo), round(width), round(height))["top_crop"]
        x, y, crop_width, crop_height = (float(crop[key]) for key in ("x", "y", "width", "height"))
        return x, y, x + crop_width, y + crop_height
