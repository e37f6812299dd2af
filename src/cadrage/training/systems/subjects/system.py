"""The subject head: where people, their faces, animals and other objects are, read off the default model's features."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from cadrage.datasets.manifest import PhotoRecord, read_manifest
from cadrage.datasets.splits import read_split
from cadrage.errors import UsageError
from cadrage.evaluation.bootstrap import bootstrap_mean
from cadrage.geometry import area, iou_matrix
from cadrage.inference.session import Model, load_model
from cadrage.inference.store.registry import resolve
from cadrage.inference.subjects.detector import KINDS, Subjects
from cadrage.inference.subjects.own import HeadMaps, read_maps
from cadrage.models.backbones.mobilenet_v2 import MobileNetV2
from cadrage.models.subject_head import SubjectHead, SubjectMaps
from cadrage.training.engine.batches import Samples, stack
from cadrage.training.engine.export import PER_PHOTO, Part
from cadrage.training.engine.module import SystemTraining, one_cycle
from cadrage.training.engine.recipes import Choices, Range, Recipe
from cadrage.training.engine.record import WEIGHTS, replaced
from cadrage.training.engine.start import start_from
from cadrage.training.engine.system import Prepared, System, Trained, filled
from cadrage.training.systems.subjects.faces import SeenFaces, keep_faces, load_face_teacher, read_faces
from cadrage.training.systems.subjects.kept import (
    keep_features,
    keep_labels,
    load_teacher,
    read_features,
    read_labels,
    window_boxes,
)
from cadrage.training.systems.subjects.losses import subject_loss
from cadrage.training.systems.subjects.samples import SubjectSample, SubjectSamples, SubjectViews

MEASURED = "measured.json"
_STRIDE = 16  # of the default model's trunk
_FOUND = 0.5
# Below this part of the photo the teacher's person is taken for noise.
_SEEN = 0.001
# From which the face teacher is sure in both views, what overlaps one that it mentions, and what is no small face.
_SURE_FACE, _MENTIONED, _LARGE_FACE = 0.8, 0.3, 0.08


@dataclass(frozen=True, slots=True)
class SubjectRecipe(Recipe):
    """Settings of one run of the subject head."""

    kind: ClassVar[str] = "subjects"
    weights: ClassVar[tuple[str, ...]] = ("people_weights",)
    choices: ClassVar[Choices] = {"fit_on": ("fit", "fit+dev")}
    ranges: ClassVar[tuple[Range, ...]] = (("views epochs batch", lambda value: value >= 1, "at least 1"),)

    name: str = "subjects"
    tag: str = "fit"
    seed: int = 0
    # Data, relative to --data. An empty string leaves a data set out.
    fcdb: str = "fcdb/train"
    flms: str = "flms/a"
    teacher: str = "weights/deeplabv3_mobilenet_v2_pascal_quant.tflite"
    face_teacher: str = "weights/face_rfb640_teacher.onnx"
    fit_on: str = "fit"  # "fit", or "fit+dev" for released weights after every choice has been made
    # Weights of an earlier run, relative to --data. All but the faces is taken from it and stays as it is: faces gain
    # from twice the epochs, people lose.
    people_weights: str = ""
    trunk: str = "default"  # a model's name or folder; it must not have seen the photos that are to be measured on
    views: int = 6  # of each photo: itself and random windows of it, each also mirrored
    smallest_window: float = 0.45  # least side of a window, as a part of the photo's
    # Model.
    width: int = 64
    fine: int = 24
    dropout: float = 0.1  # share of feature channels left out
    # Optimisation.
    epochs: int = 40  # each photo once per epoch, in one of its views
    batch: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    gradient_clip: float = 5.0  # global L2 norm
    average_decay: float = 0.99  # per step, of the exponential weight average that is kept
    workers: int = 0
    keep_best: str = ""  # "recall" of persons on dev, whose best epoch is kept; empty keeps the last epoch
    # Loss weights.
    masks: float = 2.0
    centres: float = 0.5
    edges: float = 1.0
    face_centres: float = 1.0
    face_edges: float = 2.0
    # Least probability of each kind, as measured on dev.
    believed_person: float = 0.3
    believed_animal: float = 0.3
    believed_object: float = 0.3
    believed_face: float = 0.25

    @property
    def believed(self) -> dict[str, float]:
        """The least probabilities by kind."""
        return {
            "person": self.believed_person,
            "animal": self.believed_animal,
            "object": self.believed_object,
            "face": self.believed_face,
        }

    def check(self, file: Path) -> None:
        """As every recipe's."""
        Recipe.check(self, file)
        if not 0 < self.smallest_window <= 0.9:
            raise UsageError(f"{file}: smallest_window must be above 0 and at most 0.9, got {self.smallest_window:g}")
        for field, part in self.believed.items():
            if not 0 < part < 1:
                raise UsageError(f"{file}: believed_{field} must be between 0 and 1, got {part:g}")


