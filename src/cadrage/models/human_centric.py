"""Human-centric cropping: a score for any given box on a photo whose main person is known, if there is one.

Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022. The way
through::

    photo -> backbone -> three maps -> M --+--> F = M + nine parts --+-> RoI, RoD -> region head --+
                                           |                         |                             +-> score
    person --------------------------------+                         +-> heat map --> content -----+
    box -----------------------------------------------------------------> both
"""

from typing import Literal

import torch
from torch import Tensor, nn

from cadrage.errors import UsageError
from cadrage.models.align import aligned_regions, check_corners
from cadrage.models.backbones.pyramids import Pyramid
from cadrage.models.crop_content import ConvRelation, CropContent, GraphRelation, HeatHead
from cadrage.models.person_partition import Parts, PersonPartition, check_persons
from cadrage.models.regions import Output, RegionHead, SummedLevels

Relation = Literal["graph", "conv"]

_CHANNELS, _BINS, _DESCRIPTION = 32, 9, 256
# Some 300 MB while they are scored; fewer at a time would leave threads waiting for each other.
_CHUNK = 128


class HumanCentricModel(nn.Module):
    """Photo, boxes and main person to scores on the scale of the training targets.

    Args:
        backbone: a :class:`~cadrage.models.backbones.pyramids.Pyramid`.
        parts: transforms around the person; see :class:`~cadrage.models.person_partition.PersonPartition`.
        person_vector: show these transforms what the person looks like.
        relation: what the heat map is computed from, the whole photo (``graph``) or surroundings (``conv``).
        content: heat map and content branch; without them the regions alone are scored.
        legacy: sample and round as the released code does, which weights trained with it need.

    Raises:
        UsageError: an unknown choice.
    """

    def __init__(
        self,
        backbone: Pyramid,
        *,
        parts: Parts = 9,
        person_vector: bool = True,
        relation: Relation = "graph",
        content: bool = True,
        legacy: bool = False,
    ) -> None:
        super().__init__()
        if relation not in ("graph", "conv"):
            raise UsageError(f"relation {relation!r}: unknown; choose one of graph, conv")
        self.backbone, self.legacy = backbone, legacy
        self.levels = SummedLevels(backbone.channels, reduced=_CHANNELS, legacy=legacy)
        self.partition = PersonPartition(_CHANNELS, parts=parts, person_vector=person_vector, legacy=legacy)
        self.region = RegionHead(2 * _CHANNELS, bins=_BINS, outputs=_DESCRIPTION)
        self.relation: nn.Module | None = None
        self.heat_head: HeatHead | None = None
        self.content: CropContent | None = None
        if content:
            self.relation = GraphRelation(_CHANNELS) if relation == "graph" else ConvRelation(_CHANNELS)
            self.heat_head = HeatHead(legacy=legacy)
            self.content = CropContent(legacy=legacy)
        self.last = nn.Linear(2 * _DESCRIPTION if content else _DESCRIPTION, 1)

    def features(self, image: Tensor) -> Tensor:
        """The map M ``(B, 32, H/16, W/16)`` of photos ``(B, 3, H, W)``, RGB in [0, 1], H and W multiples of 32."""
        out: Tensor = self.levels(*self.backbone(image))
        return out

    def update(self, features: Tensor, person_xyxy: Tensor, has_person: Tensor) -> Tensor:
        """The map F of M and main persons ``(B, 4)``, normalised; where ``has_person (B,)`` is False it is M.

        Raises:
            UsageError: a person's corners changed places, a number is not finite, or its box is outside the photo.
        """
        # Looking at values is for callers; a traced graph has none.
        if not torch.compiler.is_compiling():
            check_persons(person_xyxy, has_person)
        out: Tensor = self.partition(features, person_xyxy, has_person)
        return out

    def heat(self, updated: Tensor) -> Tensor | None:
        """Importance ``(B, 1, 64, 64)`` in [0, 1] from F, or None of a model without content branch."""
        if self.relation is None or self.heat_head is None:
            return None
        out: Tensor = self.heat_head(self.relation(updated))
        return out

    def score(self, updated: Tensor, heat: Tensor | None, boxes_xyxy: Tensor, *, chunk: int = _CHUNK) -> Tensor:
        """Scores ``(B, N)`` of boxes ``(B, N, 4)``, normalised to the photo, on F of :meth:`update`.

        ``heat`` is that of :meth:`heat`. Memory depends on ``chunk`` boxes at a time and not on N; in training, whose
        gradients need everything, and in an exported graph, whose caller cuts the boxes, it depends on N.

        Raises:
            UsageError: x1 > x2 or y1 > y2, a number is not finite, ``chunk`` is below 1, or the heat map is missing.
        """
        shared = None
        if self.content is not None:
            if heat is None:
                raise UsageError("score: the heat map is missing; pass what heat() of this model returns")
            shared = self.content.shared(heat)
        if torch.compiler.is_compiling():
            return self._score(updated, shared, boxes_xyxy)
        if chunk < 1:
            raise UsageError(f"chunk {chunk}: expected at least 1 box at a time")
        check_corners(boxes_xyxy)
        chunks = torch.split(boxes_xyxy, chunk, dim=1)
        return torch.cat([self._score(updated, shared, each) for each in chunks], dim=1)

    def _score(self, updated: Tensor, shared: Tensor | None, boxes_xyxy: Tensor) -> Tensor:
        described: Tensor = self.region(aligned_regions(updated, boxes_xyxy, _BINS, legacy=self.legacy))
        if self.content is not None and shared is not None:
            described = torch.cat([described, self.content(shared, boxes_xyxy)], dim=-1)
        scores: Tensor = self.last(described).squeeze(-1)
        return scores

    def forward(self, image: Tensor, boxes_xyxy: Tensor, person_xyxy: Tensor, has_person: Tensor) -> Output:
        """Scores and heat map of boxes ``(B, N, 4)`` on photos ``(B, 3, H, W)`` with persons as in :meth:`update`."""
        updated = self.update(self.features(image), person_xyxy, has_person)
        heat = self.heat(updated)
        return Output(self.score(updated, heat, boxes_xyxy), heat)
