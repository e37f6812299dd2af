"""Drawn photos in the forms in which GAICD, CPC, FCDB and FLMS are published, as their readers expect them."""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cadrage.datasets.synthetic.paint import paint
from cadrage.datasets.synthetic.rated import PHOTOS, ScenePhoto, pixels, rate_grid, votes
from cadrage.datasets.synthetic.views import chosen, quality_px, views
from cadrage.errors import CadrageError
from cadrage.geometry.boxes import Boxes

PERSONS = "human_bboxes.json"

# CPC: six crops of each of four ratios, the two best of forty and four others; six raters, grades 0 to 4.
_RATIOS, _OF_A_RATIO, _SHOWN, _GOOD = (1.0, 4 / 3, 3 / 4, 16 / 9), 6, 40, 2
_GRADERS, _HIGHEST_GRADE = 6, 4
# FCDB: ten pairs of views a photo, five votes each.
_PAIRS, _VOTERS = 10, 5
# FLMS: ten people a photo, each with a crop; of some photos one row only fills the table.
_PEOPLE, _NINE_EVERY = 10, 5
_CROPS_SHOWN = 200
_MAT_TEXT = b"MATLAB 5.0 MAT-file, drawn".ljust(116)


def write_gaicd(folder: Path, photos: Iterable[ScenePhoto], persons: bool) -> None:
    """GAICD v2: ``images/SPLIT/NAME.jpg`` and ``annotations/SPLIT/NAME.txt``, rows first."""
    _write_gaicd(folder, photos, persons, lambda split: f"annotations/{split}")


def write_gaicd_v1(folder: Path, photos: Iterable[ScenePhoto], persons: bool) -> None:
    """GAICD v1: the same with all annotations in one folder, and no validation photos."""
    _write_gaicd(folder, photos, persons, lambda split: "annotations")


def _write_gaicd(folder: Path, photos: Iterable[ScenePhoto], persons: bool, place: Callable[[str], str]) -> None:
    people: dict[str, Any] = {}
    for photo in photos:
        _save(photo, folder / "images" / photo.split / f"{photo.name}.jpg")
        drawn = rate_grid(photo)
        lines = (
            f"{y1:.0f} {x1:.0f} {y2:.0f} {x2:.0f} {score:.2f}\n"
            for (x1, y1, x2, y2), score in zip(drawn.boxes_xyxy_px, drawn.scores, strict=True)
        )
        _text(folder / place(photo.split) / f"{photo.name}.txt", "".join(lines))
        people |= _person(photo, f"{photo.name}.jpg")
    _write_persons(folder, people, persons)


def write_cpc(folder: Path, photos: Iterable[ScenePhoto], persons: bool) -> None:
    """CPC: ``images/NAME.jpg`` and ``CollectedAnnotationsRaw/NAME.jpg.txt``, JSON within a JSON string."""
    people: dict[str, Any] = {}
    for photo in photos:
        name = f"{photo.name}.jpg"
        _save(photo, folder / "images" / name)
        boxes = np.concatenate([_of_ratio(photo, ratio) for ratio in _RATIOS])
        grades = votes(quality_px(photo, boxes) - 1, photo.raters, _GRADERS, 0, _HIGHEST_GRADE)
        content = {"scores": grades.astype(int).tolist(), "bboxes": boxes.astype(int).tolist()}
        _text(folder / "CollectedAnnotationsRaw" / f"{name}.txt", json.dumps(json.dumps(content)) + "\n")
        width, height = photo.scene.size_wh
        # "weight" is how the published file spells the width.
        people |= {key: {"bbox": box, "weight": width, "height": height} for key, box in _person(photo, name).items()}
    _write_persons(folder, people, persons)


def _of_ratio(photo: ScenePhoto, ratio: float) -> Boxes:
    boxes = views(photo, _SHOWN, ratio)
    best_first = np.argsort(-quality_px(photo, boxes), kind="stable")
    others = np.linspace(_GOOD, _SHOWN - 1, _OF_A_RATIO - _GOOD).astype(int)
    # In the order in which they were made: it must not tell which are good.
    kept: Boxes = boxes[np.sort(best_first[[*range(_GOOD), *others]])]
    return kept