class SubjectData(NamedTuple):
    """All photos in the order of their kept features, and which of them are to be learned from and measured on."""

    records: list[PhotoRecord]
    fit: NDArray[np.int64]
    dev: NDArray[np.int64]


def read_data(recipe: SubjectRecipe, data: Path) -> SubjectData:
    """The photos of a recipe; measured is on the held-out part of FCDB alone, whose persons are labelled.

    Raises:
        UsageError: a folder or its split does not exist, or there is no photo to learn from.
    """
    records = read_manifest(data / recipe.fcdb)
    held_out = set(read_split(data / recipe.fcdb, "dev", "fcdb").file_names)
    dev = [index for index, record in enumerate(records) if record.file_name in held_out]
    if recipe.flms:
        records += read_manifest(data / recipe.flms)
    every = np.arange(len(records))
    fit = every if recipe.fit_on == "fit+dev" else np.setdiff1d(every, dev)
    if not len(fit):
        raise UsageError("no photos to learn from; check the split")
    return SubjectData(records, fit, np.array(dev, np.int64))


class SubjectAnswer(NamedTuple):
    """Of one photo: the persons that the head finds, and the part of it that the teacher takes for persons."""

    persons: Subjects
    persons_seen: float


class SubjectTraining(SystemTraining[SubjectRecipe]):
    """Optimises the head on maps of masks, centres and edges."""

    shown = ("recall", "false_persons")

    def losses(self, batch: SubjectSample) -> dict[str, Tensor]:
        """The terms by name, unweighted."""
        return subject_loss(self.model(batch.features), batch)

    def answers(self, batch: SubjectSample) -> dict[str, SubjectAnswer]:
        """The persons that the head finds in each photo, from both of its views."""
        return {
            name: SubjectAnswer(predict(self.model, features, self.recipe.believed).of("person"), float(seen))
            for name, features, seen in zip(batch.file_names, batch.features, batch.persons_seen, strict=True)
        }

    def measure(self, records: Sequence[PhotoRecord], answers: Mapping[str, SubjectAnswer]) -> dict[str, float]:
        """The means of what `judged` counts; the fewer false persons the better."""
        hits, inventions = judged(records, answers)
        measured: dict[str, Sequence[int]] = {"recall": hits, "false_persons": list(inventions.values())}
        return {name: sum(values) / len(values) for name, values in measured.items() if values}

    def configure_optimizers(self) -> Any:
        """AdamW and one cycle over all steps."""
        recipe = self.recipe
        learning = [each for each in self.model.parameters() if each.requires_grad]
        optimiser = torch.optim.AdamW(learning, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        return one_cycle(optimiser, self.steps, warm_up=0.1)


def predict(head: nn.Module, features: Tensor, believed: dict[str, float]) -> Subjects:
    """What the head, in evaluation mode, says of one photo's features ``(2, C, h, w)``."""
    with torch.no_grad():
        maps: SubjectMaps = head(features)
    return read_maps(HeadMaps(*(each.cpu().numpy() for each in maps)), believed, KINDS)


def judged(records: Sequence[PhotoRecord], answers: Mapping[str, SubjectAnswer]) -> tuple[list[bool], dict[str, int]]:
    """Whether each labelled person is found, and how many persons are found on each photo without one.

    A labelled person is found when a predicted person's box has an IoU of .5 with it or more. A photo is without a
    person when none is labelled and the teacher's persons cover less than a thousandth of it.
    """
    hits: list[bool] = []
    inventions: dict[str, int] = {}
    for record in records:
        found, seen = answers[record.file_name]
        if len(record.persons_xyxy):
            overlaps = iou_matrix(record.persons_xyxy, found.boxes_xyxy)
            hits += [bool((row >= _FOUND).any()) for row in overlaps]
        elif seen < _SEEN:
            inventions[record.file_name] = len(found)
    return hits, inventions


def judged_faces(found: Sequence[Subjects], seen: Sequence[SeenFaces]) -> dict[str, list[int]]:
    """Which of the teacher's faces are found on each photo, and how many faces that it does not even mention.

    Counted are the faces that the teacher is sure of in both views, as found where a face has an IoU of .5 with it or
    more: all of them, those of 8 % of the photo's height or more, and the largest one of each photo. A face that is
    found is false where it has an IoU below .3 with everything that the teacher mentions.
    """
    counts: dict[str, list[int]] = {"all": [], "of_8_percent": [], "largest": [], "false_per_photo": []}
    for ours, (theirs, certainty) in zip(found, seen, strict=True):
        faces = ours.of("face").boxes_xyxy
        sure = theirs[certainty >= _SURE_FACE]
        hits = (iou_matrix(sure, faces) >= _FOUND).any(axis=1).astype(int).tolist()
        large = sure[:, 3] - sure[:, 1] >= _LARGE_FACE
        counts["all"] += hits
        counts["of_8_percent"] += [hit for hit, counted in zip(hits, large, strict=True) if counted]
        counts["largest"] += hits[int(area(sure).argmax()) :][:1] if hits else []
        counts["false_per_photo"].append(int((~(iou_matrix(faces, theirs) >= _MENTIONED).any(axis=1)).sum()))
    return counts


def _summary(values: Sequence[float]) -> dict[str, Any]:
    counted = np.array(values, np.float64)
    if not len(counted):
        return {"n": 0}
    mean, low, high = (round(value, 4) for value in bootstrap_mean(counted))
    return {"n": len(counted), "mean": mean, "ci95": [low, high]}


def _prepare(recipe: SubjectRecipe, data: Path) -> Prepared:
    found, trunk = read_data(recipe, data), _trunk(recipe)
    dev = [found.records[index] for index in found.dev]
    windows = window_boxes(len(found.records), recipe.views, recipe.smallest_window, recipe.seed)

    def samples(out: Path) -> Samples:
        labels_folder, features_folder = out / "kept" / "teacher", out / "kept" / "features"
        keep_labels(found.records, load_teacher(data / recipe.teacher), labels_folder)
        faces_folder = out / "kept" / "faces"
        keep_faces(found.records, load_face_teacher(data / recipe.face_teacher), faces_folder)
        keep_features(found.records, trunk, windows, features_folder)
        labels = [read_labels(one, labels_folder) for one in found.records]
        faces = [read_faces(one, faces_folder) for one in found.records]
        views = SubjectViews(found.records, labels, faces, read_features(features_folder), windows)
        train, whole = SubjectSamples(views, found.fit, recipe.seed), SubjectSamples(views, found.dev, None)
        return Samples(train, whole, stack)

    def finish(out: Path, samples: Samples) -> None:
        """Recall of persons and faces and how many are false, each with n and a 95 % interval."""
        head = _load(recipe, load_file(out / WEIGHTS)).eval()
        seen = [samples.validation[(0, index)] for index in range(len(dev))]
        said = [predict(head, sample.features, recipe.believed) for sample in seen]
        answers = {
            record.file_name: SubjectAnswer(found.of("person"), float(sample.persons_seen))
            for record, found, sample in zip(dev, said, seen, strict=True)
        }
        hits, inventions = judged(dev, answers)
        faces = judged_faces(said, [read_faces(record, out / "kept" / "faces") for record in dev])
        results = {
            "recall_at_iou_50": _summary(hits),
            "false_persons_per_photo_without": _summary(list(inventions.values())),
            "photos_with_false_persons": [name for name, count in inventions.items() if count],
            "faces_of_the_teacher": {name: _summary(counted) for name, counted in faces.items()},
        }
        with replaced(out / MEASURED) as part:
            part.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")

    return Prepared(
        [found.records[index] for index in found.fit],
        dev,
        folders=[folder for folder in (recipe.fcdb, recipe.flms) if folder],
        validated_on=f"{recipe.fcdb}:dev",
        measured=("recall",) if any(len(record.persons_xyxy) for record in dev) else (),
        samples=samples,
        record={"trunk_sha256": trunk.card.parts["trunk"][1], "features_side": trunk.card.input.side // _STRIDE},
        # What has been learned by heart measures nothing.
        finish=finish if recipe.fit_on == "fit" else None,
    )


def _trunk(recipe: SubjectRecipe) -> Model:
    return load_model(resolve(recipe.trunk, offline=True))


def _start(recipe: SubjectRecipe, data: Path) -> nn.Module:
    trunk = _trunk(recipe)
    side = trunk.card.input.side
    blank = trunk.encode(np.zeros((side, side, 3), np.uint8), (side, side))
    fine_channels = MobileNetV2.channels[0]
    head = _head(recipe, blank.features.shape[1] - 4 * fine_channels, fine_channels)
    start_from(head, recipe, data, {"people_weights": partial(_take_people, head)})
    return head


def _take_people(head: SubjectHead, file: Path) -> None:
    """Copy everything but the faces from the weights of another run, and leave it out of the training."""
    earlier = {name: values for name, values in load_file(file).items() if not name.startswith("faces.")}
    missing = head.load_state_dict(earlier, strict=False).missing_keys
    if any(not name.startswith("faces.") for name in missing):
        raise RuntimeError(f"{len(missing)} tensors are missing")
    for name, parameter in head.named_parameters():
        parameter.requires_grad_(name.startswith("faces."))


def _load(recipe: SubjectRecipe, tensors: Mapping[str, Tensor]) -> nn.Module:
    channels, fine_channels = (tensors[name].shape[1] for name in ("reduce.weight", "faces.look.weight"))
    return filled(_head(recipe, channels, fine_channels), tensors)


def _head(recipe: SubjectRecipe, channels: int, fine_channels: int) -> SubjectHead:
    return SubjectHead(channels, fine_channels, width=recipe.width, fine=recipe.fine, dropout=recipe.dropout)


def _parts(trained: Trained[SubjectRecipe]) -> list[Part]:
    head, side = cast(SubjectHead, trained.model), trained.record["features_side"]
    features = torch.zeros(2, head.reduce.in_channels + 4 * head.faces.look.in_channels, side, side)
    return [Part("subjects", head, (features,), list(SubjectMaps._fields), (PER_PHOTO,), half=True)]


def _card(trained: Trained[SubjectRecipe], parts: Mapping[str, Any]) -> dict[str, Any]:
    measured = trained.run / MEASURED
    return {
        "trunk_sha256": trained.record["trunk_sha256"],
        "believed": trained.recipe.believed,
        "parts": parts,
        "metrics": json.loads(measured.read_text(encoding="utf-8")) if measured.is_file() else {},
    }


SYSTEM = System(
    recipe=SubjectRecipe,
    prepare=_prepare,
    start=_start,
    training=SubjectTraining,
    load=_load,
    parts=_parts,
    card=_card,
)
