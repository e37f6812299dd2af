"""What a trained set predictor proposes on photos, from torch and not through an exported model."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cadrage.datasets.manifest import PhotoRecord
from cadrage.evaluation.answers import Answer
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.set_prediction import SetPredictor
from cadrage.training.systems.set_prediction.recipe import SetRecipe
from cadrage.training.systems.set_prediction.samples import SetBatch, SetSamples, collate
from cadrage.training.systems.set_prediction.targets import PhotoTargets

# Squares need no padding, so that photos of a batch have no influence on each other.
_SQUARES_AT_ONCE = 16


class Proposals(NamedTuple):
    """All anchors of one photo, in the model's order: ``boxes_cxcywh (Q, 4)`` and ``logits (Q,)`` of validity."""

    record: PhotoRecord
    boxes_cxcywh: Tensor
    logits: Tensor

    def answer(self) -> Answer:
        """The boxes in order of validity, none removed, none clipped; equal ones keep the order of the anchors."""
        boxes = cxcywh_to_xyxy(self.boxes_cxcywh).double().numpy()
        validity = self.logits.sigmoid().double().numpy()
        order = (-validity).argsort(kind="stable")
        return Answer(boxes[order], validity[order])


def propose(model: SetPredictor, recipe: SetRecipe, records: Sequence[PhotoRecord]) -> Iterator[Proposals]:
    """The proposals for each photo that can be read, in the given order, at the recipe's size for measuring.

    Photos that keep their shape go through the network one by one: padded to the largest of a batch, they would get
    other boxes beside other photos.

    Args:
        model: in evaluation mode, on any device.
        recipe: of the model.
        records: the photos; the log names those that cannot be read, which are left out.
    """
    nothing = PhotoTargets(torch.empty(0, 4), torch.empty(0, 4), torch.empty(0))
    known = {record.file_name: record for record in records}
    loader: DataLoader[SetBatch] = DataLoader(
        SetSamples(records, [nothing] * len(records), recipe, augmented=False),  # type: ignore[arg-type]
        batch_size=_SQUARES_AT_ONCE if recipe.resize == "squash" else 1,
        sampler=[(0, index) for index in range(len(records))],
        num_workers=recipe.workers,
        collate_fn=collate,
    )
    device = next(model.parameters()).device
    with torch.inference_mode():
        for batch in loader:
            if not batch.file_names:
                continue
            moved = batch.to(device)
            prediction = model(moved.image, moved.padding)
            boxes, logits = (each[-1].float().cpu() for each in (prediction.boxes_cxcywh, prediction.logits))
            for name, boxes_of_photo, logits_of_photo in zip(batch.file_names, boxes, logits, strict=True):
                yield Proposals(known[name], boxes_of_photo, logits_of_photo)
