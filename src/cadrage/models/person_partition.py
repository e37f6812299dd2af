"""A photo in nine parts around its main person, each with its own transform.

Zhang et al., "Human-Centric Image Cropping with Partition-Aware and Content-Preserving Features", ECCV 2022,
partition-aware features.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cadrage.errors import UsageError
from cadrage.models.align import SNAP, aligned_regions, check_corners

Parts = Literal[9, 2, 1, 0]

_PARTS: tuple[Parts, ...] = (9, 2, 1, 0)
_PERSON = 4
# Cells per side that the person is aligned to, and numbers that describe it.
_BINS, _VECTOR = 3, 16


def check_persons(person_xyxy: Tensor, has_person: Tensor) -> None:
    """Refuse main persons ``(B, 4)``, normalised, that no photo shows; those of photos without one are not looked at.

    Raises:
        UsageError: a person's corners changed places, a number is not finite, or its box is outside the photo.
    """
    persons = person_xyxy[has_person]
    check_corners(persons)
    visible = persons.clamp(0, 1)
    unseen = (visible[:, :2] >= visible[:, 2:]).any(-1)
    if unseen.any():
        box = ", ".join(f"{value:g}" for value in persons[unseen][0].tolist())
        raise UsageError(f"person ({box}): nothing of it is on the photo; say that there is none")


def partition_masks(
    person_xyxy: Tensor, has_person: Tensor, size_hw: tuple[int, int], *, legacy: bool = False
) -> Tensor:
    """Which cell belongs to which of the nine parts.

    A person covers every cell that its box touches, and at least one.

    Args:
        person_xyxy: ``(B, 4)``, normalised; what is outside the photo does not count.
        has_person: ``(B,)``; photos without a person have no parts, all their masks are 0.
        size_hw: rows and columns of the map.
        legacy: truncate both corners, as the released code does; a narrow person vanishes then.

    Returns:
        ``(B, 9, h, w)`` of 0 and 1, disjoint and together covering the map. Part ``3 * row + column`` counts from the
        top left; part 4 is the person.
    """
    x1, y1, x2, y2 = person_xyxy.unbind(-1)
    rows = _strips(y1, y2, size_hw[0], legacy)
    columns = _strips(x1, x2, size_hw[1], legacy)
    masks = (rows[:, :, None, :, None] * columns[:, None, :, None, :]).flatten(1, 2)
    return masks * has_person.to(masks.dtype).view(-1, 1, 1, 1)


def _strips(starts: Tensor, ends: Tensor, size: int, legacy: bool) -> Tensor:
    """One axis: cells before, of and behind the person, ``(B, 3, size)``."""
    if legacy:
        first, last = ((edges * size + SNAP).trunc().clamp(0, size) for edges in (starts, ends))
    else:
        first = (starts * size + SNAP).floor().clamp(0, size - 1)
        last = torch.maximum((ends * size - SNAP).ceil().clamp(max=size), first + 1)
    cells = torch.arange(size, dtype=starts.dtype, device=starts.device)
    before, behind = cells < first.unsqueeze(-1), cells >= last.unsqueeze(-1)
    strips = torch.stack([before, ~(before | behind), behind], dim=1)
    return strips.to(starts.dtype)


class PersonPartition(nn.Module):
    """Residual update of a map that knows where the main person is; photos without one leave as they came.

    Args:
        channels: of the map.
        parts: 9 as in the paper; 2 for the person and everything else; 1 for the person alone; 0 for the mean of nine
            transforms everywhere.
        person_vector: show every transform what the person looks like.
        legacy: masks and sampling of the released code; a person that vanishes counts as none.

    Raises:
        UsageError: another number of parts.
    """

    def __init__(
        self, channels: int = 32, *, parts: Parts = 9, person_vector: bool = True, legacy: bool = False
    ) -> None:
        super().__init__()
        if parts not in _PARTS:
            raise UsageError(f"parts {parts!r}: unknown; choose one of {', '.join(map(str, _PARTS))}")
        self.parts, self.legacy = parts, legacy
        # A convolution as large as its input is a matrix product.
        self.person = nn.Linear(channels * _BINS * _BINS, _VECTOR) if person_vector else None
        inputs = channels + (_VECTOR if person_vector else 0)
        self.transforms = nn.Conv2d(inputs, (parts or 9) * channels, 3, padding=1)

    def forward(self, features: Tensor, person_xyxy: Tensor, has_person: Tensor) -> Tensor:
        """``(B, C, h, w)`` to the same shape, with persons ``(B, 4)``, normalised, and ``(B,)`` whether there is one.

        The box of a photo without a person is not looked at.
        """
        person = torch.where(has_person.unsqueeze(-1), person_xyxy, 0.0)
        if not self.legacy:
            person = person.clamp(0, 1)
        seen = features
        if self.person is not None:
            around = aligned_regions(features, person.unsqueeze(1), _BINS, ("roi",), legacy=self.legacy)
            vector = self.person(around.flatten(1).to(features.dtype))
            seen = torch.cat([features, vector[:, :, None, None].expand(-1, -1, *features.shape[2:])], dim=1)
        batch, channels, height, width = features.shape
        transformed = F.relu(self.transforms(seen)).reshape(batch, -1, channels, height, width)
        where = self._where(person, has_person, (height, width)).to(transformed.dtype)
        out: Tensor = features + (transformed * where.unsqueeze(2)).sum(dim=1)
        return out

    def _where(self, person: Tensor, has_person: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """Weight of each transform in each cell, ``(B, parts or 9, h, w)``."""
        masks = partition_masks(person, has_person, size_hw, legacy=self.legacy)
        if self.legacy:
            masks = masks * masks[:, _PERSON : _PERSON + 1].amax(dim=(2, 3), keepdim=True)
        if self.parts == 9:
            return masks
        if self.parts == 0:
            return masks.sum(dim=1, keepdim=True).expand(-1, 9, -1, -1) / 9
        inside = masks[:, _PERSON : _PERSON + 1]
        if self.parts == 1:
            return inside
        return torch.cat([inside, masks.sum(dim=1, keepdim=True) - inside], dim=1)
