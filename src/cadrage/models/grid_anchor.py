"""Grid anchors: a score for any given box, from what is inside it and what is left out.

Zeng et al., "Grid Anchor based Image Cropping: A New Benchmark and An Efficient Model", TPAMI 2020. The way through::

    photo -> backbone -> three maps -> one map at stride 16 -> 1x1 reduction to C channels --+-> RoI --+
                                                                                             |         +-> head -> score
                                                                            box -------------+-> RoD --+
"""

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.models.align import Region, aligned_regions, check_corners
from cadrage.models.backbones.pyramids import Pyramid

Regions = Literal["roi+rod", "roi", "rod", "roi+whole"]
Head = Literal["plain", "norm", "3x3", "5x5"]

REGIONS: tuple[Regions, ...] = ("roi+rod", "roi", "rod", "roi+whole")
HEADS: tuple[Head, ...] = ("plain", "norm", "3x3", "5x5")
# Sides of the kernels of heads that look at a region in several steps (table 5 of the paper).
_KERNELS: dict[Head, int] = {"3x3": 3, "5x5": 5}
# Widths of the head (section 4.3 of the paper: a 9x9 convolution to 768 channels, 1x1 to 128, 1x1 to the score).
_WIDE, _NARROW = 768, 128
# What the coarsest map counts; in the released code, not in the paper.
_COARSE = 0.5
# As released, in the variant with norms.
_DROPOUT = 0.5


class ScoreHead(nn.Module):
    """Aligned regions of ``channels`` x ``bins`` x ``bins`` to one number.

    ``norm`` puts batch norm behind both hidden layers and dropout before the last. ``3x3`` and ``5x5`` replace the one
    convolution of the size of a region by several small ones without padding; the paper does not give their channels,
    and here all but the last keep those of the regions. A convolution as large as its input is a matrix product, hence
    the linear layers.
    """

    def __init__(self, channels: int, bins: int, variant: Head) -> None:
        super().__init__()
        normed, kernel = variant == "norm", _KERNELS.get(variant)
        self.inputs = channels * bins**2
        self.before = nn.ModuleDict({} if kernel is None else {variant: _shrinking(channels, bins, kernel)})
        self.first = nn.Linear(channels * (bins if kernel is None else kernel) ** 2, _WIDE)
        self.first_norm = nn.BatchNorm1d(_WIDE) if normed else nn.Identity()
        self.second = nn.Linear(_WIDE, _NARROW)
        self.second_norm = nn.BatchNorm1d(_NARROW) if normed else nn.Identity()
        self.dropout = nn.Dropout(_DROPOUT if normed else 0.0)
        self.last = nn.Linear(_NARROW, 1)

    def forward(self, regions: Tensor) -> Tensor:
        """``(M, inputs)`` to ``(M,)``."""
        x = regions
        for shrinking in self.before.values():
            x = shrinking(x)
        x = F.relu(self.first_norm(self.first(x)))
        x = F.relu(self.second_norm(self.second(x)))
        out: Tensor = self.last(self.dropout(x)).squeeze(-1)
        return out


