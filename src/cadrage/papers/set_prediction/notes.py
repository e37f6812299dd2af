"""What must be known of the numbers beside the tables: missing photos, clipping, and how large the crops are."""

from collections.abc import Iterator, Sequence

from cadrage.papers.set_prediction.chain import Outcome
from cadrage.papers.states import unreadable_notes

HEADS = (
    "run",
    "photos",
    "n",
    "clipping: ACC 1/5, .85",
    "clipping: AP .85, K = 40",
    "clipping: IoU",
    "first among 5 best",
    "first among 10 best",
    "area of first",
    "area of first ten",
    "area of good crops",
)
NOTES = (
    "All predictions count in order of validity: none is suppressed, none is clipped to the photo. Columns named "
    "clipping say by how many points that would change a number.",
    "First among N best: share of the photos where the first prediction meets, at epsilon .85, one of the N best "
    "annotated crops, which is how the methods quoted in Table 1 were measured.",
    "Areas are means, as shares of the photo.",
)


def rows(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """One line for each test of each run."""
    for outcome in outcomes:
        for test in outcome.tests.values():
            get = test.others.get
            gains = (get(f"{name}_clipped_gain") for name in ("recall5_e85", "ap85_k40", "iou"))
            hits = (get(f"hit{n}_e85") for n in (5, 10))
            areas = (get(name) for name in ("area_first", "area_first_ten", "area_good"))
            yield (
                outcome.run.letter,
                " and ".join(test.entries),
                str(test.n),
                *("" if gain is None else f"{100 * gain:+.2f}" for gain in gains),
                *("" if hit is None else f"{100 * hit:.1f} %" for hit in hits),
                *("" if area is None else f"{100 * area:.0f} %" for area in areas),
            )


def notes(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """One sentence each: how to read the numbers, and which photos are not among them."""
    yield from NOTES
    for outcome in outcomes:
        yield from unreadable_notes(outcome.run.letter, outcome.tests)
