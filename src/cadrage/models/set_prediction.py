"""Set prediction: a fixed set of learned anchors becomes a set of crops, each with its validity.

Jia et al., "Rethinking Image Cropping: Exploring Diverse Compositions from Global Views", CVPR 2022. The way through::

    photo -> backbone -> map -> encoder -> memory --+
                                                    +-> conditional decoder -> answers -> box head      -> boxes
                      anchors -> reference points --+                                 -> validity head -> logits
"""

import math
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.models.conditional_decoder import ConditionalDecoder, mlp
from cadrage.models.encoder import Encoder, cell_places, place_code, unpadded_cell_places

_PRIOR = 0.01  # validity of every anchor before training (Lin et al., ICCV 2017, section 4.1)
_LOGIT_EPSILON = 1e-5


class Backbone(Protocol):
    """A module from photo to map that normalises the photo itself.

    Attributes:
        channels: of the map.
        stride: pixels per cell.
        neutral_rgb: ``(3,)``, the colour in [0, 1] that normalises to zero; padding is painted with it.
    """

    channels: int
    stride: int
    neutral_rgb: Tensor

    def __call__(self, image: Tensor) -> Tensor:
        """``(B, 3, H, W)``, RGB in [0, 1], to ``(B, channels, h, w)``."""

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """As of every module."""


class SetPrediction(NamedTuple):
    """What every layer of the decoder proposes; the last layer is the answer.

    Attributes:
        boxes_cxcywh: ``(L, B, Q, 4)``, centre and size in [0, 1]; a box may stick out of the photo.
        logits: ``(L, B, Q)``, validity after a sigmoid.
        reference: ``(Q, 2)``, x y of the reference points.
    """

    boxes_cxcywh: Tensor
    logits: Tensor
    reference: Tensor


def decode_boxes(raw: Tensor, reference: Tensor) -> Tensor:
    """Raw box numbers ``(..., Q, 4)`` as offsets from reference points ``(Q, 2)``: cx cy w h in [0, 1].

    ``box = sigmoid([t_x + logit(r_x), t_y + logit(r_y), t_w, t_h])`` (Meng et al., ICCV 2021, section 3.1).
    """
    start = reference.clamp(min=_LOGIT_EPSILON).log() - (1 - reference).clamp(min=_LOGIT_EPSILON).log()
    return torch.cat([raw[..., :2] + start, raw[..., 2:]], dim=-1).sigmoid()


class SetProposer(nn.Module):
    """Map to set: encoder, conditional decoder and the two heads that all layers of the decoder share."""

    def __init__(
        self,
        channels: int,
        *,
        width: int = 256,
        heads: int = 8,
        encoder_layers: int = 6,
        decoder_layers: int = 6,
        hidden: int = 2048,
        anchors: int = 90,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width % heads or width % 4:
            raise UsageError(f"width {width}: it is shared by {heads} heads and 4 sines; choose a multiple of both")
        self.reduce = nn.Conv2d(channels, width, 1)
        self.encoder = Encoder(encoder_layers, width, heads, hidden, dropout)
        self.anchors = nn.Parameter(torch.randn(anchors, width))
        self.decoder = ConditionalDecoder(decoder_layers, width, heads, hidden, dropout)
        self.validity_head = nn.Linear(width, 1)
        self.box_head = mlp(width, width, width, 4)
        nn.init.constant_(self.validity_head.bias, math.log(_PRIOR / (1 - _PRIOR)))
        # Every anchor starts with a box of half the photo's sides around its reference point.
        for parameter in self.box_head[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, padding: Tensor | None = None) -> SetPrediction:
        """``features (B, C, h, w)``, and ``padding (B, H, W)`` of the photos they come from, true outside a photo."""
        height, width = features.shape[-2:]
        if padding is None:
            places = cell_places(height, width, like=self.anchors)
        else:
            padding = F.interpolate(padding[:, None].float(), size=(height, width), mode="nearest")[:, 0].bool()
            places = unpadded_cell_places(padding, like=self.anchors)
            padding = padding.flatten(1)
        position = place_code(places, self.anchors.shape[-1])
        cells = self.reduce(features).flatten(2).transpose(1, 2)
        memory = self.encoder(cells, position, padding)
        answers, reference = self.decoder(self.anchors, memory, position, padding)
        # Half precision would round boxes to 1/256 of the photo.
        with torch.autocast(features.device.type, enabled=False):
            answers = answers.to(self.anchors.dtype)
            boxes = decode_boxes(self.box_head(answers), reference)
            return SetPrediction(boxes, self.validity_head(answers).squeeze(-1), reference)


class SetPredictor(nn.Module):
    """Photo to set: a backbone and a :class:`SetProposer`, whose sizes are the keywords.

    The defaults are the paper's, on ``ResNet50(dilated=True)``. The light model is the same code on ``MobileNetMap()``
    with smaller numbers.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        width: int = 256,
        heads: int = 8,
        encoder_layers: int = 6,
        decoder_layers: int = 6,
        hidden: int = 2048,
        anchors: int = 90,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        # Kept beside for the product, which scores any box on the same map; it has no part in the set.
        self.evaluator: nn.Module | None = None
        self.proposer = SetProposer(
            backbone.channels,
            width=width,
            heads=heads,
            encoder_layers=encoder_layers,
            decoder_layers=decoder_layers,
            hidden=hidden,
            anchors=anchors,
            dropout=dropout,
        )

    def features(self, image: Tensor, padding: Tensor | None = None) -> Tensor:
        """The map ``(B, C, h, w)`` of photos; what lies in the padding has no influence."""
        if padding is not None:
            image = torch.where(padding.unsqueeze(1), self.backbone.neutral_rgb.view(3, 1, 1), image)
        return self.backbone(image)

    def propose(self, features: Tensor, padding: Tensor | None = None) -> SetPrediction:
        """The set of every decoder layer, from a map and the padding of its photos."""
        prediction: SetPrediction = self.proposer(features, padding)
        return prediction

    def forward(self, image: Tensor, padding: Tensor | None = None) -> SetPrediction:
        """Photos to sets.

        Args:
            image: ``(B, 3, H, W)``, RGB in [0, 1].
            padding: ``(B, H, W)`` bool, true right of and below a photo that is smaller than the batch. Boxes are
                relative to the photo without it.
        """
        return self.propose(self.features(image, padding), padding)