def _shrinking(channels: int, bins: int, kernel: int) -> nn.Sequential:
    """Convolutions without padding, until a region is as large as the kernel; ``(M, inputs)`` in and out."""
    layers: list[nn.Module] = [nn.Unflatten(1, (channels, bins, bins))]
    for _ in range((bins - kernel) // (kernel - 1)):
        layers += [nn.Conv2d(channels, channels, kernel), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


class GridAnchorModel(nn.Module):
    """Photo and boxes to scores.

    Scores are on the scale of the training targets, which are z-scores of mean opinions.

    Args:
        backbone: a :class:`~cadrage.models.backbones.pyramids.Pyramid`.
        reduced: channels C behind the reduction.
        bins: cells per axis of an aligned region.
        regions: what is seen of a box: inside, outside, both, or inside beside the whole photo, which is resampled to
            as many cells (table 4 of the paper).
        multi_scale: join all three maps; otherwise only the one at stride 16 (table 3).
        head: ``norm`` is the variant with batch norm and dropout, ``3x3`` and ``5x5`` are those with small kernels.
        legacy: sample maps and boxes as the released code does, which its weights need; see
            :mod:`cadrage.models.align`.

    Raises:
        UsageError: an unknown choice or a number below 1.
    """

    def __init__(
        self,
        backbone: Pyramid,
        *,
        reduced: int = 8,
        bins: int = 9,
        regions: Regions = "roi+rod",
        multi_scale: bool = True,
        head: Head = "plain",
        legacy: bool = False,
    ) -> None:
        super().__init__()
        for name, value, known in (("regions", regions, REGIONS), ("head", head, HEADS)):
            if value not in known:
                raise UsageError(f"{name} {value!r}: unknown; choose one of {', '.join(known)}")
        if reduced < 1 or bins < 1:
            raise UsageError(f"reduced {reduced}, bins {bins}: both must be at least 1")
        if (kernel := _KERNELS.get(head)) and (bins < kernel or (bins - 1) % (kernel - 1)):
            raise UsageError(f"bins {bins}: convolutions of {head} reach no single cell from there; choose 9 bins")
        self.backbone = backbone
        self.bins, self.regions, self.multi_scale, self.legacy = bins, regions, multi_scale, legacy
        self.reduce = nn.Conv2d(sum(backbone.channels) if multi_scale else backbone.channels[1], reduced, 1)
        self.head = ScoreHead(len(regions.split("+")) * reduced, bins, head)

    def features(self, image: Tensor) -> Tensor:
        """The reduced map ``(B, C, H/16, W/16)`` of photos ``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32."""
        fine, middle, coarse = self.backbone(image)
        if self.multi_scale:
            size = middle.shape[2:]
            fine, coarse = (
                F.interpolate(each, size=size, mode="bilinear", align_corners=self.legacy) for each in (fine, coarse)
            )
            middle = torch.cat([fine, middle, _COARSE * coarse], dim=1)
        out: Tensor = self.reduce(middle)
        return out

    def score(self, features: Tensor, boxes_xyxy: Tensor, *, chunk: int = 512) -> Tensor:
        """Scores ``(B, N)`` of boxes ``(B, N, 4)``, normalised to the photo, on maps of :meth:`features`.

        In evaluation without gradients, memory depends on ``chunk`` boxes at a time and not on N. Training takes all
        boxes at once, whose statistics a norm wants; an exported graph does too, and its caller cuts the boxes.

        Raises:
            UsageError: x1 > x2 or y1 > y2, a number is not finite, or ``chunk`` is below 1.
        """
        # Looking at values is for callers; a traced graph has none.
        if torch.compiler.is_compiling():
            return self._score(features, boxes_xyxy)
        if chunk < 1:
            raise UsageError(f"chunk {chunk}: expected at least 1 box at a time")
        check_corners(boxes_xyxy)
        if self.training:
            return self._score(features, boxes_xyxy)
        return torch.cat([self._score(features, each) for each in torch.split(boxes_xyxy, chunk, dim=1)], dim=1)

    def _score(self, features: Tensor, boxes_xyxy: Tensor) -> Tensor:
        names = cast(list[Region], self.regions.split("+"))
        regions = aligned_regions(features, boxes_xyxy, self.bins, names, legacy=self.legacy)
        batch, boxes = boxes_xyxy.shape[:2]
        scores: Tensor = self.head(regions.reshape(batch * boxes, self.head.inputs)).reshape(batch, boxes)
        return scores

    def forward(self, image: Tensor, boxes_xyxy: Tensor) -> Tensor:
        """Scores ``(B, N)`` of boxes ``(B, N, 4)`` on photos ``(B, 3, H, W)``."""
        return self.score(self.features(image), boxes_xyxy)
