"""Yang et al. (GAFIC) as its reproduction tells of it."""

from cadrage.papers.evaluators.paper import HOW_MEASURED, Decision, Paper
from cadrage.papers.global_attention.parts import BASE, COMPARED, DECIDING, FULL, ORACLE

PAPER = Paper(
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
