"""What makes a protocol: a question, a judgement, what bounds the numbers from both sides, and how they are called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.result import Estimate


@dataclass(frozen=True, slots=True)
class Judgement:
    """The metrics of one photo.

    ``undefined`` names the metrics that have only their stated value here; ``columns`` holds further numbers of the
    photo, such as the number of observations that a metric averages.
    """

    values: Mapping[str, float]
    undefined: tuple[str, ...] = ()
    columns: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pooled:
    """Metrics that exist only for the whole set of photos, and how often they were undefined."""

    metrics: Mapping[str, Estimate]
    undefined: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way of asking and judging.

    ``ask`` turns a photo into questions that hold nothing of the truth beyond what the protocol gives away by
    definition; ``judge`` sees the truth and the answers, in the order of the questions. ``refuse`` says why a photo has
    no truth to be judged by, or None. ``weights`` names, for a metric that is a mean over observations rather than
    photos, the column that counts them. ``bound`` is the judgement that the named ``ceiling`` would get. ``remark``
    says about the answers what is no metric, in sentences for the notes of the result.
    """

    name: str
    dataset: str
    main_metric: str
    floors: tuple[str, ...]
    ask: Callable[[PhotoRecord], tuple[Question, ...]]
    judge: Callable[[PhotoRecord, Sequence[Answer]], Judgement]
    refuse: Callable[[PhotoRecord], str | None]
    ceiling: str
    bound: Callable[[PhotoRecord], Judgement]
    weights: Mapping[str, str] = field(default_factory=dict)
    pool: Callable[[Sequence[PhotoRecord], Sequence[Sequence[Answer]]], Pooled] | None = None
    remark: Callable[[Sequence[PhotoRecord], Sequence[Sequence[Answer]]], tuple[str, ...]] | None = None


def question_about(record: PhotoRecord, **wanted: object) -> Question:
    """A question about a photo; ``wanted`` are the other fields of `Question`."""
    known = {"persons_xyxy": record.persons_xyxy}
    return Question(record.file_name, record.file, record.size_wh, **known, **wanted)  # type: ignore[arg-type]


def refuse_unrated(record: PhotoRecord) -> str | None:
    """Why a photo cannot be judged by its scored crops: it has none, or one that is not rated."""
    if not len(record.crops_xyxy):
        return "no scored crop"
    return "a crop with a negative score, which means not rated" if (record.scores < 0).any() else None


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
        f"recall{n}_e{percent}{suffix}": MetricInfo(f"best-crop recall at {n}, IoU >= .{percent}{said}", percent=True)
        for suffix, said in (("", ""), ("_any", ", any of tied"))
        for percent in (85, 90)
        for n in (5, 10)
    },
    **{
        f"ap{percent}_k{k}": MetricInfo(f"AP at IoU .{percent}, {k} crops", percent=True)
        for percent in (85, 90)
        for k in (5, 10, 40)
    },
}
