"""The metrics of the paper on the proposals of one model, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from cadrage.datasets.good_crops import good_crops
from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Floats
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.metrics.average_precision import average_precision, bootstrap_average_precision
from cadrage.evaluation.metrics.best_crop_recall import best_crop_recall, hits_one_of_best
from cadrage.evaluation.metrics.overlap import iou_and_bde
from cadrage.evaluation.result import Estimate
from cadrage.geometry import area
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.targets import good_boxes

_EPSILONS, _TRIES, _TOP_KS = (0.85, 0.9), (5, 10), (5, 10, 40)
_ROUNDS = 300
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class TestResult:
    """What one model reached on one list of photos; ``unreadable`` photos are not among the ``n``.

    ``metrics`` are the paper's, as fractions; ``others`` answer questions about them, see :func:`measure_good_crops`.
    """

    __test__ = False  # pytest takes every class of this name for tests

    entries: tuple[str, ...]
    n: int
    unreadable: tuple[str, ...]
    metrics: Mapping[str, Estimate]
    others: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "entries": list(self.entries),
            "n": self.n,
            "unreadable": list(self.unreadable),
            "metrics": {name: asdict(estimate) for name, estimate in self.metrics.items()},
            "others": dict(self.others),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TestResult":
        """The result that `to_dict` wrote."""
        return cls(
            entries=tuple(values["entries"]),
            n=int(values["n"]),
            unreadable=tuple(values["unreadable"]),
            metrics={name: Estimate(**each) for name, each in values["metrics"].items()},
            others=dict(values["others"]),
        )


def measure_good_crops(
    records: Sequence[PhotoRecord], answers: Sequence[Answer], recipe: SetRecipe
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """ACC_{1/N} and AP of Jia et al., CVPR 2022, section 4.2, for boxes as they are.

    Args:
        records: photos with their truth.
        answers: for each photo its proposals, best first.
        recipe: says what a good crop is.

    Returns:
        Metrics ``recall{5,10}_e{85,90}`` and ``ap{85,90}_k{5,10,40}``, and other numbers: the same of boxes clipped to
        the photo less that of the boxes as they are (``..._clipped_gain``); ``hit{5,10}_e{85,90}``, where the first box
        must meet one of the N best annotated crops, as the methods that are quoted beside ours were measured; mean
        areas of the first box, of the first ten and of the good crops; with suppressed near duplicates among the good
        crops also the AP without (``..._unsuppressed``).
    """
    truths = [good_boxes(record, recipe) for record in records]
    recalls = _recalls(records, answers)
    metrics = {name: _estimate(values) for name, values in recalls.items()}
    found = bootstrap_average_precision(_predicted(answers), truths, _EPSILONS, _TOP_KS, rounds=_ROUNDS)
    metrics |= {_ap(*setting): _rounded(Estimate(*each, len(records))) for setting, each in found.items()}

    clipped = [Answer(answer.boxes_xyxy.clip(0, 1), answer.confidences) for answer in answers]
    gained = {name: float(values.mean()) for name, values in _recalls(records, clipped).items()}
    gained |= _aps(clipped, truths)
    others = {f"{name}_clipped_gain": value - metrics[name].mean for name, value in gained.items()}
    for n in _TRIES:
        for epsilon in _EPSILONS:
            hits = [
                hits_one_of_best(answer.boxes_xyxy[0], record.crops_xyxy, record.scores, n, epsilon)
                for record, answer in zip(records, answers, strict=True)
            ]
            others[f"hit{n}_e{round(100 * epsilon)}"] = float(np.mean(hits))
    others |= {
        "area_first": _mean_area(answer.boxes_xyxy[:1] for answer in clipped),
        "area_first_ten": _mean_area(answer.boxes_xyxy[:10] for answer in clipped),
        "area_good": _mean_area(truths),
    }
    if recipe.good_iou_limit:
        whole = [record.crops_xyxy[good_crops(record.scores, recipe.good_score)] for record in records]
        others |= {f"{name}_unsuppressed": value for name, value in _aps(answers, whole).items()}
    return metrics, {name: round(value, _DECIMALS) for name, value in others.items()}


def measure_first_box(
    records: Sequence[PhotoRecord], answers: Sequence[Answer]
) -> tuple[dict[str, Estimate], dict[str, float]]:
    """Mean IoU of the first box with the best of a photo's crops (section 4.4, FLMS), and what clipping would add."""
    ious = [
        [iou_and_bde(box, record.crops_xyxy)[0] for box in (answer.boxes_xyxy[0], answer.boxes_xyxy[0].clip(0, 1))]
        for record, answer in zip(records, answers, strict=True)
    ]
    as_is, clipped = np.array(ious).T
    gain = round(float((clipped - as_is).mean()), _DECIMALS)
    return {"iou": _estimate(as_is)}, {
        "iou_clipped_gain": gain,
        "area_first": round(_mean_area(answer.boxes_xyxy[:1].clip(0, 1) for answer in answers), _DECIMALS),
    }


def _recalls(records: Sequence[PhotoRecord], answers: Sequence[Answer]) -> dict[str, Floats]:
    return {
        f"recall{n}_e{round(100 * epsilon)}": np.array(
            [
                best_crop_recall(answer.boxes_xyxy, record.crops_xyxy, record.scores, n, epsilon)
                for record, answer in zip(records, answers, strict=True)
            ]
        )
        for epsilon in _EPSILONS
        for n in _TRIES
    }


def _aps(answers: Sequence[Answer], truths: Sequence[Floats]) -> dict[str, float]:
    found = average_precision(_predicted(answers), truths, _EPSILONS, _TOP_KS)
    return {_ap(*setting): value for setting, value in found.items()}


def _predicted(answers: Sequence[Answer]) -> list[tuple[Floats, Floats]]:
    return [(answer.boxes_xyxy, answer.confidences) for answer in answers]


def _ap(epsilon: float, top_k: int) -> str:
    return f"ap{round(100 * epsilon)}_k{top_k}"


def _mean_area(sets: Any) -> float:
    return float(np.mean([area(boxes).mean() for boxes in sets]))


def _estimate(values: Floats) -> Estimate:
    return _rounded(Estimate(*bootstrap_mean(values), len(values)))


def _rounded(estimate: Estimate) -> Estimate:
    mean, low, high = map(partial(round, ndigits=_DECIMALS), (estimate.mean, estimate.low, estimate.high))
    return Estimate(mean, low, high, estimate.n)
