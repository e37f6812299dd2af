"""Training samples: a photo at the network's size and boxes on it, with what people said about them."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from cadrage.datasets.manifest import PhotoRecord
from cadrage.datasets.pixels import load_photo
from cadrage.errors import PhotoError
from cadrage.geometry import mirror
from cadrage.models.crop_content import HEAT_SIZE
from cadrage.training.evaluators.guided import GuidedRecipe
from cadrage.training.evaluators.heat_targets import window_heat
from cadrage.training.evaluators.persons import detected, main_person, person_in_window
from cadrage.training.evaluators.recipe import EvaluatorRecipe
from cadrage.training.grid_anchor.data import Scale
from cadrage.training.grid_anchor.sizes import network_size
from cadrage.training.samples import boxes_around, into_window, jitter_colours, random_window
from cadrage.training.set_prediction.colour import photometric

_log = logging.getLogger(__name__)
# Decoding somewhat larger than needed and resizing once keeps the quality of the resize.
_DECODE_MARGIN = 1.5
# A box may stick out of a window by this much before it is dropped.
_WINDOW_TOLERANCE = 0.02
_WHOLE = (0.0, 0.0, 1.0, 1.0)
# Persons vary by numbers of their own, so that models with and without them are trained on the same photos.
_PERSON_STREAM = 1

Floats = NDArray[np.float64]
Window = tuple[float, float, float, float]


class GridSample(NamedTuple):
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


class GridSamples(Dataset[GridSample | None]):
    """Samples addressed by (epoch, index): a sample depends on nothing but seed, epoch and photo.

    Augmented samples hold what the recipe learns from; the others hold every rated crop and every pair, in the order of
    the record. A photo that cannot be read is told in the log and yields None.

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
        scale: Scale | None,
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
        recipe = self.recipe
        if recipe.resize == "squash":
            return recipe.side, recipe.side
        return network_size(self.records[index].size_wh, recipe.side, recipe.longer_side_limit)

    def __getitem__(self, key: tuple[int, int]) -> GridSample | None:
        epoch, index = key
        record, size_wh = self.records[index], self.size_wh(index)
        try:
            pixels = load_photo(record.file, round(max(size_wh) * _DECODE_MARGIN))
        except PhotoError as error:
            _log.warning("%s; the photo is left out", error)
            return None
        if not self.augmented:
            image = _to_tensor(_resized(pixels, size_wh, _WHOLE))
            person = main_person(record)
            return self._sample(image, record, np.arange(len(record.crops_xyxy)), _WHOLE, person, None)
        rng, window = np.random.default_rng([self.recipe.seed, epoch, index]), _WHOLE
        if self.recipe.window_share and rng.random() < self.recipe.window_share:
            window = random_window(_best(record), self.recipe.window_margin, rng)
        chosen = rng.permutation(len(record.crops_xyxy))[: self.recipe.crops]
        image = self._recoloured(_resized(pixels, size_wh, window), rng)
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
    ) -> GridSample:
        recipe, scale = self.recipe, self.scale or Scale(0.0, 1.0)
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
        return GridSample(
            image=image,
            rated_xyxy=_floats(rated_xyxy),
            targets=_floats((record.scores[rated][rated_seen] - scale.mean) / scale.deviation),
            pairs_xyxy=_floats(pairs_xyxy),
            votes=_floats(votes[pairs_seen]),
            around_xyxy=_floats(around),
            good_xyxy=_floats(good),
            person_xyxy=_floats(np.zeros(4) if person is None else person),
            has_person=torch.tensor(person is not None),
            heat=torch.zeros(1, HEAT_SIZE, HEAT_SIZE) if heat is None else torch.from_numpy(heat).unsqueeze(0),
            has_heat=torch.tensor(heat is not None),
            file_name=record.file_name,
        )

    def _person(self, record: PhotoRecord, window: Window, rng: np.random.Generator) -> Floats | None:
        """The main person that a training sample tells of."""
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
            return _to_tensor(photometric(pixels.astype(np.float32), rng)).clamp(0, 1)
        image = _to_tensor(pixels)
        return jitter_colours(image, self.recipe.jitter, rng) if self.recipe.colour == "jitter" else image


def mirrored(sample: GridSample) -> GridSample:
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
    return _floats(flat).reshape(boxes_xyxy.shape)


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


def _resized(pixels: NDArray[np.uint8], size_wh: tuple[int, int], window: Window) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = window
    region = (x1 * width, y1 * height, x2 * width, y2 * height)
    return np.asarray(Image.fromarray(pixels).resize(size_wh, Image.Resampling.BILINEAR, box=region))


def _floats(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _to_tensor(pixels: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(pixels, dtype=np.float32)).permute(2, 0, 1) / 255
