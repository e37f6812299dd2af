"""The parts of results as JSON, schema version 1.0 (``docs/schema/suggestions-1.0.json``)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cadrage.inference.request import Request
    from cadrage.inference.selection.crop import Crop

SCHEMA_VERSION = "1.0"

# Far below a pixel of any photo.
_BOX_DECIMALS = 6
# What float32 sums repeat on any processor.
_SCORE_DECIMALS = 4


def request_object(request: "Request") -> dict[str, Any]:
    """What was asked for."""
    texts = [ratio.text for ratio in request.ratio]
    return {
        "ratio": texts[0] if len(texts) == 1 else texts,
        "num": request.n,
        "keep": [*request.keep_words, *(_rounded(box) for box in request.keep_xyxy)],
        "avoid": [_rounded(box) for box in request.avoid],
        "min_area": request.min_area,
        "max_area": request.max_area,
        "min_size": None if request.min_size is None else list(request.min_size),
        "diversity": request.preferred_overlap,
        "scale": request.scale,
        "strict": request.strict,
        "whole": request.whole,
        "people_aware": request.people_aware,
        # Only where it was asked for, so that all other results stay as they are.
        **({} if request.candidates is None else {"candidates": request.candidates.to_dict()}),
    }


def crop_object(crop: "Crop") -> dict[str, Any]:
    """One crop, floats rounded."""
    x, y, width, height = crop.box_px
    return {
        "rank": crop.rank,
        "ratio": crop.ratio,
        "box": {"x": x, "y": y, "width": width, "height": height},
        "box_norm": _rounded(crop.box_norm),
        "score": round(crop.score, _SCORE_DECIMALS),
        "area_fraction": round(crop.area_fraction, _SCORE_DECIMALS),
        "importance_fraction": round(crop.importance_fraction, _SCORE_DECIMALS),
        "focal_point": _rounded(crop.focal_point),
        "heads": dict(crop.head_counts),
        "flags": list(crop.flags),
        "reason": crop.reason,
    }


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, _BOX_DECIMALS) for value in values]
