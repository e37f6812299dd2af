"""Human-centric cropping (Zhang et al., ECCV 2022): how it does on all photos and on those with a person.

The runs stand in ``recipes/human-centric/runs.toml``; what was published of others, in ``evaluation/published.json``.
"""

from cadrage.papers.seeded.outcome import SeededPaper
from cadrage.papers.seeded.paper import HOW_MEASURED, seeded_paper

DESCRIBED = SeededPaper(
    name="human-centric",
    title="Human-centric cropping, measured again",
    about=(
        "Zhang et al.: Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features, ECCV 2022. "
        f"Published numbers first, then ours. {HOW_MEASURED}"
    ),
    unpublished="human-centric cropping as published: none that could be checked",
    notes=(
        "The authors' code keeps, for each metric, the epoch that is best on the test photos; ours keeps the one with "
        "the best SRCC on validation photos. Their training on CPC and tests on FCDB and FLMS cannot run as released.",
        "Theirs ranks by the sine of rating differences, across photos of a batch; ours by the sign, within a photo.",
        "Models get the persons of the manifest; while training, their boxes are moved and sometimes left out, as "
        "those of a detector are.",
        "Photos with a person of FCDB come from its training and its test split, which is fair for models that never "
        "learned from FCDB.",
        "Runs N0 to NC leave out one part each, by the switches of the authors' code; no published number of them "
        "could be checked.",
    ),
    compared=(("P", "A"), *(("A", part) for part in ("N0", "N1", "N2", "NV", "NR", "NC"))),
)

PAPER = seeded_paper(DESCRIBED)
