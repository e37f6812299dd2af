"""What the paper concludes from its numbers, and whether ours say the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from cadrage.papers.plan import TEST, VALIDATION
from cadrage.papers.set_prediction.layout import Outcomes, why_missing
from cadrage.papers.set_prediction.runs import BY_MU, DISTILLED


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of the paper; ``holds`` is None where it could not be looked at, and ``found`` says what was seen."""

    text: str
    holds: bool | None
    found: str


def claims(outcomes: Outcomes) -> tuple[Claim, ...]:
    """The orderings on which the paper rests; one seed decides nothing where the intervals overlap."""
    key = "ap90_k40"
    return (
        _above("Quality guidance beats self distillation on GAICD v2 (Table 5).", outcomes, "A", "C", key),
        _above("Self distillation beats hard labels on GAICD v2 (Table 4).", outcomes, "C", "B", "ap85_k40"),
        _above("Self distillation beats hard labels on CPC (Table 4).", outcomes, "J", "I", "ap85_k40", VALIDATION),
        _above("Quality guidance beats hard labels on GAICD v2 (Figure 6b).", outcomes, "A", "B", key),
        _best_mu(outcomes),
        _above("Labels as high as mu = .9 do harm (Figure 6b): hard labels are better.", outcomes, "B", "G", key),
        *_correlated(outcomes),
    )


def _above(text: str, outcomes: Outcomes, better: str, worse: str, metric: str, test: str = TEST) -> Claim:
    reason = why_missing(outcomes, better, test) or why_missing(outcomes, worse, test)
    if reason:
        return Claim(text, None, reason)
    photos = [outcomes[run].tests[test].entries for run in (better, worse)]
    if photos[0] != photos[1]:
        return Claim(text, None, "the two were measured on different photos")
    high, low = (outcomes[run].tests[test].metrics[metric] for run in (better, worse))
    overlap = "" if high.low > low.high or low.low > high.high else "; their 95 % intervals overlap"
    return Claim(text, high.mean > low.mean, f"{metric}: {100 * high.mean:.1f} against {100 * low.mean:.1f}{overlap}")


def _best_mu(outcomes: Outcomes) -> Claim:
    text = "mu = .5 is the best of 0, .1, .3, .5, .7 and .9 (Figure 6b)."
    found = {mu: outcomes[run].tests[TEST].metrics for mu, run in BY_MU.items() if not why_missing(outcomes, run, TEST)}
    if len(found) < len(BY_MU):
        absent = ", ".join(f"{mu:g}" for mu in BY_MU if mu not in found)
        return Claim(text, None, f"not measured for mu = {absent}")
    best = max(found, key=lambda mu: found[mu]["ap90_k40"].mean)
    return Claim(text, best == 0.5, f"ap90_k40 is highest for mu = {best:g}")


def _correlated(outcomes: Outcomes) -> Iterator[Claim]:
    outcome = outcomes[DISTILLED]
    for panel, whose in (("a", "all predictions on test photos"), ("b", "unmatched predictions on training photos")):
        text = f"Validity rises with quality: {whose} (Figure 7{panel})."
        found = outcome.correlations.get(panel)
        if not found:
            yield Claim(text, None, why_missing(outcomes, DISTILLED, TEST) or "not measured")
        else:
            said = f"Spearman {found['spearman']:.3f}, Pearson {found['pearson']:.3f}, n {found['n']}"
            yield Claim(text, found["spearman"] > 0, said)
