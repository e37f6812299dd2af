"""Photos in the range and with the statistics that published weights expect."""

import torch
from torch import Tensor, nn

# Statistics of the photos of ImageNet, RGB in [0, 1], as all weights trained with PyTorch use them.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """RGB in [0, 1], ``(B, 3, H, W)``, less the mean of ImageNet and divided by its deviation; nothing to store."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.deviation
