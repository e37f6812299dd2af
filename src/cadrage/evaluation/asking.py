"""Put a protocol's questions to a predictor, several photos at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import CadrageError
from cadrage.evaluation.answers import Answer, Predictor, Question, expect_answer_to
from cadrage.evaluation.protocols import Protocol
from cadrage.evaluation.unreadable import of_photo


@dataclass(frozen=True, slots=True)
class Asked:
    """The photos that were answered with their answers, and why the others were not."""

    records: tuple[PhotoRecord, ...]
    answers: tuple[tuple[Answer, ...], ...]
    unreadable: tuple[str, ...]


def ask_all(
    protocol: Protocol,
    records: Sequence[PhotoRecord],
    predictor: Predictor,
    *,
    jobs: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> Asked:
    """Ask the predictor about every photo.

    Args:
        protocol: what to ask.
        records: the photos; the predictor sees the questions only, never these.
        predictor: who answers.
        jobs: photos at a time.
        advance: called after each photo.

    Returns:
        The answers in the order of the photos, those that cannot be opened or looked at left out and named with the
        reason.

    Raises:
        ValueError: the predictor answers more crops, or another number of scores, than it is asked for.
    """

    def ask(record: PhotoRecord) -> tuple[Answer, ...] | str:
        try:
            return tuple(_answered(predictor, question) for question in protocol.ask(record))
        except CadrageError as error:
            if not of_photo(error):
                raise
            return str(error)
        finally:
            advance()

    if jobs == 1:
        outcomes = [ask(record) for record in records]
    else:
        with ThreadPoolExecutor(jobs) as pool:
            outcomes = list(pool.map(ask, records))
    answered = [(record, found) for record, found in zip(records, outcomes, strict=True) if not isinstance(found, str)]
    return Asked(
        records=tuple(record for record, _ in answered),
        answers=tuple(found for _, found in answered),
        unreadable=tuple(found for found in outcomes if isinstance(found, str)),
    )


def _answered(predictor: Predictor, question: Question) -> Answer:
    answer = predictor.answer(question)
    expect_answer_to(question, answer)
    return answer
