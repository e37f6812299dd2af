"""Weights of Conditional DETR: detectors trained on COCO, from which set prediction starts, and crop models.

Of a detector everything is taken over but the class head (91 classes there, one here) and the anchors (300 there). The
plain and the dilated ResNet-50 have the same tensors, so the checkpoint of either fits both.
"""

import re
from pathlib import Path

from torch import Tensor

from cadrage.errors import UsageError
from cadrage.models.checkpoints import Checkpoint, Released, fill, read_tensors
from cadrage.models.set_prediction import SetPredictor

# Tensors of ours that keep their random start, and the beginnings of theirs that have no place here.
FRESH = ("proposer.anchors", "proposer.validity_head.weight", "proposer.validity_head.bias")
# What a crop model has in their place.
_HEADS = {
    "class_embed.weight": "proposer.validity_head.weight",
    "class_embed.bias": "proposer.validity_head.bias",
    "query_embed.weight": "proposer.anchors",
}
_LEFT_OUT = ("query_embed.", "class_embed.")

_BEGINNINGS = {
    "backbone.0.body.": "backbone.",
    "input_proj.": "proposer.reduce.",
    "transformer.decoder.norm.": "proposer.decoder.norm.",
    "transformer.decoder.ref_point_head.layers.0.": "proposer.decoder.reference_head.0.",
    "transformer.decoder.ref_point_head.layers.1.": "proposer.decoder.reference_head.2.",
    "transformer.decoder.query_scale.layers.0.": "proposer.decoder.stretch_head.0.",
    "transformer.decoder.query_scale.layers.1.": "proposer.decoder.stretch_head.2.",
    "bbox_embed.layers.0.": "proposer.box_head.0.",
    "bbox_embed.layers.1.": "proposer.box_head.2.",
    "bbox_embed.layers.2.": "proposer.box_head.4.",
}
_IN_EVERY_LAYER: dict[str, tuple[str, ...]] = {
    "self_attn.out_proj": ("among.out",),
    "norm1": ("after_among.norm",),
    "linear1": ("feed_forward.0",),
    "linear2": ("feed_forward.3",),
}
_IN_LAYERS: dict[str, dict[str, tuple[str, ...]]] = {
    "encoder": _IN_EVERY_LAYER
    | {
        # One matrix of three blocks there.
        "self_attn.in_proj": ("among.query", "among.key", "among.value"),
        "norm2": ("after_feed_forward.norm",),
    },
    "decoder": _IN_EVERY_LAYER
    | {
        "sa_qcontent_proj": ("among.query_content",),
        "sa_qpos_proj": ("among.query_anchor",),
        "sa_kcontent_proj": ("among.key_content",),
        "sa_kpos_proj": ("among.key_anchor",),
        "sa_v_proj": ("among.value",),
        "ca_qcontent_proj": ("to_photo.query_content",),
        "ca_qpos_proj": ("to_photo.query_anchor",),
        "ca_qpos_sine_proj": ("to_photo.query_place",),
        "ca_kcontent_proj": ("to_photo.key_content",),
        "ca_kpos_proj": ("to_photo.key_place",),
        "ca_v_proj": ("to_photo.value",),
        "cross_attn.out_proj": ("to_photo.out",),
        "norm2": ("after_photo.norm",),
        "norm3": ("after_feed_forward.norm",),
    },
}
_LAYER_NAME = re.compile(r"transformer\.(encoder|decoder)\.layers\.(\d+)\.(.+)[._](weight|bias)")


def our_names(name: str) -> tuple[str, ...]:
    """Our names for the equal blocks, along the first dimension, of a tensor of theirs.

    Empty for what is left out; an unknown name comes back as it is.
    """
    if name.startswith(_LEFT_OUT):
        return ()
    layer = _LAYER_NAME.fullmatch(name)
    if layer is not None:
        room, index, module, kind = layer.groups()
        blocks = _IN_LAYERS[room].get(module)
        return (name,) if blocks is None else tuple(f"proposer.{room}.layers.{index}.{each}.{kind}" for each in blocks)
    for theirs, ours in _BEGINNINGS.items():
        if name.startswith(theirs):
            return (ours + name.removeprefix(theirs),)
    return (name,)


def translate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors under our names."""
    translated: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        names = our_names(name)
        if names:
            translated.update(zip(names, tensor.chunk(len(names)), strict=True))
    return translated


def released_set(checkpoint: Checkpoint, file: Path) -> Released:
    """A crop model trained by the authors' code of set prediction: a Conditional DETR of one class and any queries.

    Sizes come from the tensors, heads and dilation from the settings of the training where the file has them; otherwise
    they are those of the authors' code, 8 heads and the dilated ResNet-50.

    Raises:
        UsageError: it is another network, or a detector of many classes.
    """
    theirs = checkpoint.tensors
    absent = [name for name in (*_HEADS, "input_proj.weight") if name not in theirs]
    if absent:
        raise UsageError(f"{file}: no set predictor; it has no {', '.join(absent)}")
    classes = len(theirs["class_embed.weight"])
    if classes != 1:
        raise UsageError(
            f"{file}: a detector of {classes} classes, not a crop model of one; a training can begin with it: "
            "cadrage train gaicv2-qg --set checkpoint=FILE"
        )
    anchors, width = theirs["query_embed.weight"].shape
    heads, dilated = checkpoint.settings.get("nheads", 8), bool(checkpoint.settings.get("dilation", True))
    tensors = translate(theirs) | {ours: theirs[name] for name, ours in _HEADS.items()}
    named = [layer.groups()[:2] for name in theirs if (layer := _LAYER_NAME.fullmatch(name))]
    layers = {room: len({index for each, index in named if each == room}) for room in _IN_LAYERS}
    hidden = theirs.get("transformer.decoder.layers.0.linear1.bias")
    told = "as the file says" if "dilation" in checkpoint.settings else "taken for that of the authors' code"
    return Released(
        tensors,
        {
            "backbone": "resnet50-dc5" if dilated else "resnet50",
            "anchors": int(anchors),
            "width": int(width),
            "heads": int(heads),
            "encoder_layers": layers["encoder"],
            "decoder_layers": layers["decoder"],
            "hidden": 0 if hidden is None else len(hidden),
            "resize_filter": "bilinear-plain",
            "shorter_side_measured": int(checkpoint.settings.get("image_size_test", 600)),
        },
        (
            f"Conditional DETR with {anchors} queries and one class, {layers['encoder']} + {layers['decoder']} layers",
            f"ResNet-50 with{'' if dilated else 'out'} dilation, {told}; otherwise --set backbone=",
        ),
    )


def load_conditional_detr(model: SetPredictor, file: Path) -> None:
    """Fill backbone, encoder, decoder and box head with a detector's weights; the tensors of `FRESH` stay as they are.

    Raises:
        UsageError: the file cannot be read or is of a detector of another size; the message lists the mismatching
            tensors.
    """
    fill(model, translate(read_tensors(file)), file, fresh=FRESH)
