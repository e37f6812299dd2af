"""What was measured of a training on one list of photos: means with intervals, or the values of every photo."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.evaluation.result import Estimate

_DECIMALS = 6

Floats = NDArray[np.float64]


class MeasuredResult(Protocol):
    """What a report says of any result."""

    @property
    def entries(self) -> tuple[str, ...]:
        """The photos, as FOLDER:SPLIT."""

    @property
    def n(self) -> int:
        """How many photos were measured."""

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Names of further photos that could not be read."""

    @property
    def undefined(self) -> int:
        """How many correlations are 0 by convention, as all scores of a photo are equal."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """Means of one model over one list of photos; ``metrics`` are those of the paper, as fractions.

    ``photos_sha256`` says which photos were listed, by their names; empty where it was not kept.
    """

    __test__ = False  # pytest takes every class of this name for tests

    entries: tuple[str, ...]
    n: int
    unreadable: tuple[str, ...]
    metrics: Mapping[str, Estimate]
    others: Mapping[str, float] = field(default_factory=dict)
    photos_sha256: str = ""

    @property
    def undefined(self) -> int:
        """How many correlations are 0 by convention."""
        return int(self.others.get("undefined", 0))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "entries": list(self.entries),
            "n": self.n,
            "unreadable": list(self.unreadable),
            "metrics": {name: asdict(estimate) for name, estimate in self.metrics.items()},
            "others": dict(self.others),
            "photos_sha256": self.photos_sha256,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TestResult":
        """The result that `to_dict` wrote."""
        return cls(
            entries=tuple(values["entries"]),
            n=int(values["n"]),
            unreadable=tuple(values["unreadable"]),
            metrics={name: Estimate(**each) for name, each in values["metrics"].items()},
            others=dict(values["others"]),
            photos_sha256=values.get("photos_sha256", ""),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Values on the photos of FOLDER:SPLIT entries, with what these photos and what is said of them were then."""

    entries: tuple[str, ...]
    values: "PhotoValues"
    manifests_sha256: Mapping[str, str]  # by folder
    photos_sha256: str

    @property
    def n(self) -> int:
        """How many photos were measured."""
        return len(self.values.photos)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Names of further photos that could not be read."""
        return self.values.unreadable

    @property
    def undefined(self) -> int:
        """How many correlations are 0 by convention."""
        return self.values.undefined

    def same_photos(self, other: "Measured") -> bool:
        """Whether both are about the same photos with the same ratings, so that they may be averaged or compared."""
        return (self.entries, self.manifests_sha256, self.photos_sha256) == (
            other.entries,
            other.manifests_sha256,
            other.photos_sha256,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Measured":
        """What stands in a file of measured numbers.

        Raises:
            LookupError, TypeError, ValueError: it is not such.
        """
        known = PhotoValues.from_dict(values["values"])
        return cls(tuple(values["entries"]), known, dict(values["manifests_sha256"]), values["photos_sha256"])


@dataclass(frozen=True, slots=True, eq=False)
class PhotoValues:
    """Metrics of one model on N photos.

    Attributes:
        photos: their names.
        metrics: ``(N,)`` each; NaN where a photo has no such value, as a photo without a person cannot cut one.
        has_person: ``(N,)`` bool.
        unreadable: names of further photos that could not be read.
        undefined: how many correlations are 0 by convention, as all scores of a photo are equal.
    """

    photos: tuple[str, ...]
    metrics: Mapping[str, Floats]
    has_person: NDArray[np.bool_]
    unreadable: tuple[str, ...] = ()
    undefined: int = 0

    def with_persons(self) -> "PhotoValues":
        """Only the photos that have a person."""
        kept = self.has_person
        photos = tuple(name for name, keep in zip(self.photos, kept, strict=True) if keep)
        return replace(
            self,
            photos=photos,
            metrics={name: each[kept] for name, each in self.metrics.items()},
            has_person=kept[kept],
        )

    def estimate(self, metric: str) -> Estimate | None:
        """Mean over the photos that have the value, with its 95 % bootstrap interval; None without such a photo."""
        values = self.metrics[metric]
        values = values[~np.isnan(values)]
        return estimate(values) if len(values) else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; null stands for NaN."""
        return {
            "photos": list(self.photos),
            "metrics": {
                name: [None if np.isnan(value) else round(float(value), _DECIMALS) for value in each]
                for name, each in self.metrics.items()
            },
            "has_person": self.has_person.tolist(),
            "unreadable": list(self.unreadable),
            "undefined": self.undefined,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PhotoValues":
        """The values that `to_dict` wrote.

        Raises:
            LookupError, TypeError, ValueError: they are not such.
        """
        photos = tuple(values["photos"])
        metrics = {name: np.array(each, np.float64) for name, each in values["metrics"].items()}
        has_person = np.array(values["has_person"], np.bool_)
        if any(len(each) != len(photos) for each in (*metrics.values(), has_person)):
            raise ValueError(f"expected {len(photos)} values of each metric")
        return cls(photos, metrics, has_person, tuple(values["unreadable"]), int(values["undefined"]))


def estimate(values: Floats) -> Estimate:
    """The mean of at least one value with its 95 % bootstrap interval, as it is written and shown."""
    return rounded(Estimate(*bootstrap_mean(values), len(values)))


def rounded(found: Estimate) -> Estimate:
    """The estimate with six decimals."""
    mean, low, high = (round(each, _DECIMALS) for each in (found.mean, found.low, found.high))
    return Estimate(mean, low, high, found.n)


def over_seeds(members: Sequence[PhotoValues]) -> PhotoValues:
    """For every photo that all trainings of one recipe could read, the mean over them.

    Raises:
        ValueError: no photo was read by all.
    """
    aligned = _aligned(members)
    metrics = {name: np.mean([each.metrics[name] for each in aligned], axis=0) for name in aligned[0].metrics}
    unreadable = tuple(dict.fromkeys(name for each in members for name in each.unreadable))
    return replace(
        aligned[0], metrics=metrics, unreadable=unreadable, undefined=sum(each.undefined for each in members)
    )


def minus(first: PhotoValues, second: PhotoValues) -> PhotoValues:
    """The difference of every photo that both have.

    Raises:
        ValueError: there is no such photo.
    """
    one, other = _aligned([first, second])
    return replace(one, metrics={name: each - other.metrics[name] for name, each in one.metrics.items()})


def together(parts: Mapping[str, PhotoValues]) -> PhotoValues:
    """The photos of several folders as one list; the folder stands before the name of each."""

    def named(names: Sequence[str], folder: str) -> tuple[str, ...]:
        return tuple(f"{folder}/{name}" for name in names)

    values = list(parts.values())
    return PhotoValues(
        tuple(name for folder, each in parts.items() for name in named(each.photos, folder)),
        {name: np.concatenate([each.metrics[name] for each in values]) for name in values[0].metrics},
        np.concatenate([each.has_person for each in values]),
        tuple(name for folder, each in parts.items() for name in named(each.unreadable, folder)),
        sum(each.undefined for each in values),
    )


def _aligned(members: Sequence[PhotoValues]) -> list[PhotoValues]:
    """The photos that all have, in the order of the first."""
    common = set.intersection(*(set(member.photos) for member in members))
    if not common:
        raise ValueError("expected a photo that all models were measured on")
    wanted = [name for name in members[0].photos if name in common]
    found = []
    for member in members:
        place = {name: index for index, name in enumerate(member.photos)}
        rows = np.array([place[name] for name in wanted])
        metrics = {name: each[rows] for name, each in member.metrics.items()}
        found.append(replace(member, photos=tuple(wanted), metrics=metrics, has_person=member.has_person[rows]))
    return found
