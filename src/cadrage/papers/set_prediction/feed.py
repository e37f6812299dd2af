"""What figures 3 and 7 need of a model, taken while it is measured."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cadrage.datasets.manifest import PhotoRecord
from cadrage.models.set_prediction import SetPredictor
from cadrage.papers.failures import FAILURES, one_line
from cadrage.papers.set_prediction.anchors import unmatched_anchors
from cadrage.papers.set_prediction.points import correlation, quality_points, save_points
from cadrage.papers.set_prediction.predict import Proposals, propose
from cadrage.training.systems.set_prediction.recipe import SetRecipe


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


def _or_reason(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    # Such as weights it began from that have been moved since: the numbers of the tables do not need them.
    try:
        return {name: make(), f"{name}_missing": ""}
    except FAILURES as error:
        return {name: None, f"{name}_missing": one_line(error)}
