"""What each metric is called, which way is better, and how it is printed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """``title`` for tables; ``percent`` when the field prints it as per cent (values here are always fractions)."""

    title: str
    higher_is_better: bool = True
    percent: bool = False
    judges: bool = True
    """Whether better or worse can be said at all; areas and shapes only describe."""


def _accuracies() -> dict[str, MetricInfo]:
    infos: dict[str, MetricInfo] = {}
    for n in (5, 10):
        infos |= {f"acc{k}_{n}": MetricInfo(f"Acc {k}/{n}", percent=True) for k in range(1, 5)}
        infos[f"acc{n}"] = MetricInfo(f"Acc{n}, mean of 1..4", percent=True)
        infos[f"accw{n}"] = MetricInfo(f"weighted Acc{n}, tie-aware", percent=True)
        infos[f"accw{n}_published"] = MetricInfo(f"weighted Acc{n}, as published", percent=True)
    return infos


METRICS: dict[str, MetricInfo] = {
    "iou": MetricInfo("IoU of the first crop"),
    "bde": MetricInfo("BDE of the first crop", higher_is_better=False),
    "recall75": MetricInfo("first crops with IoU >= .75", percent=True),
    "best5_iou": MetricInfo("best IoU of 5 crops"),
    "best10_iou": MetricInfo("best IoU of 10 crops"),
    "coverage1": MetricInfo("coverage by 1 crop"),
    "coverage5": MetricInfo("coverage by 5 crops"),
    "coverage10": MetricInfo("coverage by 10 crops"),
    "small_recall10": MetricInfo("small crops found by 10", percent=True),
    "small_coverage10": MetricInfo("coverage of small crops by 10"),
    "large_recall10": MetricInfo("large crops found by 10", percent=True),
    "large_coverage10": MetricInfo("coverage of large crops by 10"),
    "diversity": MetricInfo("diversity of 5 crops", judges=False),
    "pairwise_iou10": MetricInfo("mean IoU between 10 crops", judges=False),
    "area": MetricInfo("area of the first crop", judges=False),
    "whole_share": MetricInfo("first crops of >= .95 area", percent=True, judges=False),
    "ratio_kept": MetricInfo("first crops of the asked ratio", percent=True, judges=False),
    "pairs": MetricInfo("agreement with pairs", percent=True),
    "pairs_weighted": MetricInfo("agreement, by vote margin", percent=True),
    "srcc": MetricInfo("SRCC"),
    "pcc": MetricInfo("PCC"),
    **_accuracies(),
    "top1_score": MetricInfo("mean score of the first crop"),
    **{
        f"recall{n}_e{percent}": MetricInfo(f"best-crop recall at {n}, IoU >= .{percent}", percent=True)
        for percent in (85, 90)
        for n in (5, 10)
    },
    **{
        f"ap{percent}_k{k}": MetricInfo(f"AP at IoU .{percent}, {k} crops", percent=True)
        for percent in (85, 90)
        for k in (5, 10, 40)
    },
}
