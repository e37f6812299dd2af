"""Suggestions as JSON, schema version 1.0 (``docs/schema/suggestions-1.0.json``)."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cadrage.inference.request import Request
    from cadrage.inference.results import ModelInfo, Suggestions
    from cadrage.inference.selection.crop import Crop

SCHEMA_VERSION = "1.0"

# Far below a pixel of any photo.
_BOX_DECIMALS = 6
# What float32 sums repeat on any processor.
_SCORE_DECIMALS = 4


def to_dict(suggestions: "Suggestions") -> dict[str, Any]:
    """The object of one photo as plain Python values, floats rounded."""
    image = suggestions.image
    return {
        "schema_version": SCHEMA_VERSION,
        "image": {
            "path": image.path,
            "sha256": image.sha256,
            "width": image.width,
            "height": image.height,
            "orientation_applied": image.orientation_applied,
        },
        "model": model_object(suggestions.model),
        "request": _request(suggestions.request),
        "subjects": [dict(subject) for subject in suggestions.subjects],
        "person": None if suggestions.person is None else dict(suggestions.person),
        "crops": [_crop(crop) for crop in suggestions.crops],
        "flags": list(suggestions.flags),
        "warnings": list(suggestions.warnings),
    }


def model_object(model: "ModelInfo") -> dict[str, Any]:
    """Who answered: name, tag, version, hash, what ran it, and why it was chosen if it was."""
    return {
        "name": model.name,
        "tag": model.tag,
        "version": model.version,
        "weights_sha256": model.weights_sha256,
        "backend": model.backend,
        "reason": model.reason,
    }


def to_json(suggestions: "Suggestions") -> str:
    """One line without spaces; keys in the order of the schema."""
    content = to_dict(suggestions)
    # A file name that is not valid UTF-8 reaches Python as lone surrogates, which only an escape can carry.
    readable = suggestions.image.path.isprintable()
    return json.dumps(content, ensure_ascii=not readable, allow_nan=False, separators=(",", ":"))


def _request(request: "Request") -> dict[str, Any]:
    texts = [ratio.text for ratio in request.ratio]
    return {
        "ratio": texts[0] if len(texts) == 1 else texts,
        "num": request.n,
        "keep": [*request.keep_words, *(_rounded(box) for box in request.keep_xyxy)],
        "avoid": [_rounded(box) for box in request.avoid],
        "min_area": request.min_area,
        "max_area": request.max_area,
        "min_size": None if request.min_size is None else list(request.min_size),
        "diversity": request.diversity,
        "scale": request.scale,
        "strict": request.strict,
        "whole": request.whole,
    }


def _crop(crop: "Crop") -> dict[str, Any]:
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
        "flags": list(crop.flags),
        "reason": crop.reason,
    }


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, _BOX_DECIMALS) for value in values]
