import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadrage.evaluation.metrics.pairs import PairAgreement, one_against_others, pair_agreement

PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 5), st.integers(0, 5)), max_size=8)


def agreement(pairs):
    return pair_agreement(
        np.array([pair[0] for pair in pairs], dtype=np.float64),
        np.array([pair[1] for pair in pairs], dtype=np.float64),
        [pair[2:] for pair in pairs],
    )


def fields(found):
    return [getattr(found, name) for name in PairAgreement.__slots__]


def test_worked_numbers():
    # Agrees by three votes, disagrees by five, tied scores by one, and nothing to agree with.
    found = agreement([(1, 0, 4, 1), (0, 1, 5, 0), (2, 2, 3, 2), (3, 1, 2, 2)])
    assert found == PairAgreement(
        agree=1, decided=3, agree_votes=3, decided_votes=3 + 5 + 1, tied_scores=1, tied_votes=1, undecided=1
    )
    assert (found.share, found.vote_share) == (pytest.approx(1.5 / 3), pytest.approx(3.5 / 9))


@given(PAIRS)
def test_no_opinion_is_worth_a_half(pairs):
    found = agreement([(0, 0, *pair[2:]) for pair in pairs])
    assert (found.share, found.vote_share) == ((0.5, 0.5) if found.decided else (0.0, 0.0))


@given(PAIRS, st.randoms(use_true_random=False))
def test_pairs_add_up_in_any_order(pairs, random):
    total = np.zeros(7)
    for pair in pairs:
        total += fields(agreement([pair]))
    assert fields(agreement(random.sample(pairs, len(pairs)))) == total.tolist()


@given(PAIRS)
def test_which_view_is_called_a_does_not_matter(pairs):
    swapped = [(b, a, votes_b, votes_a) for a, b, votes_a, votes_b in pairs]
    assert agreement(swapped) == agreement(pairs)
    assert one_against_others([pair[2:] for pair in swapped]) == one_against_others([pair[2:] for pair in pairs])


@given(PAIRS)
def test_who_predicts_the_votes_agrees_with_every_majority(pairs):
    found = agreement([(votes_a, votes_b, votes_a, votes_b) for _, _, votes_a, votes_b in pairs])
    assert (found.agree, found.agree_votes, found.tied_scores) == (found.decided, found.decided_votes, 0)


def test_no_pairs():
    assert fields(agreement([])) == [0] * 7


def test_bad_input_is_an_error():
    with pytest.raises(ValueError, match="as many scores as votes, got 1, 2 and 1"):
        pair_agreement(np.ones(1), np.ones(2), [(1, 0)])
    with pytest.raises(ValueError, match="finite"):
        pair_agreement(np.ones(1), np.array([np.nan]), [(1, 0)])


@pytest.mark.parametrize(
    ("votes", "share", "voters"),
    [
        # Each of the four sees three against one, the fifth four against none.
        ([(4, 1)], 4 / 5, 5),
        ([(5, 0)], 1.0, 5),
        # The three see a draw of the others; the two see one against three.
        ([(3, 2)], 1.5 / 5, 5),
        ([(2, 2)], 0.0, 4),
        ([(1, 1)], 0.0, 2),
        ([(4, 1), (1, 4), (3, 2)], 9.5 / 15, 15),
        # A single voter has no others, and no voter has none.
        ([(1, 0)], 0.0, 0),
        ([(0, 0)], 0.0, 0),
        ([], 0.0, 0),
    ],
)
def test_one_person_against_the_others(votes, share, voters):
    assert one_against_others(votes) == (pytest.approx(share), voters)
