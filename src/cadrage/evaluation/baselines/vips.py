"""``vips-attention`` and ``vips-entropy``: the crops of libvips."""

from typing import Any

import numpy as np

from cadrage.datasets.pixels import load_photo
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.baselines.bench_package import bench_package
from cadrage.evaluation.baselines.placing import box_of_ratio, one_crop
from cadrage.evaluation.shapes import expect_shape
from cadrage.geometry import half_up

# libvips looks at a much smaller copy; this bounds the memory whatever the photo.
_PHOTO_SIDE = 1024
_FREE_SCALE = 0.9


class Vips:
    """One crop at the place that libvips finds most ``interesting`` ("attention" or "entropy").

    libvips cuts exactly the size it is asked for: the largest box of the ratio, or without a ratio one of the photo's
    own ratio with .9 of its sides. It ranks no given boxes.
    """

    needs_photos = True

    def __init__(self, interesting: str) -> None:
        self.name = f"vips-{interesting}"
        self._interesting = interesting
        self._tool = bench_package("pyvips", self.name)
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
