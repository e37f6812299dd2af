#!/usr/bin/env python3
"""Draw a set predictor's most valid crops on photos of a split, beside people's, on sheets of contact prints.

    python scripts/draw_top_crops.py MODEL --data DATA/fcdb/train --dataset fcdb --photos 40 --out sheet.png

The ten most valid proposals are drawn as they are, without suppression: the first thick and orange, the second blue,
the others from light to dark by rank. People's crops are dashed. The sheets are sheet-1.png, sheet-2.png and so on.
A model that predicts no validities is drawn with the crops of the product's selection.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from cadrage.datasets.manifest import PhotoRecord, read_manifest
from cadrage.datasets.splits import read_split, select
from cadrage.errors import CadrageError, UsageError
from cadrage.evaluation.answers import Answer, Predictor
from cadrage.evaluation.product import ModelPredictor
from cadrage.evaluation.protocols.protocol import question_about
from cadrage.evaluation.validity_order import ValidityOrder
from cadrage.inference.cropper import Cropper
from cadrage.photo.files import atomic_write

COLUMNS, ROWS = 5, 4
PRINT_WH = (360, 330)
MARGIN, CAPTION = 10, 16
FIRST, SECOND = (255, 140, 0), (0, 150, 255)
DASH, GAP = 9, 6

Box = Sequence[float]


def main(argv: list[str] | None = None) -> int:
    """Return 0 when the sheets are written, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Draw the most valid crops of a set predictor.")
    parser.add_argument("model", type=Path, help="folder of an exported model")
    parser.add_argument("--data", type=Path, required=True, help="folder of a converted data set")
    parser.add_argument("--dataset", help="whose packaged splits to use: fcdb or flms")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--photos", type=int, default=40, help="how many, spread evenly over the split")
    parser.add_argument("--crops", type=int, default=10, help="how many on each photo")
    parser.add_argument("--out", type=Path, required=True, help="sheet.png makes sheet-1.png and so on")
    options = parser.parse_args(argv)
    try:
        if options.photos < 1 or options.crops < 1:
            raise UsageError("--photos and --crops must be at least 1")
        cropper = Cropper(options.model, threads=1)
        has_validity = cropper.model.card.proposals == "validity"
        predictor: Predictor = ValidityOrder(cropper) if has_validity else ModelPredictor(cropper)
        records = select(read_manifest(options.data), read_split(options.data, options.split, options.dataset))
        chosen = [records[index] for index in np.unique(np.linspace(0, len(records) - 1, options.photos).astype(int))]
        prints = [contact_print(record, answer_about(record, predictor, options.crops)) for record in chosen]
        per_sheet = COLUMNS * ROWS
        for number, start in enumerate(range(0, len(prints), per_sheet), start=1):
            file = options.out.with_name(f"{options.out.stem}-{number}.png")
            with atomic_write(file, overwrite=True) as handle:
                sheet(prints[start : start + per_sheet]).save(handle, "PNG")
            print(file)
    except CadrageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def answer_about(record: PhotoRecord, predictor: Predictor, crops: int) -> Answer:
    """The crops to draw, best first."""
    return predictor.answer(question_about(record, n=crops))


def contact_print(record: PhotoRecord, answer: Answer) -> Image.Image:
    """One photo with its crops and a caption: confidences of the first and the last, and the name."""
    with Image.open(record.file) as opened:
        photo = ImageOps.contain(ImageOps.exif_transpose(opened).convert("RGB"), PRINT_WH)
    # Lines must stand out from any photo.
    photo = Image.blend(photo, Image.new("RGB", photo.size), 0.25)
    draw = ImageDraw.Draw(photo)
    count = len(answer.boxes_xyxy)
    # Ten people's crops would hide everything above which they are drawn; a single one would be hidden.
    many = len(record.crops_xyxy) > 1
    if many:
        draw_people(draw, photo, record, width=1)
    for rank in reversed(range(count)):
        box = on(photo, answer.boxes_xyxy[rank])
        draw.rectangle(box, outline=colour(rank, count), width=(6, 4)[rank] if rank < 2 else 2)
    if not many:
        draw_people(draw, photo, record, width=2)
    whole = Image.new("RGB", (PRINT_WH[0], PRINT_WH[1] + CAPTION), "white")
    whole.paste(photo, ((PRINT_WH[0] - photo.width) // 2, (PRINT_WH[1] - photo.height) // 2))
    confidences = answer.confidences
    said = f"{confidences[0]:.2f} to {confidences[-1]:.2f}  " if count else "no crop  "
    ImageDraw.Draw(whole).text((2, PRINT_WH[1] + 2), said + Path(record.file_name).name[:40], fill="black")
    return whole


def draw_people(draw: ImageDraw.ImageDraw, photo: Image.Image, record: PhotoRecord, width: int) -> None:
    """People's crops, dashed."""
    for crop in record.crops_xyxy:
        dashed(draw, on(photo, crop), width)


def on(photo: Image.Image, box_xyxy: Box) -> tuple[float, float, float, float]:
    """A normalised box in pixels of the print, its lines inside."""
    x1, y1, x2, y2 = box_xyxy
    width, height = photo.width - 1, photo.height - 1
    return x1 * width, y1 * height, x2 * width, y2 * height


def colour(rank: int, count: int) -> tuple[int, int, int]:
    """Orange, blue, then from white to dark green."""
    if rank < 2:
        return (FIRST, SECOND)[rank]
    shade = (rank - 2) / max(count - 3, 1)
    return round(235 - 200 * shade), round(255 - 115 * shade), round(235 - 200 * shade)


def dashed(draw: ImageDraw.ImageDraw, box_px: tuple[float, float, float, float], width: int) -> None:
    """A dashed rectangle, white on black, that is seen on every ground."""
    x1, y1, x2, y2 = box_px
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
    for start, end in pairwise(corners):
        a, b = np.array(start), np.array(end)
        length = float(np.hypot(*(b - a)))
        for offset in np.arange(0, length, DASH + GAP):
            line = [tuple(a + (b - a) * min(at, length) / max(length, 1e-9)) for at in (offset, offset + DASH)]
            draw.line(line, fill="black", width=2 * width)
            draw.line(line, fill="white", width=width)


def sheet(prints: Sequence[Image.Image]) -> Image.Image:
    """Prints row by row."""
    width, height = PRINT_WH[0] + MARGIN, PRINT_WH[1] + CAPTION + MARGIN
    rows = -(-len(prints) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * width + MARGIN, rows * height + MARGIN), "white")
    for index, each in enumerate(prints):
        row, column = divmod(index, COLUMNS)
        whole.paste(each, (MARGIN + column * width, MARGIN + row * height))
    return whole


if __name__ == "__main__":
    sys.exit(main())
