"""What makes a protocol: a question, a judgement, and what bounds the numbers from both sides."""

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
