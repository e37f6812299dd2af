"""Names of the human-centric model released with its paper (Zhang et al., ECCV 2022), and of the release of GAFIC.

Both releases have code and no weights; whoever trains them gets files with these names. They need ``legacy=True``. The
second is a copy of the first, in which nothing that is new enters the order of crops: it scores regions beside a map
that is learned as a side task.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.checkpoints import Checkpoint, Released, rename
from cadrage.models.checkpoints.backbones import VGG_MODULES

MODULES = {
    "f3_layer": "levels.laterals.0",
    "f4_layer": "levels.laterals.1",
    "f5_layer": "levels.laterals.2",
    "feat_ext": "levels.reduce",
    "partition_aware.RoIConv": "partition.person",
    "partition_aware.group_conv": "partition.transforms",
    # In older files of the same authors.
    "partition_aware.p_conv": "partition.transforms",
    "content_preserve.relation_encoder.phi": "relation.query",
    "content_preserve.relation_encoder.theta": "relation.key",
    # A bare matrix there, inputs first.
    "content_preserve.relation_encoder": "relation.out",
    # Or two convolutions in its place.
    "content_preserve.relation_encoder.0": "relation.first",
    "content_preserve.relation_encoder.2": "relation.last",
    "content_preserve.preserve_predict.1": "heat_head.first",
    "content_preserve.preserve_predict.3": "heat_head.last",
    "content_preserve.content_feat_layer.0": "content.first",
    "content_preserve.content_feat_layer.2": "content.second",
    "content_preserve.content_feat_layer.5": "content.last",
    "roi_feat_layer.0": "region.first",
    "roi_feat_layer.3": "region.last",
    "fc_layer": "last",
}
# Their VGG-16 is cut into three parts, the last of which is a pooling.
_VGG_PARTS = ((0, 23, "feature3"), (23, 30, "feature4"))
MODULES |= {
    f"backbone.{part}.0.{place}": f"backbone.{ours}"
    for theirs, ours in VGG_MODULES.items()
    for start, end, part in _VGG_PARTS
    if start <= (place := int(theirs.removeprefix("features."))) < end
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


# Both releases: VGG-16, photos made smaller by Pillow's Lanczos filter, ratings as they are.
_SHARED = {"backbone": "vgg16", "legacy": True, "resize_filter": "lanczos", "score_mean": 0.0, "score_deviation": 1.0}
_CHANNELS, _DESCRIPTION = 32, 256


def released_human_centric(checkpoint: Checkpoint, file: Path) -> Released:
    """A model trained by the released code of human-centric cropping.

    Nine transforms for nine parts and their mean everywhere (``parts`` 0) have the same tensors; they are taken for the
    former. Without partition module, transforms of zeros stand in for it, which change nothing.

    Raises:
        UsageError: it is another network, or a variant that scores the content alone.
    """
    theirs = checkpoint.tensors
    _expect(theirs, file, "human-centric model")
    content, relation = "content_preserve.preserve_predict.1.weight" in theirs, _relation(theirs)
    if content and theirs["fc_layer.weight"].shape[1] == _DESCRIPTION:
        raise UsageError(f"{file}: scores the content of crops alone, without their regions; no model here does that")
    tensors = translate(theirs)
    transforms = theirs.get("partition_aware.group_conv.weight", theirs.get("partition_aware.p_conv.weight"))
    parts, vector = 1, "partition_aware.RoIConv.weight" in theirs
    if transforms is None:
        tensors["partition.transforms.weight"] = torch.zeros(_CHANNELS, _CHANNELS, 3, 3)
        tensors["partition.transforms.bias"] = torch.zeros(_CHANNELS)
        said = "no partition module"
    else:
        parts = len(transforms) // _CHANNELS
        said = (
            f"{parts} transform{'s' if parts > 1 else ''} around the person, with{'' if vector else 'out'} its vector"
        )
        said += "; for their mean everywhere --set parts=0" if parts == 9 else ""
    shown = f"importance map by {'graph reasoning' if relation == 'graph' else 'convolutions'}" if content else ""
    return Released(
        tensors,
        {**_SHARED, "parts": parts, "person_vector": vector, "relation": relation, "content": content}
        | ({} if content else {"heat": 0.0}),
        tuple(filter(None, ("human-centric model on VGG-16", said, shown or "no content branch", _SQUARES))),
    )


_SQUARES = "photos at their own shape, as on GAICD; for a training on CPC --set resize=squash"


def released_global_attention(checkpoint: Checkpoint, file: Path) -> Released:
    """A model trained by the released code of GAFIC, as far as it decides the order of crops.

    Its content branch sees two maps of the photo and no crop, so that it adds one number to all crops of a photo. That
    number is left out: scores of different photos differ from the release's, differences within a photo do not.

    Raises:
        UsageError: it is another network.
    """
    theirs = checkpoint.tensors
    _expect(theirs, file, "GAFIC model")
    if "content_preserve.preserve_predict.1.weight" not in theirs:
        raise UsageError(f"{file}: no GAFIC model; it has no importance map")
    ours = translate(theirs)
    kept = ("backbone.", "levels.", "relation.", "heat_head.")
    tensors = {name: tensor for name, tensor in ours.items() if name.startswith(kept)}
    known = (*kept, "region.", "last.", "content.", "partition.")
    tensors |= {name: tensor for name, tensor in ours.items() if not name.startswith(known)}
    # Two linear layers without anything between them are one.
    last = ours["last.weight"][:, :_DESCRIPTION].double() @ ours["region.last.weight"].double()
    tensors |= {
        "evaluator.first.weight": ours["region.first.weight"],
        "evaluator.first.bias": ours["region.first.bias"],
        "evaluator.last.weight": last.to(ours["last.weight"].dtype),
        "evaluator.last.bias": ours["last.bias"],
    }
    relation = _relation(theirs)
    settings = {"heat_map": "supervised", "encoder": False, "global_branch": False, "head": "wide"}
    return Released(
        tensors,
        {**_SHARED, **settings, "relation": relation},
        (
            "GAFIC's release on VGG-16: regions of the shared map, an importance map beside them",
            "what its content branch adds to all crops of a photo alike is left out, and so is its unused partition",
            _SQUARES,
        ),
    )


def _expect(theirs: Mapping[str, Tensor], file: Path, what: str) -> None:
    absent = [name for name in ("f3_layer.weight", "roi_feat_layer.3.weight", "fc_layer.weight") if name not in theirs]
    if absent:
        raise UsageError(f"{file}: no {what}; it has no {', '.join(absent)}")


def _relation(theirs: Mapping[str, Tensor]) -> str:
    return "conv" if "content_preserve.relation_encoder.0.weight" in theirs else "graph"
