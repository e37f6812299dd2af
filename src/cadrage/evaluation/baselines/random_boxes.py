"""``random``: every box gets a score out of nothing but its photo's name, its place and a seed."""

import hashlib
from typing import Any

import numpy as np

from cadrage.evaluation.answers import Answer, Floats, Question
from cadrage.geometry import fixed_ratio_candidates, grid_anchors

DRAWS = 10
# As on the grid, whose boxes hold at least half of the photo.
_MIN_AREA = 0.5
# Finer than a pixel, coarser than the noise of computing the same box in another way.
_DECIMALS = 6


class RandomBoxes:
    """Scores uniform in [0, 1); crops are the candidates with the highest ones.

    A score depends on no other box and no other photo, so neither order nor selection changes an answer. Candidates are
    those of the 12x12 grid, or whole-pixel boxes of the asked ratio with half of the photo, where the ratio permits.
    """

    name = "random"
    needs_photos = False

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def answer(self, question: Question) -> Answer:
        """Up to n candidates by falling score, and the score of each asked box."""
        scores = self._scores(question.file_name, question.boxes_xyxy)
        if not question.n:
            return Answer(box_scores=scores)
        size_wh, ratio = question.size_wh, question.ratio
        if ratio is None:
            candidates = grid_anchors(size_wh)
        else:
            candidates = fixed_ratio_candidates(size_wh, ratio, min_area=_MIN_AREA)
        luck = self._scores(question.file_name, candidates)
        chosen = np.argsort(-luck, kind="stable")[: question.n]
        return Answer(candidates[chosen], luck[chosen], scores)

    def more_draws(self) -> "list[RandomBoxes]":
        """Nine more of its kind, so that a floor is what chance gives on average."""
        return [RandomBoxes(self._seed + draw) for draw in range(1, DRAWS)]

    def describe(self) -> dict[str, Any]:
        """Kind, name, first seed and number of draws that an evaluation averages."""
        return {"kind": "baseline", "name": self.name, "seed": self._seed, "draws": DRAWS}

    def _scores(self, file_name: str, boxes_xyxy: Floats) -> Floats:
        salt = f"{self._seed} {file_name} ".encode("utf-8", errors="surrogateescape")
        # Adding zero makes the negative zero, which has other bytes, an ordinary one.
        places = (np.round(boxes_xyxy, _DECIMALS) + 0.0).astype("<f8")
        digests = b"".join(hashlib.sha256(salt + place.tobytes()).digest()[:8] for place in places)
        # The upper 53 bits are what a float64 below 1 can hold.
        return (np.frombuffer(digests, dtype="<u8") >> 11) / 2.0**53
