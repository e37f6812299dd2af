"""How well the head finds the labelled persons of photos it has not learned from, and how often it invents one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.geometry import iou_matrix
from cadrage.inference.subjects.detector import Subjects
from cadrage.inference.subjects.own import read_maps
from cadrage.models.subject_head import SubjectHead
from cadrage.training.subjects.teacher import PERSON_CLASSES, Labels

if TYPE_CHECKING:
    from cadrage.training.subjects.recipe import SubjectRecipe
    from cadrage.training.subjects.run import SubjectData

_FOUND = 0.5
# Below this part of the photo the teacher's person is taken for noise.
_SEEN = 0.001


def measure(
    recipe: "SubjectRecipe",
    head: SubjectHead,
    data: "SubjectData",
    labels: list[Labels],
    features: NDArray[np.float16],
) -> dict[str, Any]:
    """Recall of labelled persons and false persons per photo without one, each with n and a 95 % bootstrap interval.

    A labelled person is found when a predicted person's box has an IoU of .5 with it or more. A photo is without a
    person when none is labelled and the teacher's persons cover less than a thousandth of it.
    """
    hits: list[bool] = []
    inventions: list[int] = []
    invented_on: list[str] = []
    for photo in data.dev:
        found = predict(head, features[photo, 0], recipe.believed).of("person")
        labelled = data.records[photo].persons_xyxy
        if len(labelled):
            overlaps = iou_matrix(labelled, found.boxes_xyxy)
            hits += [bool((row >= _FOUND).any()) for row in overlaps]
        elif np.isin(labels[photo], PERSON_CLASSES).mean() < _SEEN:
            inventions.append(len(found))
            invented_on += [data.records[photo].file_name] * bool(len(found))
    return {
        "recall_at_iou_50": _summary(hits),
        "false_persons_per_photo_without": _summary(inventions),
        "photos_with_false_persons": invented_on,
    }


def predict(head: SubjectHead, features: NDArray[np.float16], believed: dict[str, float]) -> Subjects:
    """What the head says of one photo's features ``(2, C, h, w)``."""
    with torch.no_grad():
        maps = head.eval()(torch.from_numpy(features.astype(np.float32)))
    return read_maps((maps.masks.numpy(), maps.centres.numpy(), maps.edges.numpy()), believed)


def _summary(values: Sequence[float]) -> dict[str, Any]:
    counted = np.array(values, np.float64)
    if not len(counted):
        return {"n": 0}
    mean, low, high = (round(value, 4) for value in bootstrap_mean(counted))
    return {"n": len(counted), "mean": mean, "ci95": [low, high]}
