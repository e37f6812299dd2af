"""Agreement with people who compared two views of one photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Votes = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Counts over pairs, to be added up over photos before anything is divided.

    ``decided`` pairs have a majority, and in ``agree`` of them the higher score is the majority's; ``agree_votes`` and
    ``decided_votes`` are the same with every pair counted by its margin of votes. ``tied_scores`` are decided pairs
    with equal scores and ``tied_votes`` their margins; ``undecided`` pairs have as many votes for either view and count
    nowhere else.
    """

    agree: int
    decided: int
    agree_votes: int
    decided_votes: int
    tied_scores: int
    tied_votes: int
    undecided: int

    @property
    def share(self) -> float:
        """Share of decided pairs ranked as people rank them; equal scores count half. 0.0 without a decided pair."""
        return (self.agree + self.tied_scores / 2) / self.decided if self.decided else 0.0

    @property
    def vote_share(self) -> float:
        """The same with every pair counted by its margin of votes."""
        return (self.agree_votes + self.tied_votes / 2) / self.decided_votes if self.decided_votes else 0.0


def pair_agreement(scores_a: NDArray[np.float64], scores_b: NDArray[np.float64], votes: Votes) -> PairAgreement:
    """Count the pairs in which the higher score belongs to the view most people preferred.

    ``share`` is what the pairs of FCDB were voted on for (Chen et al., WACV 2017); ``vote_share`` weights each pair by
    ``|votes for a - votes for b|``. Equal scores count half, as in the rank statistic of Mann and Whitney (1947), so
    that no opinion at all is worth .5. Without a decided pair all counts but ``undecided`` are 0.

    Args:
        scores_a, scores_b: ``(N,)`` scores of the two views, higher is better.
        votes: N times (votes for a, votes for b).

    Raises:
        ValueError: different lengths, or a score that is not finite.

    Example:
        >>> found = pair_agreement(np.array([1.0, 0.0]), np.array([0.0, 1.0]), [(4, 1), (3, 2)])
        >>> found.share, found.vote_share
        (0.5, 0.75)
    """
    if not len(scores_a) == len(scores_b) == len(votes):
        raise ValueError(f"expected as many scores as votes, got {len(scores_a)}, {len(scores_b)} and {len(votes)}")
    lead = np.asarray(scores_a, dtype=np.float64) - np.asarray(scores_b, dtype=np.float64)
    if not np.isfinite(lead).all():
        raise ValueError("expected finite scores of both views")
    margin = np.array([a - b for a, b in votes], dtype=np.int64)
    decided, agree = margin != 0, np.sign(lead) * margin > 0
    tied = decided & (lead == 0)
    return PairAgreement(
        agree=int(np.count_nonzero(agree)),
        decided=int(np.count_nonzero(decided)),
        agree_votes=int(np.abs(margin[agree]).sum()),
        decided_votes=int(np.abs(margin).sum()),
        tied_scores=int(np.count_nonzero(tied)),
        tied_votes=int(np.abs(margin[tied]).sum()),
        undecided=int(np.count_nonzero(~decided)),
    )


def one_against_others(votes: Votes) -> tuple[float, int]:
    """How often one person agrees with the majority of the others: what a person would score in `pair_agreement`.

    Each voter in turn is held against the others of the same pair; others who are tied count half. This is no upper
    bound: a majority is steadier than any single voter.

    Args:
        votes: N times (votes for a, votes for b).

    Returns:
        The share of agreeing voters, in [0, 1], and how many voters it averages; (0.0, 0) where it is undefined, that
        is where nobody has others.

    Example:
        >>> one_against_others([(4, 1)])
        (0.8, 5)
    """
    agreeing, counted = 0.0, 0
    for a, b in votes:
        if a + b < 2:
            continue
        # A voter for a leaves a - 1 against b, a voter for b leaves b - 1 against a.
        agreeing += a * _credit(a - 1, b) + b * _credit(b - 1, a)
        counted += a + b
    return (agreeing / counted if counted else 0.0), counted


def _credit(with_voter: int, against: int) -> float:
    return 0.5 if with_voter == against else float(with_voter > against)
