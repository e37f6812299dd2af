"""The numbers of the selection."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from cadrage.errors import ModelError


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """Numbers of the selection, tuned on validation data and kept in the model's card under ``selection``."""

    # How fast a proposal loses weight with the distance |ln(its ratio / asked ratio)|; smaller is stricter.
    ratio_temperature: float = 0.3
    # Exponent on the area of a candidate: + for loose and - for tight, on top of the one that always applies. 0.2 is
    # hardly seen, and with 0.7 tight crops begin to leave what people choose.
    scale_tilt: float = 0.5
    natural_tilt: float = 0.0
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
            ModelError: an unknown name or a value that is not a finite number.
        """
        known = {setting.name for setting in fields(cls)}
        for name, value in selection.items():
            if name not in known:
                raise ModelError(f"model card: unknown selection setting {name!r}; expected some of {sorted(known)}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise ModelError(f"model card: expected selection.{name} to be a finite number, got {value!r}")
        settings = cls(**selection)
        if not settings.ratio_temperature > 0:
            raise ModelError(f"model card: expected selection.ratio_temperature above 0, got {selection!r}")
        return settings
