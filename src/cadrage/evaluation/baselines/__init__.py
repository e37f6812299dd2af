"""Predictors that hardly look or do not look at all: what a result must beat to mean anything."""

from collections.abc import Callable, Sequence
from functools import partial

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Predictor
from cadrage.evaluation.baselines.fixed_boxes import Centre, Largest, Whole
from cadrage.evaluation.baselines.median_box import MedianBox, best_crops
from cadrage.evaluation.baselines.other_tools import SmartCropPy, Vips
from cadrage.evaluation.baselines.position_prior import position_prior
from cadrage.evaluation.baselines.random_boxes import RandomBoxes
from cadrage.evaluation.names import BASELINE_NAMES as BASELINES

_MAKERS: dict[str, Callable[[], Predictor]] = {
    "whole": Whole,
    "centre-0.9": Centre,
    "random": RandomBoxes,
    "largest": Largest,
    "smartcrop": SmartCropPy,
    "vips-attention": partial(Vips, "attention"),
    "vips-entropy": partial(Vips, "entropy"),
}
_LEARNERS: dict[str, Callable[[Sequence[PhotoRecord]], Predictor]] = {
    "median-box": lambda photos: MedianBox(best_crops(photos)),
    "position-prior": position_prior,
}

LEARNED = tuple(_LEARNERS)

__all__ = ["BASELINES", "LEARNED", "make_baseline"]


def make_baseline(name: str, train: Sequence[PhotoRecord] | None = None) -> Predictor:
    """The baseline called ``name``; those in `LEARNED` learn from the records ``train``.

    Raises:
        UsageError: there is no such baseline, or it has no training photos with crops.
        CadrageError: it is another tool's and that is not installed.
    """
    if name in _LEARNERS:
        return _LEARNERS[name](_training_photos(name, train))
    if name not in _MAKERS:
        raise _unknown(name)
    return _MAKERS[name]()


def _training_photos(name: str, train: Sequence[PhotoRecord] | None) -> Sequence[PhotoRecord]:
    if not train:
        raise UsageError(f"baseline {name} learns from training photos; name their split with --train-split")
    if not any(len(record.crops_xyxy) for record in train):
        raise UsageError(
            f"baseline {name}: none of {len(train)} training photos has a crop; name another split with --train-split"
        )
    return train


def _unknown(name: str) -> UsageError:
    from difflib import get_close_matches

    meant = get_close_matches(name.lower(), BASELINES, n=1)
    hint = f" (did you mean {meant[0]!r}?)" if meant else ""
    return UsageError(f"there is no baseline {name!r}{hint}; there are: {', '.join(BASELINES)}")
