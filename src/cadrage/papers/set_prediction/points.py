"""Figure 7: does a model believe most in its best boxes? Estimated quality against validity, box by box."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cadrage.evaluation.metrics.pcc import pcc
from cadrage.evaluation.metrics.srcc import srcc
from cadrage.papers.files import write_file
from cadrage.papers.set_prediction.predict import Proposals
from cadrage.training.systems.set_prediction.matching import match
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.soft_labels import nearest_scores
from cadrage.training.systems.set_prediction.targets import photo_targets

Points = NDArray[np.float32]
"""``(N, 2)``: estimated quality, in the scores of the data, and validity in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Of all N points as one sample: each photo's boxes count beside those of the others."""

    spearman: float
    pearson: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def quality_points(proposals: Iterable[Proposals], recipe: SetRecipe, *, unmatched: bool) -> Points:
    """Points of figure 7 of Jia et al., CVPR 2022.

    The quality of a box is the score of the annotated crop that it overlaps most; boxes that overlap none by at least
    the recipe's ``quality_iou`` have no quality and no point.

    Args:
        proposals: of every photo.
        recipe: of the model.
        unmatched: only the boxes that no good crop of the photo was assigned to (figure 7b), else all (7a).
    """
    points = [np.empty((0, 2), np.float32), *_of_photos(proposals, recipe, unmatched)]
    return np.concatenate(points)


def _of_photos(proposals: Iterable[Proposals], recipe: SetRecipe, unmatched: bool) -> Iterator[Points]:
    for each in proposals:
        targets = photo_targets(
            each.record,
            threshold=recipe.good_score,
            iou_limit=recipe.good_iou_limit or None,
            anchors=len(each.logits),
        )
        boxes, logits = each.boxes_cxcywh[None, None], each.logits[None, None]
        quality = nearest_scores(boxes, [targets], recipe.quality_iou)
        shown = ~quality.isnan()
        if unmatched:
            shown &= match(boxes, logits, [targets.good_boxes_cxcywh]).labels(logits) == 0
        yield torch.stack([quality[shown], logits.sigmoid()[shown]], dim=1).numpy()


def correlation(points: Points) -> Correlation:
    """Spearman's and Pearson's coefficient; 0.0 where they are undefined."""
    quality, validity = points.astype(np.float64).T
    return Correlation(round(srcc(validity, quality), 6), round(pcc(validity, quality), 6), len(points))


def save_points(file: Path, **points: Points) -> None:
    """Write named sets of points, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **points)
    write_file(file, buffer.getvalue())


def load_points(file: Path) -> dict[str, Points]:
    """What `save_points` wrote."""
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
