"""GAICD ranking: permutations, ties and constant scores. FCDB pairs: scores of two views against votes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.datasets.manifest import Pair
from cadrage.evaluation.answers import Answer
from cadrage.evaluation.judging import judge_all
from cadrage.evaluation.protocols import PROTOCOLS
from cadrage.geometry import grid_anchors

RANKING = PROTOCOLS["gaicd-ranking"]
GRID = grid_anchors()


def judge(photo, scores):
    return RANKING.judge(photo, [Answer(box_scores=np.asarray(scores, dtype=np.float64))])


def test_people_themselves_are_perfect(record):
    photo = record(crops=GRID, scores=np.round(np.linspace(1, 5, len(GRID)) * 7) / 7)
    values = RANKING.bound(photo).values
    assert {name for name, value in values.items() if value != pytest.approx(1)} == {"top1_score"}
    assert values["top1_score"] == 5


@given(st.lists(st.tuples(st.integers(7, 10), st.integers(0, 3)), min_size=2, max_size=90), st.randoms())
def test_the_order_of_the_file_changes_nothing(pairs, random):
    """Heavy ties on both sides: leaving them in file order would leak the truth of files sorted by score."""
    from pathlib import Path

    from cadrage.datasets.manifest import PhotoRecord

    truth, predicted = np.array(pairs, dtype=np.float64).T
    boxes = GRID[: len(pairs)]

    def photo(order):
        return PhotoRecord("a", Path("a"), (4, 3), boxes[order], truth[order] / 7, (), np.empty((0, 4)), {})

    shuffled = list(range(len(pairs)))
    random.shuffle(shuffled)
    by_score = np.argsort(-truth, kind="stable")
    first = judge(photo(np.arange(len(pairs))), predicted)
    for order in (np.array(shuffled), by_score, by_score[::-1]):
        again = judge(photo(order), predicted[order])
        assert again.values == pytest.approx(first.values, abs=1e-12)
        assert again.undefined == first.undefined


def test_one_box_with_two_opinions_is_no_luck_of_the_file(record):
    """Nobody can tell equal boxes apart, so their place in the file must not decide which one was chosen."""
    boxes = np.concatenate([GRID[:1], GRID[:9]])
    truth = np.array([5.0, 1.0, *np.linspace(2, 3, 8)])
    predicted = np.array([9.0, 9.0, *range(8)])
    first = judge(record(crops=boxes, scores=truth), predicted)
    assert judge(record(crops=boxes[::-1], scores=truth[::-1]), predicted[::-1]) == first
    assert (first.values["top1_score"], first.values["acc1_5"]) == (1, 0)


def test_a_constant_opinion_has_no_correlation_and_no_luck(record):
    falling = np.linspace(5, 1, len(GRID))
    # The best crops stand last in canonical order, first in the file.
    photo = record(crops=GRID[::-1], scores=falling)
    found = judge(photo, np.zeros(len(GRID)))
    assert found.undefined == ("srcc", "pcc")
    assert (found.values["srcc"], found.values["pcc"], found.values["acc5"]) == (0, 0, 0)


def test_unrated_crops_are_refused(record):
    assert "not rated" in RANKING.refuse(record(scores=(-2.0,)))
    assert RANKING.refuse(record(crops=())) == "no scored crop"


def test_every_candidate_of_the_file_is_asked(record):
    (question,) = RANKING.ask(record(crops=GRID[:54]))
    np.testing.assert_array_equal(question.boxes_xyxy, GRID[:54])
    assert question.n == 0


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
