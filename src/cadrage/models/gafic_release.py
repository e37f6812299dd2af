"""What the code released with GAFIC computes, to compare with.

Yang et al., "Global Attention-fused Image Cropping with Attention-guided and Global-aligned Crop Evaluator". The
release holds neither part of that title. It is the human-centric model (:mod:`cadrage.models.human_centric`) without
the person, whose content branch reads two importance maps, the predicted one and one made of annotated crops, in place
of one map and the crop. Both maps are the same for all crops of a photo and the last layer is linear, so this branch
adds one number to all scores of a photo and cannot change their order: measures of rank are not touched by the
annotations it sees, and scores of different photos must not be compared. The branch runs once per photo here, and once
per crop there.

No recipe trains it and nothing of the product runs it; it is there to compare with the released code.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.models.align import aligned_regions, check_corners
from cadrage.models.backbones.pyramids import Pyramid
from cadrage.models.crop_content import CropContent
from cadrage.models.graph_relation import GraphRelation
from cadrage.models.heat_head import ConvRelation, HeatHead
from cadrage.models.output import Output
from cadrage.models.region_head import RegionHead
from cadrage.models.summed_levels import SummedLevels

Relation = Literal["conv", "graph"]

_CHANNELS, _BINS, _DESCRIPTION = 32, 9, 256


class GaficRelease(nn.Module):
    """Photo and boxes to scores that rank within one photo: 4,637,818 parameters beyond VGG-16.

    Args:
        backbone: a :class:`~cadrage.models.backbones.pyramids.Pyramid`.
        relation: what the importance map is computed from: ``conv`` in the release's setting for GAICD, ``graph`` in
            that for CPC, whose partition weights are made there and never used, and left out here.
        legacy: sample maps and boxes as the released code does.

    Raises:
        UsageError: an unknown relation.
    """

    def __init__(self, backbone: Pyramid, *, relation: Relation = "conv", legacy: bool = True) -> None:
        super().__init__()
        if relation not in ("conv", "graph"):
            raise UsageError(f"relation {relation!r}: unknown; choose one of conv, graph")
        self.backbone, self.legacy = backbone, legacy
        self.levels = SummedLevels(backbone.channels, reduced=_CHANNELS, legacy=legacy)
        self.relation = ConvRelation(_CHANNELS) if relation == "conv" else GraphRelation(_CHANNELS)
        self.heat_head = HeatHead(legacy=legacy)
        self.content = CropContent(legacy=legacy)
        self.region = RegionHead(2 * _CHANNELS, bins=_BINS, outputs=_DESCRIPTION)
        self.last = nn.Linear(2 * _DESCRIPTION, 1)

    def features(self, image: Tensor) -> Tensor:
        """The map F ``(B, 32, H/16, W/16)`` of photos ``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32."""
        out: Tensor = self.levels(*self.backbone(image))
        return out

    def heat(self, features: Tensor) -> Tensor:
        """The importance map ``(B, 1, 64, 64)`` in [0, 1] of F."""
        out: Tensor = self.heat_head(self.relation(features))
        return out

    def offset(self, heat: Tensor, teacher: Tensor | None = None) -> Tensor:
        """What all scores of a photo have in common ``(B,)``.

        Args:
            heat: the predicted map ``(B, 1, 64, 64)``.
            teacher: the map of annotated crops, likewise; None puts the predicted one in its place.

        Raises:
            UsageError: the maps differ in shape.
        """
        other = heat if teacher is None else teacher
        if other.shape != heat.shape:
            raise UsageError(f"expected a teacher's map of shape {tuple(heat.shape)}, got {tuple(other.shape)}")
        content = self.content
        x = F.max_pool2d(content.first(torch.cat([heat, other], dim=1)), 2)
        x = content.last(F.max_pool2d(content.second(x), 2).flatten(1))
        return F.linear(x, self.last.weight[:, _DESCRIPTION:], self.last.bias).squeeze(-1)

    def score(self, features: Tensor, offset: Tensor, boxes_xyxy: Tensor, *, chunk: int = 512) -> Tensor:
        """Scores ``(B, N)`` of boxes ``(B, N, 4)``, normalised to the photo, on F, with :meth:`offset` added.

        Without gradients memory depends on ``chunk`` boxes at a time and not on N.

        Raises:
            UsageError: x1 > x2 or y1 > y2, a number is not finite, or ``chunk`` is below 1.
        """
        if torch.compiler.is_compiling():
            return self._rank(features, boxes_xyxy) + offset.unsqueeze(1)
        if chunk < 1:
            raise UsageError(f"chunk {chunk}: expected at least 1 box at a time")
        check_corners(boxes_xyxy)
        chunks = torch.split(boxes_xyxy, chunk, dim=1)
        return torch.cat([self._rank(features, each) for each in chunks], dim=1) + offset.unsqueeze(1)

    def _rank(self, features: Tensor, boxes_xyxy: Tensor) -> Tensor:
        """The part of the scores that differs between crops."""
        described = self.region(aligned_regions(features, boxes_xyxy, _BINS, legacy=self.legacy))
        return F.linear(described, self.last.weight[:, :_DESCRIPTION]).squeeze(-1)

    def forward(self, image: Tensor, boxes_xyxy: Tensor, teacher: Tensor | None = None) -> Output:
        """Photos ``(B, 3, H, W)`` and boxes ``(B, N, 4)`` to scores and the predicted map; ``teacher`` as released."""
        features = self.features(image)
        heat = self.heat(features)
        return Output(self.score(features, self.offset(heat, teacher), boxes_xyxy), heat)
