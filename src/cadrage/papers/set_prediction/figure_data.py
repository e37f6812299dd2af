"""What figures 3 and 7 need of a model, taken while it is measured.

Figure 3: where do the anchors that describe no good crop look before and after training? Figure 7: does a model believe
most in its best boxes, estimated quality against validity, box by box?
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from numpy.typing import NDArray

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import PhotoError
from cadrage.evaluation.answers import Floats
from cadrage.evaluation.metrics.correlation import pcc, srcc
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.set_prediction import SetPredictor
from cadrage.papers.files import write_file
from cadrage.papers.paper import FAILURES, one_line
from cadrage.papers.set_prediction.proposals import Proposals, propose
from cadrage.training.systems.set_prediction.matching import match
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.soft_labels import nearest_scores
from cadrage.training.systems.set_prediction.system import start_set_predictor
from cadrage.training.systems.set_prediction.targets import PhotoTargets, photo_targets

Points = NDArray[np.float32]
"""``(N, 2)``: estimated quality, in the scores of the data, and validity in [0, 1]."""

LEAST_POINTS = 2
"""Of fewer points there is no correlation."""
_SHOWN = 7
_SEED = 0
_TRIED = 5


def anchors_of_figure_3(
    model: SetPredictor, recipe: SetRecipe, data: Path, proposals: Sequence[Proposals]
) -> dict[str, Any]:
    """The boxes as plain values under ``anchors``, or None there and the reason in ``anchors_missing``."""
    photos = [each.record for each in proposals[:1]]
    return _or_reason("anchors", lambda: unmatched_anchors(model, recipe, data, photos).to_dict())


def points_of_figure_7(
    model: SetPredictor,
    recipe: SetRecipe,
    proposals: Sequence[Proposals],
    learned: Sequence[PhotoRecord],
    file: Path,
) -> dict[str, Any]:
    """Both panels' coefficients under ``correlations`` and their points in ``file``, or the reason why not."""

    def make() -> dict[str, Any]:
        points = {
            "a": quality_points(proposals, recipe, unmatched=False),
            "b": quality_points(propose(model, recipe, learned), recipe, unmatched=True),
        }
        save_points(file, **points)
        return {name: correlation(each).to_dict() for name, each in points.items()}

    return _or_reason("correlations", make)


@dataclass(frozen=True, slots=True, eq=False)
class AnchorBoxes:
    """Boxes ``(K, 4)`` of some anchors on one photo, from the model as it began and as it is; they may stick out."""

    file: str
    anchors: tuple[int, ...]
    before_xyxy: Floats
    after_xyxy: Floats

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "file": self.file,
            "anchors": list(self.anchors),
            "before": self.before_xyxy.tolist(),
            "after": self.after_xyxy.tolist(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "AnchorBoxes":
        """The boxes that `to_dict` wrote."""
        before, after = (np.array(values[key], dtype=np.float64).reshape(-1, 4) for key in ("before", "after"))
        return cls(values["file"], tuple(values["anchors"]), before, after)


def unmatched_anchors(
    model: SetPredictor, recipe: SetRecipe, data: Path, records: Sequence[PhotoRecord]
) -> AnchorBoxes:
    """Seven random anchors that the trained model needs for no good crop of a photo (Jia et al., CVPR 2022, figure 3).

    The photo is the first of ``records`` that can be read.

    Raises:
        UsageError: the weights from which the training began are no longer there.
        PhotoError: none of the first photos can be read.
    """
    trained = _first(model, recipe, records)
    beginning = untrained_model(recipe, data).to(next(model.parameters()).device)
    untrained = _first(beginning, recipe, [trained.record])
    targets = _targets(trained, recipe)
    logits = trained.logits[None, None]
    labels = match(trained.boxes_cxcywh[None, None], logits, [targets.good_boxes_cxcywh]).labels(logits)[0, 0]
    free = (labels == 0).nonzero()[:, 0].numpy()
    chosen = np.sort(np.random.default_rng(_SEED).permutation(free)[:_SHOWN])
    before, after = (
        cxcywh_to_xyxy(each.boxes_cxcywh)[chosen].double().numpy().round(6) for each in (untrained, trained)
    )
    return AnchorBoxes(str(trained.record.file.relative_to(data)), tuple(map(int, chosen)), before, after)


def untrained_model(recipe: SetRecipe, data: Path) -> SetPredictor:
    """The model exactly as its training began.

    Raises:
        UsageError: a file of weights is missing or does not fit.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    return start_set_predictor(recipe, data).eval()


def _first(model: SetPredictor, recipe: SetRecipe, records: Sequence[PhotoRecord]) -> Proposals:
    for record in records[:_TRIED]:
        for proposals in propose(model, recipe, [record]):
            return proposals
    raise PhotoError(f"none of the first {len(records[:_TRIED])} photos can be read; see the messages above")


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
        targets = _targets(each, recipe)
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


def _targets(proposals: Proposals, recipe: SetRecipe) -> PhotoTargets:
    return photo_targets(
        proposals.record,
        threshold=recipe.good_score,
        iou_limit=recipe.good_iou_limit or None,
        anchors=len(proposals.logits),
    )


def _or_reason(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    # Such as weights it began from that have been moved since: the numbers of the tables do not need them.
    try:
        return {name: make(), f"{name}_missing": ""}
    except FAILURES as error:
        return {name: None, f"{name}_missing": one_line(error)}
