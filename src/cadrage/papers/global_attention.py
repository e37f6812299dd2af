"""Global attention (Yang et al., GAFIC): which parts earn their cost, and how the whole does on public data.

The runs stand in ``recipes/global-attention/runs.toml``.
"""

from cadrage.papers.seeded.outcome import Decision, SeededPaper
from cadrage.papers.seeded.paper import HOW_MEASURED, seeded_paper

FULL, BASE, ORACLE = "4", "1", "5"
COMPARED = ((FULL, BASE), (FULL, "0"), ("2", BASE), ("3", "0"), ("6", FULL))
"""Everything against the map as a side task and against regions alone; each part alone; persons against none."""
DECIDING = ("srcc", "acc5")

DESCRIBED = SeededPaper(
    name="global-attention",
    title="Global attention, measured",
    about=(
        "Yang et al.: global-attention-fused cropping (GAFIC). Its release has no numbers and neither of the two parts "
        f"that it names; what is measured here are these parts as its figure draws them. {HOW_MEASURED}"
    ),
    unpublished="global attention: none published",
    notes=(
        "The released code is given a map made of people's ratings while it is tested on GAICD, and cannot use it for "
        "ranking. Here such a map is seen by the losses alone.",
        f"Run {ORACLE} is given that map in the place of its own, also when it is measured. It says what any map could "
        "bring and is no result: it stands in no table and decides nothing.",
        f"Run {BASE} is what the released code ranks with, beside the sizes of its layers.",
    ),
    compared=COMPARED,
    decision=Decision(FULL, BASE, DECIDING),
    upper_bound=ORACLE,
)
PAPER = seeded_paper(DESCRIBED)
