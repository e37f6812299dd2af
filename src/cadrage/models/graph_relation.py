"""What the heat head reads, from all cells of the photo at once."""

from torch import Tensor, nn
from torch.nn import functional as F

_EPSILON = 1e-6


class GraphRelation(nn.Module):
    """Graph reasoning over the cells of a map.

    Cell i collects all cells j by ``softmax_j(cos(P v_i, T v_j))``, then one projection and ReLU (Zhang et al., ECCV
    2022, content-preserving features). Cosines lie in [-1, 1] and have no temperature, so that no cell counts more than
    ``e^2 = 7.4`` times another: the result is close to the mean of the photo. ``ConvRelation`` of
    :mod:`cadrage.models.heat_head` is the local alternative.
    """

    def __init__(self, channels: int = 32, outputs: int = 8) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=False)
        self.out = nn.Linear(channels, outputs, bias=False)
        nn.init.xavier_uniform_(self.out.weight)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, channels, h, w)`` to ``(B, outputs, h, w)``."""
        height, width = features.shape[2:]
        cells = features.flatten(2).transpose(1, 2)
        # Without a bound, a cell of zeros has no direction and would turn the whole map into NaN.
        query = F.normalize(self.query(cells), dim=-1, eps=_EPSILON)
        key = F.normalize(self.key(cells), dim=-1, eps=_EPSILON)
        shares = (query @ key.transpose(1, 2)).softmax(dim=-1)
        # Projecting first is the same by associativity and four times cheaper.
        related = F.relu(shares @ self.out(cells))
        return related.transpose(1, 2).reshape(features.shape[0], -1, height, width)
