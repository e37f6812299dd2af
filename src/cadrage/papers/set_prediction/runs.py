"""The trainings of the paper, in the order in which they are worth having."""

from cadrage.papers.drawn_splits import GAICD_V1, DrawnSplit
from cadrage.papers.plan import TEST, VALIDATION, PlannedRun

PAPER = "set-prediction"
FLMS = "flms:test"
_V2, _V1, _CPC = "gaicd-v2", "gaicd-v1", "cpc"

PLAN = (
    PlannedRun("A", "gaicv2-qg", "GAICD v2, quality guidance, mu = .5", _V2, (TEST,)),
    PlannedRun("B", "gaicv2-none", "GAICD v2, hard labels, 50 epochs", _V2, (TEST,)),
    PlannedRun("B60", "gaicv2-none-60", "GAICD v2, hard labels, 60 epochs", _V2, (TEST,)),
    PlannedRun("C", "gaicv2-sd", "GAICD v2, self distillation", _V2, (TEST,)),
    PlannedRun("D", "gaicv2-mu01", "GAICD v2, quality guidance, mu = .1", _V2, (TEST,)),
    PlannedRun("E", "gaicv2-mu03", "GAICD v2, quality guidance, mu = .3", _V2, (TEST,)),
    PlannedRun("F", "gaicv2-mu07", "GAICD v2, quality guidance, mu = .7", _V2, (TEST,)),
    PlannedRun("G", "gaicv2-mu09", "GAICD v2, quality guidance, mu = .9", _V2, (TEST,)),
    PlannedRun("H", "gaicv1-qg", "GAICD v1, quality guidance, mu = .5", _V1, (TEST,)),
    PlannedRun("I", "cpc-none", "CPC, hard labels", _CPC, (VALIDATION, FLMS)),
    PlannedRun("J", "cpc-sd", "CPC, self distillation", _CPC, (VALIDATION, FLMS)),
)

# The run of each mu of figure 6; without guidance it is 0.
BY_MU = {0.0: "B", 0.1: "D", 0.3: "E", 0.5: "A", 0.7: "F", 0.9: "G"}
# Figure 7 is about this one.
DISTILLED = "C"
# Figure 3 shows the first of these that has been trained.
ANCHORS_OF = ("A", "C", "B", "B60", "D", "E", "F", "G", "H", "I", "J")

# Section 4.1 takes 36 of the training photos of GAICD v1 and 1,000 photos of CPC, and lists neither.
DRAWN_SPLITS = (GAICD_V1, DrawnSplit(_CPC, "all", 1000, "train"))
