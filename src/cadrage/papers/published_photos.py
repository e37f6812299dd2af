"""Whether numbers measured here are about the very photos that published numbers are about."""

from cadrage.evaluation.published import published_tables
from cadrage.papers.results import TestResult

DATASETS = {
    "gaicd-v2:val": "GAICD v2 validation (200)",
    "gaicd-v2:test": "GAICD v2 test (500)",
    "gaicd-v1:test": "GAICD v1 test (200)",
    "flms:test": "FLMS",
}
"""What ``published.json`` calls the photos of a FOLDER:SPLIT entry; lists that a paper drew and kept are not here."""
NOTE = (
    "A difference to a published number is shown only where ours is of the published photos: the same split of the "
    "same data set, as many photos as published and, of GAICD v1, the names of its 200 test photos."
)

# Of other data sets nobody has had the list at hand: their split and their number must do.
_NAMES_SHA256 = {"gaicd-v1:test": "31a0829ab1aa7eb3da3530f9e327241c64362ed60c5dc89c768c42e46b792e1c"}


def published_n(entry: str) -> int | None:
    """How many photos stand behind the published numbers of a FOLDER:SPLIT entry; None where that is not known."""
    dataset = DATASETS.get(entry)
    return next((table.n for table in published_tables() if table.dataset == dataset), None)


def other_photos(result: TestResult, entry: str) -> str:
    """What a result was measured on in place of the published photos of an entry; empty if it was these.

    Example:
        >>> other_photos(TestResult(("flms:test",), 5, (), {}), "flms:test")
        'flms:test, published for 500'
    """
    if result.entries != (entry,):
        return " and ".join(result.entries)
    expected = published_n(entry)
    if expected is None:
        return f"{entry}, which no paper lists"
    if result.n != expected:
        return f"{entry}, published for {expected}"
    names = _NAMES_SHA256.get(entry)
    return f"{entry}, not the published photos" if names and result.photos_sha256 not in ("", names) else ""
