"""Pictures for TensorBoard: the first proposals on a few validation photos after every epoch."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image, ImageDraw

from cadrage.datasets.manifest import PhotoRecord
from cadrage.models.boxes import cxcywh_to_xyxy
from cadrage.models.set_prediction import SetPredictor
from cadrage.training.set_prediction.samples import SetBatch

_PHOTOS = 8
_CROPS = 5
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00")


class Pictures(Callback):
    """Draws the five most valid proposals, the first one thick, on the first photos of validation."""

    def __init__(self, validation: Sequence[PhotoRecord]) -> None:
        self._wanted = {record.file_name for record in validation[:_PHOTOS]}

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: SetBatch | None,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Log a picture for every wanted photo of the batch."""
        logger = trainer.logger
        if batch is None or not isinstance(logger, TensorBoardLogger):
            return
        model = getattr(pl_module, "model", None)
        if not isinstance(model, SetPredictor):
            return
        wanted = [index for index, name in enumerate(batch.file_names) if name in self._wanted]
        if not wanted:
            return
        with torch.no_grad():
            prediction = model(batch.image, batch.padding)
        for index in wanted:
            order = prediction.logits[-1, index].argsort(descending=True)[:_CROPS]
            boxes = cxcywh_to_xyxy(prediction.boxes_cxcywh[-1, index, order]).float().cpu().numpy()
            image = batch.image[index]
            if batch.padding is not None:
                inside = ~batch.padding[index]
                image = image[:, : int(inside.any(1).sum()), : int(inside.any(0).sum())]
            picture = draw_boxes(image.clamp(0, 1).permute(1, 2, 0).cpu().numpy(), boxes)
            logger.experiment.add_image(
                f"crops/{batch.file_names[index]}", picture, trainer.current_epoch, dataformats="HWC"
            )


def draw_boxes(image: np.ndarray[Any, Any], boxes_xyxy: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Boxes ``(K, 4)``, best first, on an image ``(H, W, 3)`` in [0, 1]; the picture is uint8."""
    picture = Image.fromarray((image * 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    scale = np.array([*picture.size, *picture.size])
    for rank in reversed(range(len(boxes_xyxy))):
        x1, y1, x2, y2 = (boxes_xyxy[rank] * scale).tolist()
        draw.rectangle((x1, y1, x2, y2), outline=_COLOURS[rank % len(_COLOURS)], width=4 if rank == 0 else 2)
    return np.asarray(picture)
