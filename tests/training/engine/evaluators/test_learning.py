"""A few photos can be learnt by heart; if boxes, targets or mirror were wrong anywhere, they could not."""

import numpy as np
import torch
from torch import nn

from cadrage.evaluation.metrics.correlation import srcc
from cadrage.models.grid_anchor import GridAnchorModel
from cadrage.training.engine.evaluators.module import EvaluatorTraining
from cadrage.training.engine.evaluators.samples import RatedSamples, collate
from cadrage.training.engine.evaluators.targets import score_scale
from cadrage.training.engine.photos import rated_photos
from cadrage.training.systems.grid_anchor import GridRecipe


class SmallPyramid(nn.Module):
    """A backbone that tells places apart without ever having been trained."""

    channels = (8, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 8, 8, 8)

    def forward(self, image):
        fine = self.fine(image).relu()
        return fine, nn.functional.avg_pool2d(fine, 2), nn.functional.avg_pool2d(fine, 4)


def test_ratings_of_mirrored_and_other_photos_are_learnt(rated_data):
    torch.manual_seed(0)
    recipe = GridRecipe(side=64, longer_side_limit=128, score_deviation=0.0, colour="none", crops=16)
    records = rated_photos(rated_data, ("gaicd-v2:train",))
    scale = score_scale(records, recipe)
    samples = RatedSamples(records, scale, recipe, augmented=True)
    model = GridAnchorModel(SmallPyramid(), reduced=4, bins=5)
    module = EvaluatorTraining(model, recipe, 1, records)
    steps = 200
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    losses = []
    for epoch in range(steps):
        batch = collate([samples[(epoch, index)] for index in range(len(records))])
        loss = module.losses(batch)["huber"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.1 * np.mean(losses[:3])
    model.eval()
    plain = RatedSamples(records, scale, recipe, augmented=False)
    found = []
    for index in range(len(records)):
        sample = plain[(0, index)]
        x1, y1, x2, y2 = sample.rated_xyxy.unbind(-1)
        # Half of the samples were mirrored; a slip there would show on mirrored photos.
        turned = torch.stack([1 - x2, y1, 1 - x1, y2], dim=-1)
        for image, boxes in ((sample.image, sample.rated_xyxy), (sample.image.flip(2), turned)):
            with torch.no_grad():
                scores = model(image[None], boxes[None])[0]
            found.append(srcc(scores.double().numpy(), sample.targets.double().numpy()))
    assert np.mean(found) > 0.9 and min(found) > 0.75
