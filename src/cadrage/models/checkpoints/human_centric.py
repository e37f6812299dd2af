"""Names of the human-centric model released with its paper (Zhang et al., ECCV 2022).

The release has code and no weights; whoever trains it gets files with these names, behind a VGG-16 that is not among
them. They need ``HumanCentricModel(..., legacy=True)``.
"""

from collections.abc import Mapping

from torch import Tensor

from cadrage.models.checkpoints import rename

MODULES = {
    "f3_layer": "levels.laterals.0",
    "f4_layer": "levels.laterals.1",
    "f5_layer": "levels.laterals.2",
    "feat_ext": "levels.reduce",
    "partition_aware.RoIConv": "partition.person",
    "partition_aware.group_conv": "partition.transforms",
    "content_preserve.relation_encoder.phi": "relation.query",
    "content_preserve.relation_encoder.theta": "relation.key",
    # A bare matrix there, inputs first.
    "content_preserve.relation_encoder": "relation.out",
    "content_preserve.preserve_predict.1": "heat_head.first",
    "content_preserve.preserve_predict.3": "heat_head.last",
    "content_preserve.content_feat_layer.0": "content.first",
    "content_preserve.content_feat_layer.2": "content.second",
    "content_preserve.content_feat_layer.5": "content.last",
    "roi_feat_layer.0": "region.first",
    "roi_feat_layer.3": "region.last",
    "fc_layer": "last",
}
_TRANSPOSED = "relation.out.weight"
# Convolutions as large as their input there, matrices here.
_FLAT = ("partition.person.weight", "region.first.weight")


def translate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Released tensors under our names and in our shapes; our own come back as they are."""
    renamed = rename(tensors, MODULES)
    if _TRANSPOSED in renamed and _TRANSPOSED not in tensors:
        renamed[_TRANSPOSED] = renamed[_TRANSPOSED].T
    return {name: each.flatten(1) if name in _FLAT else each for name, each in renamed.items()}
