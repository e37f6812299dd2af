"""A predictor that answers more than it is asked gains nothing by it."""

import numpy as np
import pytest

from cadrage.evaluation.answers import Answer
from cadrage.evaluation.judging import ask_all
from cadrage.evaluation.protocols import PROTOCOLS


class Talks:
    """Answers with so many crops and scores, whatever is asked."""

    name, needs_photos = "talks", False

    def __init__(self, crops, scores):
        self.answered = Answer(np.tile([0.0, 0.0, 1.0, 1.0], (crops, 1)), np.zeros(crops), np.zeros(scores))

    def answer(self, question):
        return self.answered

    def describe(self):
        return {"kind": "test", "name": self.name}


@pytest.mark.parametrize(
    ("protocol", "crops", "scores", "complaint"),
    [
        ("fcdb-free", 6, 0, r"at most 5 crops of images/a\.png, got 6"),
        ("fcdb-ratio", 2, 0, r"at most 1 crops of images/a\.png, got 2"),
        ("fcdb-free", 5, 1, r"0 scores of boxes of images/a\.png, got 1"),
        ("gaicd-ranking", 0, 0, r"1 scores of boxes of images/a\.png, got 0"),
        ("gaicd-ranking", 1, 1, r"at most 0 crops of images/a\.png, got 1"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_not_asked_is_refused(record, protocol, crops, scores, complaint, jobs):
    with pytest.raises(ValueError, match=complaint):
        ask_all(PROTOCOLS[protocol], [record()], Talks(crops, scores), jobs=jobs)


def test_fewer_crops_are_an_answer(record):
    assert len(ask_all(PROTOCOLS["fcdb-free"], [record()], Talks(0, 0)).records) == 1
