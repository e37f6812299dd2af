"""Drawn photos whose best crops are known: a dense data set in the form of GAICD, made in seconds.

Nothing of it is a photo of anything. It proves that a chain of conversion, training and evaluation works, and that a
method sees what it should, where the real photos are not at hand.
"""

from cadrage.datasets.synthetic.compose import compose
from cadrage.datasets.synthetic.paint import paint
from cadrage.datasets.synthetic.quality import quality
from cadrage.datasets.synthetic.scene import Scene, Subject, mirror_scene
from cadrage.datasets.synthetic.write import DrawnPhoto, drawn_photos, write_synthetic

__all__ = [
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
