"""Training samples of evaluators: a photo at the network's size, boxes on it, and batches that pad no photo."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from cadrage.datasets.manifest import PhotoRecord
from cadrage.geometry import mirror
from cadrage.models.crop_content import HEAT_SIZE
from cadrage.training.engine.augment import (
    WHOLE,
    Floats,
    Window,
    boxes_around,
    into_window,
    jitter_colours,
    photometric,
    random_window,
    read_photo,
    resized,
    to_image,
    to_tensor,
)
from cadrage.training.engine.evaluators.recipe import EvaluatorRecipe, GuidedRecipe
from cadrage.training.engine.evaluators.targets import (
    RatingScale,
    detected,
    main_person,
    person_in_window,
    window_heat,
)

# A box may stick out of a window by this much before it is dropped.
_WINDOW_TOLERANCE = 0.02
# Persons vary by numbers of their own, so that models with and without them are trained on the same photos.
_PERSON_STREAM = 1
# Pixels of a blank picture; enough for every backbone.
_BLANK_SIDE = 64


class RatedSample(NamedTuple):
    """One photo; boxes are normalised x1 y1 x2 y2 of it. What the recipe does not ask for is empty.

    Attributes:
        image: ``(3, H, W)``, RGB in [0, 1].
        rated_xyxy: ``(R, 4)`` crops that people rated.
        targets: ``(R,)`` their ratings in standard deviations.
        pairs_xyxy: ``(P, 2, 4)`` pairs of views.
        votes: ``(P, 2)``.
        around_xyxy: ``(A, 4)`` boxes around one good crop.
        good_xyxy: ``(4,)`` that crop.
        person_xyxy: ``(4,)`` the main person, zeros if there is none.
        has_person: ``()`` bool.
        heat: ``(1, 64, 64)`` the importance map made of people's crops, zeros if there is none.
        has_heat: ``()`` bool.
        file_name: for messages.
    """

    image: Tensor
    rated_xyxy: Tensor
    targets: Tensor
    pairs_xyxy: Tensor
    votes: Tensor
    around_xyxy: Tensor
    good_xyxy: Tensor
    person_xyxy: Tensor
    has_person: Tensor
    heat: Tensor
    has_heat: Tensor
    file_name: str


class RatedSamples(Dataset[RatedSample | None]):
    """Samples addressed by (epoch, index): a sample depends on nothing but seed, epoch and photo.

    Augmented samples hold what the recipe learns from; the others hold every rated crop and every pair, in the order of
    the record. A photo that cannot be read yields None, and the log names it.

    Args:
        records: the photos.
        scale: of the ratings; None where none is learned.
        recipe: everything that decides.
        augmented: for training.
        heat_mean: what a crop must be worth to count in importance maps; None makes none.
    """

    def __init__(
        self,
        records: Sequence[PhotoRecord],
        scale: RatingScale | None,
        recipe: EvaluatorRecipe,
        *,
        augmented: bool,
        heat_mean: float | None = None,
    ) -> None:
        self.records, self.scale, self.recipe, self.augmented = records, scale, recipe, augmented
        self.heat_mean = heat_mean

    def __len__(self) -> int:
        return len(self.records)

    def size_wh(self, index: int) -> tuple[int, int]:
        """Width and height at which a photo is seen."""
        return self.recipe.shown.size_wh(self.records[index].size_wh)

    def __getitem__(self, key: tuple[int, int]) -> RatedSample | None:
        epoch, index = key
        record, size_wh = self.records[index], self.size_wh(index)
        resize_filter, divisor = self.recipe.shown.resize_filter, self.recipe.pixel_divisor
        pixels = read_photo(record, size_wh, resize_filter)
        if pixels is None:
            return None
        if not self.augmented:
            image = to_image(resized(pixels, size_wh, WHOLE, resize_filter), divisor)
            person = main_person(record)
            return self._sample(image, record, np.arange(len(record.crops_xyxy)), WHOLE, person, None)
        rng, window = np.random.default_rng([self.recipe.seed, epoch, index]), WHOLE
        if self.recipe.window_share and rng.random() < self.recipe.window_share:
            window = random_window(_best(record), self.recipe.window_margin, rng)
        chosen = rng.permutation(len(record.crops_xyxy))[: self.recipe.crops]
        image = self._recoloured(resized(pixels, size_wh, window, resize_filter), rng)
        person = self._person(record, window, np.random.default_rng([self.recipe.seed, epoch, index, _PERSON_STREAM]))
        sample = self._sample(image, record, chosen, window, person, rng)
        return mirrored(sample) if self.recipe.flip and rng.random() < 0.5 else sample

    def _sample(
        self,
        image: Tensor,
        record: PhotoRecord,
        chosen: NDArray[np.intp],
        window: Window,
        person: Floats | None,
        rng: np.random.Generator | None,
    ) -> RatedSample:
        recipe, scale = self.recipe, self.scale or RatingScale(0.0, 1.0)
        # Validation measures whatever people said; a step is only about what it learns from.
        rated = chosen if rng is None or recipe.huber or recipe.rank else chosen[:0]
        pairs = record.pairs if rng is None or recipe.pairs else ()
        good, around = np.zeros(4), np.empty((0, 4))
        if rng is not None and recipe.overlap:
            good = into_window(rng.choice(_best(record)), window).clip(0, 1)
            around = boxes_around(good, recipe.boxes_around, rng)
        rated_xyxy, rated_seen = _seen(record.crops_xyxy[rated], window)
        views = np.array([(pair.a_xyxy, pair.b_xyxy) for pair in pairs]).reshape(-1, 2, 4)
        pairs_xyxy, pairs_seen = _seen(views, window)
        votes = np.array([(pair.votes_a, pair.votes_b) for pair in pairs]).reshape(-1, 2)
        heat = self._heat(record, window)
        return RatedSample(
            image=image,
            rated_xyxy=to_tensor(rated_xyxy),
            targets=to_tensor((record.scores[rated][rated_seen] - scale.mean) / scale.deviation),
            pairs_xyxy=to_tensor(pairs_xyxy),
            votes=to_tensor(votes[pairs_seen]),
            around_xyxy=to_tensor(around),
            good_xyxy=to_tensor(good),
            person_xyxy=to_tensor(np.zeros(4) if person is None else person),
            has_person=torch.tensor(person is not None),
            heat=torch.zeros(1, HEAT_SIZE, HEAT_SIZE) if heat is None else torch.from_numpy(heat).unsqueeze(0),
            has_heat=torch.tensor(heat is not None),
            file_name=record.file_name,
        )

    def _person(self, record: PhotoRecord, window: Window, rng: np.random.Generator) -> Floats | None:
        """The main person of a training sample."""
        person = person_in_window(main_person(record), window)
        if not isinstance(self.recipe, GuidedRecipe):
            return person
        return detected(person, self.recipe.person_jitter, self.recipe.person_drop, rng)

    def _heat(self, record: PhotoRecord, window: Window) -> NDArray[np.float32] | None:
        if self.heat_mean is None or not isinstance(self.recipe, GuidedRecipe):
            return None
        return window_heat(record, self.recipe.heat_from, self.heat_mean, window)

    def _recoloured(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
        if self.recipe.colour == "photometric":
            return to_image(photometric(pixels.astype(np.float32), rng), self.recipe.pixel_divisor).clamp(0, 1)
        image = to_image(pixels, self.recipe.pixel_divisor)
        return jitter_colours(image, self.recipe.jitter, rng) if self.recipe.colour == "jitter" else image


def mirrored(sample: RatedSample) -> RatedSample:
    """The sample of the mirrored photo: left and right edges of every box change places, and so do halves of maps."""
    return sample._replace(
        image=sample.image.flip(2),
        rated_xyxy=_mirrored(sample.rated_xyxy),
        pairs_xyxy=_mirrored(sample.pairs_xyxy),
        around_xyxy=_mirrored(sample.around_xyxy),
        good_xyxy=_mirrored(sample.good_xyxy),
        person_xyxy=_mirrored(sample.person_xyxy) if sample.has_person else sample.person_xyxy,
        heat=sample.heat.flip(2),
    )


def _mirrored(boxes_xyxy: Tensor) -> Tensor:
    flat = mirror(boxes_xyxy.reshape(-1, 4).double().numpy())
    return to_tensor(flat).reshape(boxes_xyxy.shape)


def _best(record: PhotoRecord) -> Floats:
    """The crops ``(N, 4)`` of the highest rating."""
    best: Floats = record.crops_xyxy[record.scores == record.scores.max()]
    return best


def _seen(boxes_xyxy: Floats, window: Window) -> tuple[Floats, NDArray[np.bool_]]:
    """Of boxes ``(N, ..., 4)`` those that lie in a window, in its coordinates, and which ones they are ``(N,)``."""
    inside = into_window(boxes_xyxy, window)
    cut = (inside < -_WINDOW_TOLERANCE) | (inside > 1 + _WINDOW_TOLERANCE)
    seen = np.array([not each.any() for each in cut], np.bool_)
    return inside[seen].clip(0, 1), seen


@dataclass(frozen=True, slots=True)
class RatedBatch:
    """B photos; those of equal size follow one another.

    Boxes of photos that have fewer than others are padded with boxes of no size, which count nowhere. ``unreadable``
    photos of the batch are left out; B is 0 if none could be read. A blank picture has no name.
    """

    images: tuple[Tensor, ...]  # (b, 3, H, W) each, as many as there are sizes
    rated_xyxy: Tensor  # (B, R, 4)
    targets: Tensor  # (B, R)
    rated: Tensor  # (B, R) bool
    pairs_xyxy: Tensor  # (B, P, 2, 4)
    votes: Tensor  # (B, P, 2), 0 for padding
    around_xyxy: Tensor  # (B, A, 4)
    good_xyxy: Tensor  # (B, 4)
    person_xyxy: Tensor  # (B, 4), zeros without a person
    has_person: Tensor  # (B,) bool
    heat: Tensor  # (B, 1, 64, 64), zeros without a map
    has_heat: Tensor  # (B,) bool
    file_names: tuple[str, ...]
    unreadable: int

    def photos(self) -> int:
        """How many go through the network."""
        return len(self.good_xyxy)

    def to(self, device: torch.device) -> "RatedBatch":
        """The batch on a device."""
        moved = {
            field.name: value.to(device, non_blocking=True)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        rest = {"file_names": self.file_names, "unreadable": self.unreadable}
        return RatedBatch(images=tuple(image.to(device) for image in self.images), **moved, **rest)  # type: ignore[arg-type]


def collate(samples: Sequence[RatedSample | None]) -> RatedBatch:
    """A batch of the photos that could be read, ordered by size."""
    given = [sample for sample in samples if sample is not None]
    by_size: dict[tuple[int, ...], list[RatedSample]] = {}
    for sample in given:
        by_size.setdefault(tuple(sample.image.shape), []).append(sample)
    ordered = [sample for group in by_size.values() for sample in group]
    return RatedBatch(
        images=tuple(torch.stack([sample.image for sample in group]) for group in by_size.values()),
        rated_xyxy=_padded([sample.rated_xyxy for sample in ordered], (4,)),
        targets=_padded([sample.targets for sample in ordered], ()),
        rated=_padded([torch.full((len(sample.targets),), bool(sample.file_name)) for sample in ordered], ()),
        pairs_xyxy=_padded([sample.pairs_xyxy for sample in ordered], (2, 4)),
        votes=_padded([sample.votes for sample in ordered], (2,)),
        around_xyxy=_padded([sample.around_xyxy for sample in ordered], (4,)),
        good_xyxy=_stacked([sample.good_xyxy for sample in ordered], (4,)),
        person_xyxy=_stacked([sample.person_xyxy for sample in ordered], (4,)),
        has_person=_stacked([sample.has_person for sample in ordered], ()).bool(),
        heat=_stacked([sample.heat for sample in ordered], (1, HEAT_SIZE, HEAT_SIZE)),
        has_heat=_stacked([sample.has_heat for sample in ordered], ()).bool(),
        file_names=tuple(sample.file_name for sample in ordered if sample.file_name),
        unreadable=sum(sample is None for sample in samples),
    )


def _padded(rows: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    return pad_sequence(rows, batch_first=True) if rows else torch.empty(0, 0, *shape)


def _stacked(rows: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    return torch.stack(rows) if rows else torch.empty(0, *shape)


def blank() -> RatedSample:
    """A black picture without a name, of which nothing is learned, in a batch of which nothing could be read."""
    # Two boxes, as batch norm wants more than one.
    whole = torch.tensor([WHOLE, WHOLE])
    return RatedSample(
        image=torch.zeros(3, _BLANK_SIDE, _BLANK_SIDE),
        rated_xyxy=whole,
        targets=torch.zeros(2),
        pairs_xyxy=torch.empty(0, 2, 4),
        votes=torch.empty(0, 2),
        around_xyxy=whole,
        good_xyxy=whole[0],
        person_xyxy=torch.zeros(4),
        has_person=torch.tensor(False),
        heat=torch.zeros(1, HEAT_SIZE, HEAT_SIZE),
        has_heat=torch.tensor(False),
        file_name="",
    )
