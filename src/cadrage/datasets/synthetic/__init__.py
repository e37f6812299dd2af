"""Drawn photos whose best crops are known, in the forms in which data sets are published, made in seconds.

Nothing of it is a photo of anything. It proves that a chain of conversion, training and evaluation works, and that a
method sees what it should, where the real photos are not at hand.
"""

from cadrage.datasets.synthetic.compose import compose
from cadrage.datasets.synthetic.layouts import LAYOUTS
from cadrage.datasets.synthetic.paint import paint
from cadrage.datasets.synthetic.quality import quality
from cadrage.datasets.synthetic.rated import PHOTOS, DrawnPhoto, drawn_photos
from cadrage.datasets.synthetic.scene import Scene, Subject, mirror_scene
from cadrage.datasets.synthetic.write import write_synthetic

__all__ = [
    "LAYOUTS",
    "PHOTOS",
    "DrawnPhoto",
    "Scene",
    "Subject",
    "compose",
    "drawn_photos",
    "mirror_scene",
    "paint",
    "quality",
    "write_synthetic",
]
