"""One evaluation from the photos to the result."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cadrage import __version__
from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import UsageError
from cadrage.evaluation.answers import Answer, Predictor
from cadrage.evaluation.baselines.random_boxes import RandomBoxes
from cadrage.evaluation.floors import beyond_best_floor, make_floors
from cadrage.evaluation.judging import Asked, Judged, ask_all, average_draws, judge_all, judge_bound
from cadrage.evaluation.notes import person_notes
from cadrage.evaluation.protocols import Protocol
from cadrage.evaluation.result import Result

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result, and the photos and answers behind it for whoever wants to draw or keep them."""

    result: Result
    records: tuple[PhotoRecord, ...]
    answers: tuple[tuple[Answer, ...], ...]


def evaluate(
    protocol: Protocol,
    records: Sequence[PhotoRecord],
    predictor: Predictor,
    *,
    data: Mapping[str, Any],
    train: Sequence[PhotoRecord] | None = None,
    allow_missing: bool = False,
    notes: Sequence[str] = (),
    left_out: Sequence[str] = (),
    jobs: int = 1,
    advance: Callable[[], None] = lambda: None,
    seed: int = 0,
) -> Evaluation:
    """Measure a predictor by a protocol, beside the protocol's floors and ceiling on the same photos.

    Args:
        protocol: what to ask and how to judge.
        records: the photos to measure on, with their truth; the predictor never sees them.
        predictor: who answers.
        data: what the photos are, for the record: hashes, split, subset.
        train: photos that learned baselines may look at, none of them among ``records``; without them those baselines
            are left out.
        allow_missing: leave out photos that are absent or unreadable instead of refusing to measure.
        notes: more sentences for the result.
        left_out: photos that were taken out of ``records`` beforehand; they count as missing.
        jobs: photos at a time.
        advance: called after each photo.
        seed: of the bootstrap.

    Raises:
        UsageError: no photo can be judged, training photos are among the measured ones, or photos are missing.
    """
    if protocol.pool is not None:
        protocol.pool([], [])  # a package that is not installed is missed now, not after the work
    judgeable, refused = _judgeable(protocol, records)
    _expect_apart(records, train)
    absent = [record for record in judgeable if not record.file.is_file()] if predictor.needs_photos else []
    _expect_all([str(record.file) for record in absent], "absent", len(judgeable), allow_missing)
    gone = {record.file_name for record in absent}
    asked = ask_all(
        protocol,
        [record for record in judgeable if record.file_name not in gone],
        predictor,
        jobs=jobs,
        advance=advance,
    )
    _expect_all(asked.unreadable, "unreadable", len(judgeable), allow_missing)
    if not asked.records:
        raise UsageError(f"{protocol.name}: no photo left to measure on; check the data with cadrage data check")
    judged = _judged(protocol, asked.records, predictor, asked.answers, seed)
    description = predictor.describe()
    floors = {
        floor.name: _judged(protocol, asked.records, floor, ask_all(protocol, asked.records, floor).answers, seed)
        for floor in make_floors(protocol, train, besides=description)
    }
    missing = [*left_out, *(f"{record.file_name} (absent)" for record in absent), *asked.unreadable]
    result = Result(
        protocol=protocol.name,
        cadrage=__version__,
        predictor=description,
        data={**data, "listed": len(records) + len(left_out), "missing": len(missing)},
        n=len(asked.records),
        metrics=judged.metrics,
        undefined=judged.undefined,
        notes=(
            *notes,
            *person_notes(description, len(asked.records)),
            *refused,
            *_missing_note(missing),
            *_fewer_note(protocol, asked),
            *(protocol.remark(asked.records, asked.answers) if protocol.remark else ()),
            *beyond_best_floor(protocol, judged, floors, seed),
        ),
        floors={name: floor.metrics for name, floor in floors.items()},
        ceilings=judge_bound(protocol, asked.records, seed=seed),
        photos=judged.photos,
    )
    return Evaluation(result, asked.records, asked.answers)


def _judged(
    protocol: Protocol,
    records: Sequence[PhotoRecord],
    predictor: Predictor,
    answers: Sequence[Sequence[Answer]],
    seed: int,
) -> Judged:
    first = judge_all(protocol, records, answers, seed=seed)
    if not isinstance(predictor, RandomBoxes):
        return first
    # One draw on some hundred photos can be lucky enough to look like skill.
    others = [
        judge_all(protocol, records, ask_all(protocol, records, draw).answers, seed=seed, pooled_too=False)
        for draw in predictor.more_draws()
    ]
    return average_draws(protocol, [first, *others], seed=seed)


def _judgeable(protocol: Protocol, records: Sequence[PhotoRecord]) -> tuple[list[PhotoRecord], list[str]]:
    kept: list[PhotoRecord] = []
    reasons: dict[str, int] = {}
    for record in records:
        reason = protocol.refuse(record)
        if reason is None:
            kept.append(record)
        else:
            reasons[reason] = reasons.get(reason, 0) + 1
    if not kept:
        said = "; ".join(f"{count} with {reason}" for reason, count in reasons.items()) or "the split is empty"
        raise UsageError(f"{protocol.name}: no photo can be judged ({said}); is this the right data set?")
    return kept, [f"{count} photos left out: {reason}" for reason, count in reasons.items()]


def _expect_apart(records: Sequence[PhotoRecord], train: Sequence[PhotoRecord] | None) -> None:
    shared = {record.file for record in records} & {record.file for record in train or ()}
    if shared:
        raise UsageError(
            f"{len(shared)} training photos of the learned baselines are among the measured ones, such as "
            f"{min(shared).name}; give another --train-split"
        )


def _expect_all(missing: Sequence[str], what: str, total: int, allow_missing: bool) -> None:
    if missing and not allow_missing:
        raise UsageError(
            f"{len(missing)} of {total} photos are {what}, such as {missing[0]}; "
            "get them, or leave them out with --allow-missing, which makes the number another one"
        )


def _missing_note(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    named = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
    return [f"{len(missing)} missing photos left out: {named}"]


def _fewer_note(protocol: Protocol, asked: Asked) -> list[str]:
    """A set of crops is measured as it is: fewer crops are a handicap that the result must mention."""
    few = Counter(
        question.n
        for record, answers in zip(asked.records, asked.answers, strict=True)
        for question, answer in zip(protocol.ask(record), answers, strict=True)
        if len(answer.confidences) < question.n
    )
    return [f"{count} photos were given fewer than the {n} crops asked for" for n, count in sorted(few.items())]
