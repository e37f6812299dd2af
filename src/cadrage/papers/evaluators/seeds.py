"""Whether one recipe beats another by more than trainings of one recipe differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much the mean over seeds of one recipe is above that of another, and how far seeds of one are apart.

    ``spread`` is the larger of both recipes' highest less lowest, None where one of them has a single seed.
    """

    metric: str
    gain: float
    spread: float | None

    @property
    def beyond_spread(self) -> bool | None:
        """Whether the gain is larger than the spread; None while that is not known."""
        return None if self.spread is None else self.gain > self.spread

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        spread = None if self.spread is None else round(self.spread, _DECIMALS)
        said = {"metric": self.metric, "gain": round(self.gain, _DECIMALS), "spread": spread}
        return said | {"beyond_spread": self.beyond_spread}


def gains(
    first: Sequence[Mapping[str, float]], second: Sequence[Mapping[str, float]], metrics: Sequence[str]
) -> tuple[Gain, ...]:
    """What the first recipe gains over the second; means of each seed, at least one of either.

    Example:
        >>> gains([{"srcc": 0.9}, {"srcc": 0.8}], [{"srcc": 0.7}, {"srcc": 0.75}], ["srcc"])[0].beyond_spread
        True
    """
    found = []
    for metric in metrics:
        ours, theirs = ([each[metric] for each in side] for side in (first, second))
        spread = max(float(np.ptp(ours)), float(np.ptp(theirs))) if min(len(ours), len(theirs)) > 1 else None
        found.append(Gain(metric, float(np.mean(ours) - np.mean(theirs)), spread))
    return tuple(found)


def earned(found: Sequence[Gain]) -> bool | None:
    """Whether every gain is beyond its spread; None while that is not known of one and no other has failed."""
    known = [each.beyond_spread for each in found]
    if any(each is False for each in known):
        return False
    return None if any(each is None for each in known) else True
