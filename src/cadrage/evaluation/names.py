"""What can be measured, in words; light enough to be read for ``--help``."""

from typing import Literal

PROTOCOL_SUMMARIES = {
    "fcdb-free": "FCDB: crops of any shape against the crop that people preferred (IoU, BDE, best of 5 and 10).",
    "fcdb-ratio": "FCDB with the ratio of the preferred crop given: a different, easier task.",
    "fcdb-pairs": "FCDB voted pairs: does the higher score belong to the view that most people preferred?",
    "flms": "FLMS: crops against the best of about ten people's, and how well a set of crops covers them all.",
    "gaicd-ranking": "GAICD: rank the annotated candidates of each photo (SRCC, PCC, Acc K/N).",
    "gaicd-anybox": "GAICD with boxes of any position: best-crop recall and AP.",
    "cpc-anybox": "CPC with boxes of any position: best-crop recall and AP.",
}

BASELINE_NAMES = (
    "whole",
    "centre-0.9",
    "median-box",
    "random",
    "largest",
    "position-prior",
    "smartcrop",
    "vips-attention",
    "vips-entropy",
)

SUBSETS = ("persons",)

# Where the border probe starts: the crop that the model likes best, or the best one of the manifest.
Around = Literal["best", "truth"]

# Where learned baselines look for photos to learn from, in this order.
TRAIN_SPLITS = ("train", "fit")