def write_fcdb(folder: Path, photos: Iterable[ScenePhoto], persons: bool) -> None:
    """FCDB: ``data/ID_drawn_b.jpg``, one crop a photo in two lists, ten pairs of views a photo in a third."""
    crops: dict[str, list[Any]] = {"train": [], "test": []}
    ranking, people = [], dict[str, Any]()
    for photo in photos:
        name = f"{photo.name}_drawn_b.jpg"
        _save(photo, folder / "data" / name)
        about = {"url": f"https://photos.invalid/{name}", "flickr_photo_id": int(photo.name)}
        shown = views(photo, _CROPS_SHOWN)
        # The one that most would choose, as it won a vote.
        crop = shown[quality_px(photo, shown).argmax()]
        crops[photo.split].append(about | {"crop": _xywh(crop)})
        ranking.append(about | {"crops": [_pair(photo, pair) for pair in views(photo, 2 * _PAIRS).reshape(-1, 2, 4)]})
        people |= _person(photo, name)
    for split, file in (("train", "cropping_training_set.json"), ("test", "cropping_testing_set.json")):
        _text(folder / file, json.dumps(crops[split], indent=0) + "\n")
    _text(folder / "ranking_annotation.json", json.dumps(ranking, indent=0) + "\n")
    _write_persons(folder, people, persons)


def _pair(photo: ScenePhoto, pair: Boxes) -> dict[str, Any]:
    liked = quality_px(photo, pair) + photo.raters.normal(0, 0.5, (_VOTERS, 2))
    for_first = int((liked[:, 0] >= liked[:, 1]).sum())
    sides = {f"crop_{side}": _xywh(box) for side, box in enumerate(pair)}
    return sides | {"vote_for_0": for_first, "vote_for_1": _VOTERS - for_first}


def _xywh(box_xyxy_px: Boxes) -> list[int]:
    x1, y1, x2, y2 = box_xyxy_px.astype(int).tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def write_flms(folder: Path, photos: Iterable[ScenePhoto], persons: bool) -> None:
    """FLMS: ``image/NAME.jpg`` and the MATLAB table ``500_image_dataset.mat`` with ten rows a photo, rows first.

    Raises:
        CadrageError: scipy, which writes the table, is not installed.
    """
    try:
        from scipy.io import savemat
    except ModuleNotFoundError as error:
        raise CadrageError(
            "the layout of flms needs scipy, which is not installed; install the extra: pip install 'cadrage[eval]'"
        ) from error
    rows, people = [], dict[str, Any]()
    for number, photo in enumerate(photos):
        name = f"{photo.name}.jpg"
        _save(photo, folder / "image" / name)
        boxes = chosen(photo, views(photo, _CROPS_SHOWN), _PEOPLE)[:, [1, 0, 3, 2]].astype(np.int16)
        if number % _NINE_EVERY == _NINE_EVERY - 1:
            boxes[-1] = -1
        rows.append((name, boxes))
        people |= _person(photo, name)
    table = np.empty((len(rows), 1), dtype=[("filename", "O"), ("bbox", "O")])
    for index, row in enumerate(rows):
        table[index, 0] = row
    written = io.BytesIO()
    savemat(written, {"img_gt": table})
    # The head says when the table was written; without, the same options write the same bytes.
    (folder / "500_image_dataset.mat").write_bytes(_MAT_TEXT + written.getvalue()[len(_MAT_TEXT) :])
    _write_persons(folder, people, persons)


def _save(photo: ScenePhoto, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(paint(photo.scene)).save(file, quality=92)


def _person(photo: ScenePhoto, name: str) -> dict[str, list[int]]:
    """The box of the person in pixels by the name of the photo; empty where there is none."""
    subject = photo.scene.subject
    return {name: pixels([subject.box_xyxy], photo.scene)[0]} if subject.is_person else {}


def _write_persons(folder: Path, people: Mapping[str, Any], persons: bool) -> None:
    if persons:
        _text(folder / PERSONS, json.dumps(people, indent=0) + "\n")


def _text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Bytes, or Windows would end lines differently.
    file.write_bytes(text.encode())


@dataclass(frozen=True, slots=True)
class Layout:
    """A published form: how many photos of which splits it has by default, and what writes it to a folder.

    ``salt`` makes the photos of one form others than those of the next.
    """

    photos: Mapping[str, int]
    write: Callable[[Path, Iterable[ScenePhoto], bool], None]
    salt: tuple[int, ...] = ()


_TRAIN, _TEST = ({split: PHOTOS[split]} for split in ("train", "test"))
LAYOUTS: Mapping[str, Layout] = {
    "gaicd": Layout(PHOTOS, write_gaicd),
    "gaicd-v1": Layout(_TRAIN | _TEST, write_gaicd_v1, (1,)),
    # No split of it is published: they are all photos to train on.
    "cpc": Layout(_TRAIN, write_cpc, (2,)),
    "fcdb": Layout(_TRAIN | _TEST, write_fcdb, (3,)),
    "flms": Layout(_TEST, write_flms, (4,)),
}
"""By the name of the data set; ``gaicd`` is its second version."""
