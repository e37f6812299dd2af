"""Global attention: a score for any given box, from features that know which parts of the photo matter.

Yang et al., "Global Attention-fused Image Cropping with Attention-guided and Global-aligned Crop Evaluator" (GAFIC).
The released code holds neither of the two parts the method is named for; this follows its figure, with sizes chosen
here. The way through::

    photo -> backbone -> three maps -> one map F --+--> importance map --> as coarse as F --+
                                                   +----------------------------------------+-> encoder -> fused map
    fused map --+-> RoI --------------------------+
                +-> RoD --------------------------+-> evaluator -> score
                +-> 3x3, ReLU -> aligned whole ---+

A score depends on the photo and the boxes alone. Only :meth:`GlobalAttentionModel.forward_mixed`, for training, sees a
map that was made of annotated crops.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.models.align import aligned_regions, aligned_whole, check_corners
from cadrage.models.attention_fusion import FusionEncoder, mix_heat, region_importance
from cadrage.models.backbones.pyramids import Pyramid
from cadrage.models.crop_content import ConvRelation, GraphRelation, HeatHead
from cadrage.models.crop_evaluator import EvaluatorHead, make_evaluator
from cadrage.models.person_partition import PersonPartition, check_persons
from cadrage.models.regions import Output, SummedLevels

Heat = Literal["predicted", "supervised", "none"]
Relation = Literal["conv", "graph"]

_REDUCED, _RELATED, _BINS = 32, 8, 9


class GlobalAttentionModel(nn.Module):
    """Photo and boxes to scores on the targets' scale and an importance map: 554,266 parameters beyond VGG-16.

    Args:
        backbone: a :class:`~cadrage.models.backbones.pyramids.Pyramid`.
        heat: ``predicted`` lets the importance map into the encoder, ``supervised`` predicts it as a side task that
            only shapes the shared maps, ``none`` leaves it out.
        encoder: regions are read from what the encoder makes of F, without a predicted map of F alone; otherwise from
            F itself.
        global_branch: the evaluator also sees the aligned whole photo.
        residual: add F to what the encoder returns.
        detach_heat: no gradient of the scores enters the importance map.
        head: ``slim``, or ``wide`` for a first layer over all cells of a region.
        partition: update F around the main person first; see :class:`~cadrage.models.person_partition.PersonPartition`.
        relation: what the importance map is made from: the surroundings of each cell (``conv``), or the whole photo
            (``graph``), as in one variant of the released code.
        legacy: sample maps and boxes as released cropping code does; see :mod:`cadrage.models.align`.

    Raises:
        UsageError: an unknown choice, or a predicted map that no encoder would read.
    """

    def __init__(
        self,
        backbone: Pyramid,
        *,
        heat: Heat = "predicted",
        encoder: bool = True,
        global_branch: bool = True,
        residual: bool = True,
        detach_heat: bool = False,
        head: EvaluatorHead = "slim",
        partition: bool = False,
        relation: Relation = "conv",
        legacy: bool = False,
    ) -> None:
        super().__init__()
        if relation not in get_args(Relation):
            raise UsageError(f"relation {relation!r}: unknown; choose one of {', '.join(get_args(Relation))}")
        if heat not in get_args(Heat):
            raise UsageError(f"heat {heat!r}: unknown; choose one of {', '.join(get_args(Heat))}")
        if heat == "predicted" and not encoder:
            raise UsageError("heat 'predicted': only the encoder reads the map; use it, or choose heat 'supervised'")
        self.backbone = backbone
        self.fed, self.detach_heat, self.legacy = heat == "predicted", detach_heat, legacy
        self.levels = SummedLevels(backbone.channels, reduced=_REDUCED, legacy=legacy)
        self.partition = PersonPartition(_REDUCED, legacy=legacy) if partition else None
        related = ConvRelation if relation == "conv" else GraphRelation
        self.relation = None if heat == "none" else related(_REDUCED, _RELATED)
        self.heat_head = None if heat == "none" else HeatHead(_RELATED, legacy=legacy)
        self.encoder = FusionEncoder(_REDUCED, fed=self.fed, residual=residual) if encoder else None
        self.context = nn.Conv2d(_REDUCED, _REDUCED, 3, padding=1) if global_branch else None
        self.evaluator = make_evaluator(head, 2 * _REDUCED, _REDUCED if global_branch else 0, _BINS)

    def features(self, image: Tensor) -> Tensor:
        """The map F ``(B, 32, H/16, W/16)`` of photos ``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32."""
        out: Tensor = self.levels(*self.backbone(image))
        return out

    def update(self, features: Tensor, person_xyxy: Tensor, has_person: Tensor) -> Tensor:
        """F around the main person ``(B, 4)``, normalised; photos of which ``has_person (B,)`` is false keep theirs.

        Raises:
            UsageError: ``check_persons`` refuses a person, or the model has no partition and would ignore them.
        """
        if self.partition is None:
            raise UsageError("this model was built without partition and knows no persons; leave the person out")
        if not torch.compiler.is_compiling():
            check_persons(person_xyxy, has_person)
        out: Tensor = self.partition(features, person_xyxy, has_person)
        return out

    def heat(self, features: Tensor) -> Tensor | None:
        """The importance map ``(B, 1, 64, 64)`` in [0, 1] of F, the photo squeezed into a square; None without one."""
        if self.relation is None or self.heat_head is None:
            return None
        out: Tensor = self.heat_head(self.relation(features))
        return out

    def fuse(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """F to the map that boxes are scored on ``(B, 32, h, w)``, and the importance map."""
        heat = self.heat(features)
        return self._encode(features, heat), heat

    def score(self, fused: Tensor, boxes_xyxy: Tensor, *, chunk: int = 128) -> Tensor:
        """Scores ``(B, N)`` of boxes ``(B, N, 4)``, normalised to the photo, on the map of :meth:`fuse`.

        Without gradients memory depends on ``chunk`` boxes at a time and not on N. An exported graph takes all boxes at
        once, and its caller cuts them.

        Raises:
            UsageError: x1 > x2 or y1 > y2, a number is not finite, or ``chunk`` is below 1.
        """
        context = self.global_context(fused)
        # Looking at values is for callers; a traced graph has none.
        if torch.compiler.is_compiling():
            scores: Tensor = self.evaluator(self.regions(fused, boxes_xyxy), context)
            return scores
        if chunk < 1:
            raise UsageError(f"chunk {chunk}: expected at least 1 box at a time")
        check_corners(boxes_xyxy)
        chunks = torch.split(boxes_xyxy, chunk, dim=1)
        return torch.cat([self.evaluator(self.regions(fused, each), context) for each in chunks], dim=1)

    def forward(
        self, image: Tensor, boxes_xyxy: Tensor, person_xyxy: Tensor | None = None, has_person: Tensor | None = None
    ) -> Output:
        """Photos ``(B, 3, H, W)`` and boxes ``(B, N, 4)`` to scores and the importance map.

        Persons are for models with partition, as in :meth:`update`; without both arguments no photo has one, and one
        without the other is a UsageError.
        """
        fused, heat = self.fuse(self._around(self.features(image), person_xyxy, has_person))
        return Output(self.score(fused, boxes_xyxy), heat)

    def forward_mixed(
        self,
        image: Tensor,
        boxes_xyxy: Tensor,
        pseudo_heat: Tensor,
        share: float | Tensor,
        person_xyxy: Tensor | None = None,
        has_person: Tensor | None = None,
    ) -> Output:
        """As :meth:`forward`, with a teacher's map mixed into what the encoder reads, not into the output.

        For training alone: a teacher's map is made of the scores that people gave the very crops being ranked. With
        ``share`` 1 in an evaluation the numbers are an upper bound of what a perfect map would bring, never a result.

        Args:
            pseudo_heat: ``(B, 1, 64, 64)``.
            share: of the teacher, 0 to 1, for all photos or one each ``(B,)``; 0 for photos without a teacher.

        Raises:
            UsageError: no map enters the encoder of this model, or the map or the share is unusable.
        """
        features = self._around(self.features(image), person_xyxy, has_person)
        predicted = self.heat(features)
        if predicted is None or not self.fed:
            raise UsageError("no importance map enters the encoder of this model; build it with heat 'predicted'")
        fused = self._encode(features, mix_heat(predicted, pseudo_heat, share))
        return Output(self.score(fused, boxes_xyxy), predicted)

    def global_context(self, fused: Tensor) -> Tensor | None:
        """The whole photo on the cells of a region ``(B, 32, 9, 9)``; None without the global branch."""
        if self.context is None:
            return None
        return aligned_whole(F.relu(self.context(fused)), _BINS, legacy=self.legacy)

    def regions(self, fused: Tensor, boxes_xyxy: Tensor) -> Tensor:
        """What is inside and what is outside of each box, ``(B, N, 64, 9, 9)``."""
        return aligned_regions(fused, boxes_xyxy, _BINS, legacy=self.legacy)

    def _around(self, features: Tensor, person_xyxy: Tensor | None, has_person: Tensor | None) -> Tensor:
        if person_xyxy is None and has_person is None:
            return features
        if person_xyxy is None or has_person is None:
            raise UsageError("got only one of person_xyxy and has_person, and would ignore it; give both or neither")
        return self.update(features, person_xyxy, has_person)

    def _encode(self, features: Tensor, heat: Tensor | None) -> Tensor:
        if self.encoder is None:
            return features
        importance = None
        if self.fed and heat is not None:
            height, width = features.shape[2:]
            importance = region_importance(heat.detach() if self.detach_heat else heat, (height, width))
        out: Tensor = self.encoder(features, importance)
        return out
