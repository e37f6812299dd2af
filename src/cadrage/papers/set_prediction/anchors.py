"""Figure 3: where the anchors that describe no good crop look before and after training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import PhotoError
from cadrage.evaluation.answers import Floats
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.set_prediction import SetPredictor
from cadrage.papers.set_prediction.predict import Proposals, best_device, propose
from cadrage.training.systems.set_prediction.matching import match
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.system import start_set_predictor
from cadrage.training.systems.set_prediction.targets import photo_targets

_SHOWN = 7
_SEED = 0
_TRIED = 5


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
    targets = photo_targets(
        trained.record,
        threshold=recipe.good_score,
        iou_limit=recipe.good_iou_limit or None,
        anchors=len(trained.logits),
    )
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
    return start_set_predictor(recipe, data).eval().to(best_device())


def _first(model: SetPredictor, recipe: SetRecipe, records: Sequence[PhotoRecord]) -> Proposals:
    for record in records[:_TRIED]:
        for proposals in propose(model, recipe, [record]):
            return proposals
    raise PhotoError(f"none of the first {len(records[:_TRIED])} photos can be read; see the messages above")
