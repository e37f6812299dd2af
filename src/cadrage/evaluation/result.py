"""The result of one evaluation: numbers with their n and interval, and everything needed to trust or repeat them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadrage.errors import UsageError

SCHEMA_VERSION = "1.0"
_DECIMALS = 6
# No metric or count comes near it, and sums of such numbers are still numbers.
_LARGEST = 1e12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``n`` photos with its 95 % bootstrap interval; ``low`` and ``high`` equal the mean when n is 1."""

    mean: float
    low: float
    high: float
    n: int
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What ``cadrage eval --json`` writes.

    ``predictor`` and ``data`` say what was measured on what; ``undefined`` counts the photos on which a metric has only
    its stated value; ``floors`` are baselines on the same photos; ``ceilings`` name what bounds a metric; ``photos``
    holds the values of each photo, so that two results can be compared photo by photo.
    """

    protocol: str
    cadrage: str
    predictor: Mapping[str, Any]
    data: Mapping[str, Any]
    n: int
    metrics: Mapping[str, Estimate]
    undefined: Mapping[str, int]
    notes: tuple[str, ...]
    floors: Mapping[str, Mapping[str, Estimate]]
    ceilings: Mapping[str, tuple[str, Estimate]]
    photos: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values in a fixed order; numbers are rounded to six decimals."""
        return {
            "schema_version": SCHEMA_VERSION,
            "cadrage": self.cadrage,
            "protocol": self.protocol,
            "predictor": dict(self.predictor),
            "data": dict(self.data),
            "n": self.n,
            "metrics": {name: _estimate_to_dict(estimate) for name, estimate in self.metrics.items()},
            "undefined": dict(self.undefined),
            "notes": list(self.notes),
            "floors": {
                baseline: {name: _estimate_to_dict(estimate) for name, estimate in metrics.items()}
                for baseline, metrics in self.floors.items()
            },
            "ceilings": {
                metric: {"name": name, **_estimate_to_dict(estimate)}
                for metric, (name, estimate) in self.ceilings.items()
            },
            "photos": [{key: _rounded(value) for key, value in photo.items()} for photo in self.photos],
        }

    def to_json(self) -> str:
        """One JSON object, a line per photo."""
        whole = self.to_dict()
        photos = [json.dumps(photo, ensure_ascii=False) for photo in whole.pop("photos")]
        head = json.dumps(whole, indent=1, ensure_ascii=False).removesuffix("\n}")
        return head + ',\n "photos": [\n  ' + ",\n  ".join(photos) + "\n ]\n}\n"


def read_result(file: Path) -> Result:
    """Read a result that ``cadrage eval --json`` wrote.

    Raises:
        UsageError: the file cannot be read or is not such a result.
    """
    try:
        # File names that are not text stand in it as the bytes they are.
        raw = json.loads(file.read_bytes().decode("utf-8-sig", errors="surrogateescape"))
    except OSError as error:
        raise UsageError(f"{file}: cannot read it ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: not JSON ({error}); expected a file written by cadrage eval --json") from None
    found = raw.get("schema_version") if isinstance(raw, dict) else None
    if found is not None and found != SCHEMA_VERSION:
        raise UsageError(f"{file}: result of schema {found}, expected {SCHEMA_VERSION}; measure again")
    try:
        return _result(raw)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"{file}: not a result of cadrage eval --json (problem with {error})") from None


def _result(raw: Any) -> Result:
    return Result(
        protocol=_text(raw["protocol"]),
        cadrage=_text(raw["cadrage"]),
        predictor=dict(raw["predictor"].items()),
        data=dict(raw["data"].items()),
        n=int(_number(raw["n"])),
        metrics=_estimates(raw["metrics"]),
        undefined={name: int(_number(count)) for name, count in raw["undefined"].items()},
        notes=tuple(_text(note) for note in raw["notes"]),
        floors={baseline: _estimates(metrics) for baseline, metrics in raw["floors"].items()},
        ceilings={name: (_text(value["name"]), _estimate(value)) for name, value in raw["ceilings"].items()},
        photos=tuple(_photo(photo) for photo in raw["photos"]),
    )


def _rounded(value: Any) -> Any:
    return round(value, _DECIMALS) if isinstance(value, float) else value


def _estimate_to_dict(estimate: Estimate) -> dict[str, Any]:
    return {
        "mean": _rounded(estimate.mean),
        "ci95": [_rounded(estimate.low), _rounded(estimate.high)],
        "n": estimate.n,
        "higher_is_better": estimate.higher_is_better,
    }


def _estimates(raw: Mapping[str, Any]) -> dict[str, Estimate]:
    return {name: _estimate(value) for name, value in raw.items()}


def _estimate(raw: Mapping[str, Any]) -> Estimate:
    mean, low, high = (_number(value) for value in (raw["mean"], *raw["ci95"]))
    return Estimate(mean, low, high, int(_number(raw["n"])), bool(raw["higher_is_better"]))


def _photo(raw: Mapping[str, Any]) -> dict[str, Any]:
    values = {key: _number(value) for key, value in raw.items() if key != "file_name"}
    return {"file_name": _text(raw["file_name"]), **values}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}, which should be text")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise TypeError(f"{value!r}, which should be a number")
    return value
