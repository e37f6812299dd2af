"""What a report says of a run in words, whatever the paper."""

from collections.abc import Iterator, Mapping
from typing import Any

from cadrage.papers.set_prediction.measure import TestResult

_MOST_NAMED = 5


def run_state(reason: str, *, failed: bool, measured: bool) -> str:
    """What became of a run: measured, or why not, and whether there are numbers of an earlier call all the same."""
    if not reason:
        return "measured"
    state = f"{'failed' if failed else 'not run'}: {reason}"
    return state + ("; the numbers are of an earlier call" if measured else "")


def epoch_text(chosen: Mapping[str, Any]) -> str:
    """Which epoch was measured, counted from 1 as people do, and by what it was chosen; empty if none was."""
    if not chosen:
        return ""
    # Files count from 0.
    epoch = str(int(chosen["epoch"]) + 1)
    if "metric" not in chosen:
        return f"{epoch}, the last"
    return f"{epoch}, {chosen['metric']} {chosen['value']:.4f} on validation"


def photos_text(tests: Mapping[str, TestResult]) -> str:
    """How many photos of which entries."""
    return ", ".join(f"{test.n} of {' and '.join(test.entries)}" for test in tests.values())


def unreadable_notes(letter: str, tests: Mapping[str, TestResult]) -> Iterator[str]:
    """One sentence for each list with photos that could not be read."""
    for test in tests.values():
        if test.unreadable:
            more = ", ..." if len(test.unreadable) > _MOST_NAMED else ""
            yield (
                f"Run {letter} on {' and '.join(test.entries)}: {len(test.unreadable)} photos could "
                f"not be read and are not among the n: {', '.join(test.unreadable[:_MOST_NAMED])}{more}."
            )
