"""Do the boxes of a whole data set belong to its photos? A few broken ones are usual, many mean a misunderstanding."""

import statistics
from dataclasses import dataclass, field

from cadrage.datasets.placing import Misfit

# Published data sets have broken boxes on at most 1 or 2 photos in a hundred.
_DOUBT_SHARE = 0.1
_DOUBT_PHOTOS = 2


@dataclass(slots=True)
class Doubts:
    """Counts the photos with boxes, and those whose boxes belong to another picture."""

    photos: int = 0
    _swapped: int = 0
    _times: list[float] = field(default_factory=list)

    def add(self, misfit: Misfit | None) -> None:
        """Count one photo that has boxes."""
        self.photos += 1
        if misfit is not None:
            self._times.append(misfit.times)
            self._swapped += misfit.swapped_fits

    def verdict(self) -> str | None:
        """What is wrong with the data set as a whole and what to do; None if nothing is."""
        misfits = len(self._times)
        if misfits < max(_DOUBT_PHOTOS, _DOUBT_SHARE * self.photos):
            return None
        share = f"in {misfits:,} of {self.photos:,} photos"
        if self._swapped > misfits / 2:
            return (
                f"boxes look y-first (or x-first where rows come first): {share} they fit with x and y swapped only; "
                "put the numbers into the order of the published files"
            )
        times = statistics.median(self._times)
        return (
            f"the photos are not of the annotated size: {share} the boxes belong to a picture about {times:.2g} times "
            "as large; use the photos as they were published, not resized"
        )
