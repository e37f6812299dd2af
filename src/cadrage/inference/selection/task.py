"""What the selection is given for one photo and ratio, and what it hands back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from cadrage.errors import ModelError
from cadrage.geometry import Ratio, largest_size
from cadrage.inference.request import Request
from cadrage.inference.selection.duplicates import SetLimits
from cadrage.inference.selection.rules import Rules
from cadrage.inference.selection.worth import Floats
from cadrage.inference.store.card import CandidateKind, ScoreScale
from cadrage.inference.store.strict_json import shown

# Settings are exponents, weights and parts of one. Beyond these, a float overflows sooner or later.
_LARGEST_SETTING, _SMALLEST_TEMPERATURE = 5, 1e-3

_SCALE_SIGN = {"tight": -1.0, "natural": 0.0, "loose": 1.0}


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """Numbers of the selection, tuned on validation data and kept in the model's card under ``selection``."""

    # How fast a proposal loses weight with the distance |ln(its ratio / asked ratio)|; smaller is stricter.
    ratio_temperature: float = 0.3
    # Exponent on the area of a candidate: + for loose and - for tight, on top of the one that always applies. 0.2 is
    # hardly seen, and with 0.7 tight crops begin to leave what people choose.
    scale_tilt: float = 0.5
    natural_tilt: float = 0.0  # at the free shape; an asked ratio takes enough off the photo by itself
    # Weight of the evaluator's standardised score beside the expected overlap; 0 leaves the evaluator out.
    evaluator_weight: float = 0.0
    # How much an alternative's own value counts beside what it adds to the set. Without any, alternatives to an opinion
    # that is already met would be arbitrary.
    alternative_value: float = 0.05
    # A set of three or more holds a crop with less and one with more than these parts of the largest possible area.
    small_area: float = 0.60
    large_area: float = 0.75
    # The lightest proposals that together hold less than this part of the weight are dropped.
    pruned_weight: float = 0.01

    @classmethod
    def from_card(cls, selection: Mapping[str, Any]) -> "SelectionSettings":
        """Read the settings of a card; what it leaves out keeps its default.

        Raises:
            ModelError: an unknown name or a value that is no number, or far from all that make sense.
        """
        known = {setting.name for setting in fields(cls)}
        for name, value in selection.items():
            if name not in known:
                raise ModelError(
                    f"model card: unknown selection setting {shown(name)}; expected some of {sorted(known)}"
                )
            usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST_SETTING
            if not usable:
                raise ModelError(
                    f"model card: expected selection.{name} to be a number from {-_LARGEST_SETTING} to "
                    f"{_LARGEST_SETTING}, got {shown(value)}"
                )
        settings = cls(**selection)
        if settings.ratio_temperature < _SMALLEST_TEMPERATURE:
            raise ModelError(
                f"model card: expected selection.ratio_temperature of at least {_SMALLEST_TEMPERATURE}, got "
                f"{settings.ratio_temperature!r}"
            )
        return settings


@dataclass(frozen=True, slots=True, eq=False)
class CropDistribution:
    """Predicted distribution of the crop people would choose: ``boxes_xyxy (K, 4)``, ``weights (K,)`` summing to 1."""

    boxes_xyxy: Floats
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Everything that the crops of one photo at one ratio depend on.

    ``people_xyxy (M, 4)`` are those that a detector is sure of and that no crop should halve without need.
    ``evaluate`` gives boxes ``(C, 4)`` their scores ``(C,)`` by the model's evaluator. Without ``opinions``, as of a
    model that proposes nothing, these scores rank the ``candidates``, and are reported in the unit of ``score_scale``
    where there is one.
    """

    photo_name: str
    size_wh: tuple[int, int]
    ratio: Ratio
    request: Request
    rules: Rules
    settings: SelectionSettings
    evaluate: Callable[[Floats], Floats]
    opinions: CropDistribution | None
    candidates: CandidateKind = "grid"
    people_xyxy: Floats = field(default_factory=lambda: np.empty((0, 4)))
    score_scale: ScoreScale | None = None

    @property
    def shape(self) -> float | None:
        """Width by height of the crops in pixels, None for any."""
        return self.ratio.resolve(self.size_wh)

    @property
    def tilt(self) -> float:
        """The preference for scale: above 0 for looser crops and below 0 for tighter ones."""
        natural = self.settings.natural_tilt if self.shape is None else 0.0
        return natural + _SCALE_SIGN[self.request.scale] * self.settings.scale_tilt

    @property
    def limits(self) -> SetLimits:
        """What the set of crops must be; from three on it spans scales, unless an area is asked for, and shapes."""
        bands = square = None
        if self.request.n >= 3 and not self.rules.limits_area:
            largest = self._largest_area()
            bands = (self.settings.small_area * largest, self.settings.large_area * largest)
        if self.request.n >= 3 and self.shape is None:
            square = self.size_wh[1] / self.size_wh[0]
        return SetLimits(self.request.n, self.request.preferred_overlap, bands, square)

    def _largest_area(self) -> float:
        shape = self.shape
        if shape is None:
            return 1.0
        width, height = largest_size(self.size_wh, shape)
        return width * height / (self.size_wh[0] * self.size_wh[1])


@dataclass(frozen=True, slots=True, eq=False)
class Picks:
    """Selected boxes in their final order: ``boxes_xyxy (n, 4)``, ``scores (n,)`` without any tilt."""

    boxes_xyxy: Floats
    scores: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """What a strategy chose: the boxes, the flags of the rules that gave way, and what it went by.

    ``opinions`` are the weighted boxes by which it judged, ``says`` puts a score into words.
    """

    picks: Picks
    relaxed: tuple[str, ...]
    opinions: CropDistribution
    says: Callable[[float], str]
