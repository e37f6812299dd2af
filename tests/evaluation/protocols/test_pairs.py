"""FCDB pairs: scores of two views against votes."""

import numpy as np
import pytest

from cadrage.datasets.manifest import Pair
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.judging import judge_all
from cadrage.evaluation.protocols import PROTOCOLS

PAIRS = PROTOCOLS["fcdb-pairs"]
A, B = (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0)


def scored(*scores):
    return [Answer(box_scores=np.array(scores, dtype=np.float64))]


def test_both_views_of_every_pair_are_asked_in_order(record):
    photo = record(pairs=[Pair(A, B, 5, 0), Pair(B, A, 1, 4)])
    (question,) = PAIRS.ask(photo)
    assert question.n == 0
    np.testing.assert_array_equal(question.boxes_xyxy, [A, B, B, A])


def test_shares_over_pairs_and_over_vote_margins(record):
    photo = record(pairs=[Pair(A, B, 5, 0), Pair(A, B, 2, 3)])
    found = PAIRS.judge(photo, scored(1, 0, 1, 0))
    assert found.values == {"pairs": 0.5, "pairs_weighted": 5 / 6}
    assert found.columns == {"decided_pairs": 2, "decided_votes": 6}


def test_equal_scores_count_half_and_are_counted(record):
    found = PAIRS.judge(record(pairs=[Pair(A, B, 5, 0)]), scored(1, 1))
    assert found.values["pairs"] == 0.5
    assert found.undefined == ("pairs",)


def test_photos_with_more_pairs_weigh_more(record):
    photos = [record("a.png", pairs=[Pair(A, B, 5, 0)] * 3), record("b.png", pairs=[Pair(A, B, 0, 5)])]
    judged = judge_all(PAIRS, photos, [scored(*[1, 0] * 3), scored(1, 0)])
    assert judged.metrics["pairs"].mean == pytest.approx(3 / 4)


def test_photos_without_a_majority_are_refused(record):
    assert PAIRS.refuse(record()) == "no voted pair"
    assert PAIRS.refuse(record(pairs=[Pair(A, B, 2, 2)])) == "no pair with a majority"
    assert PAIRS.refuse(record(pairs=[Pair(A, B, 2, 3)])) is None


def test_one_person_against_the_others_is_the_ceiling(record):
    # Of four against one, the four agree with the others' majority and the one does not.
    found = PAIRS.bound(record(pairs=[Pair(A, B, 4, 1)]))
    assert found.values == {"pairs": pytest.approx(0.8)}
    assert found.columns == {"decided_pairs": 5}
    assert PAIRS.bound(record(pairs=[Pair(A, B, 1, 1)])).values["pairs"] == 0
