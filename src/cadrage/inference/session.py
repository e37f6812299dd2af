"""A model at work: one look at a photo, a pass of its trunk, then as many questions as wanted."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import ModelError, UsageError, in_short
from cadrage.geometry import mirror, on_photo
from cadrage.inference.runtime import Network
from cadrage.inference.selection.task import CropDistribution, SelectionSettings
from cadrage.inference.store.card import Card, read_card
from cadrage.lazy import cached_property
from cadrage.photo import Photo

Features = NDArray[np.float32]

Remember = Callable[["Model", Callable[[], Features]], Features]
"""Given a model and what makes it look now, the features ``(2, C, h, w)``: kept ones of this photo, or those of now."""

_SMALLEST_SIDE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class PredictedSet:
    """What a set predictor says of the photo itself: every proposal, most valid first, none removed as a duplicate.

    ``boxes_xyxy (Q, 4)`` are normalised and inside the photo; ``validities (Q,)`` are the probabilities that each is a
    good crop, in [0, 1], independent of each other: they do not sum to 1. They are trained to rank (Jia et al., CVPR
    2022, section 3); whether .8 means four good crops in five is another question.
    """

    boxes_xyxy: NDArray[np.float64]
    validities: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model. Sessions start when first needed, so that a run that scores no box never loads the evaluator."""

    card: Card
    settings: SelectionSettings
    threads: int | None
    _networks: Mapping[str, Network] = field(repr=False)

    def look(self, photo: Photo, remember: Remember | None = None) -> "Look":
        """What the model sees in a photo; the photo is decoded only if no earlier look is remembered.

        Raises:
            PhotoError: the photo cannot be read.
            ModelError: the trunk cannot run.
        """

        def now() -> Features:
            shown = photo.model_input(self.card.input.size_wh(photo.size_wh), self.card.input.resize_filter)
            return self.encode(shown, photo.size_wh).features

        return Look(self, now() if remember is None else remember(self, now), photo.size_wh)

    def encode(self, image_uint8: NDArray[np.uint8], size_wh: tuple[int, int]) -> "Look":
        """Run the trunk on a photo and on its mirror image.

        Args:
            image_uint8: ``(h, w, 3)`` RGB, the whole upright photo at the size that the card says.
            size_wh: pixel size of the upright photo, for its true aspect.

        Raises:
            UsageError: the image does not have the model's input size.
            ModelError: the trunk cannot run.
        """
        width, height = self.card.input.size_wh(size_wh)
        if image_uint8.shape != (height, width, 3) or image_uint8.dtype != np.uint8:
            raise UsageError(
                f"expected a uint8 image of shape ({height}, {width}, 3), got {image_uint8.dtype} {image_uint8.shape}"
            )
        views = np.empty((2, 3, height, width), np.float32)
        views[0] = image_uint8.transpose(2, 0, 1)
        views[0] /= np.float32(255)
        views[1] = views[0, :, :, ::-1]
        (features,) = self.run("trunk", ["features"], {"image": views})
        self.expect(features.ndim == 4 and len(features) == 2, "trunk", "features of another shape than (2, C, h, w)")
        return Look(self, features, size_wh)

    def run(self, part: str, outputs: list[str], inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run one part; every failure of the runtime becomes a one-line ``ModelError``."""
        try:
            results = self._networks[part].run(outputs, inputs)
        except Exception as error:  # noqa: BLE001 - the runtime's own errors share no public base class
            raise self._broken(part, error) from None
        numbers = all(isinstance(result, np.ndarray) and result.dtype.kind in "fiu" for result in results)
        self.expect(numbers, part, "something else than numbers")
        if not all(np.isfinite(result).all() for result in results):
            raise ModelError(f"model {self.card.name!r}: its {part} returned numbers that are not finite")
        return results

    def expect(self, condition: bool, part: str, returned: str) -> None:
        """Raise ModelError, saying what a part ``returned``, unless what it returned is as it should be."""
        if not condition:
            raise ModelError(f"model {self.card.name!r}: its {part} returned {returned}; export the model again")

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process the model is loaded from its folder again, and must be the same."""
        return _load_again, (self.card.folder.absolute(), self.card, self.threads)

    def _broken(self, part: str, error: Exception) -> ModelError:
        reason = in_short(error)
        return ModelError(
            f"model {self.card.name!r}: its {part} cannot run ({reason}); fetch or export the model again"
        )


@dataclass(frozen=True, eq=False)
class Look:
    """What a model sees in one photo: features ``(2, C, h, w)`` of the photo and of its mirror image."""

    model: Model
    features: Features
    size_wh: tuple[int, int]

    @cached_property
    def _inputs(self) -> dict[str, NDArray[np.float32]]:
        log_aspect = math.log(self.size_wh[0] / self.size_wh[1])
        return {"features": self.features, "log_aspect": np.full(2, log_aspect, np.float32)}

    @cached_property
    def _proposed(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Boxes ``(2, K, 4)`` and their numbers ``(2, K)`` for both views, each in its own coordinates."""
        if self.model.card.proposals is None:
            raise ModelError(
                f"model {self.model.card.name!r} scores boxes but proposes none; ask it for crops or scores, or use a "
                "model with a proposer, such as default"
            )
        boxes, logits = self.model.run("proposer", ["boxes", "validity_logits"], self._inputs)
        number = logits.shape[1] if logits.ndim == 2 else 0
        shapes_fit = number > 0 and logits.shape == (2, number) and boxes.shape == (2, number, 4)
        self.model.expect(shapes_fit, "proposer", "boxes and logits of other shapes than (2, K, 4) and (2, K)")
        return boxes.astype(np.float64), logits.astype(np.float64)

    def proposals(self) -> CropDistribution:
        """The boxes proposed for both views, in the photo's own coordinates; each view holds half of the weight.

        Raises:
            ModelError: there is no proposer, or it cannot run or returns nothing usable.
        """
        boxes, logits = self._proposed
        both = np.clip(np.concatenate([boxes[0], mirror(boxes[1])]), 0.0, 1.0)
        # A softmax per view: logits are only comparable within one view, and a mirrored photo must not outvote itself.
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        weights = (0.5 * exponentials / exponentials.sum(axis=1, keepdims=True)).reshape(-1)
        usable = (both[:, 2:] - both[:, :2] >= _SMALLEST_SIDE).all(axis=1)
        if not usable.any():
            raise ModelError(f"model {self.model.card.name!r}: its proposer returned no usable box")
        return CropDistribution(both[usable], weights[usable] / weights[usable].sum())

    def predicted_set(self) -> PredictedSet:
        """The proposals for the photo itself, without its mirror image, with their validities.

        Raises:
            ModelError: the model predicts one distribution and no validities, it proposes nothing, or the proposer does
                not work.
        """
        card = self.model.card
        if card.proposals == "distribution":
            raise ModelError(
                f"model {card.name!r} predicts one distribution over crops, not how valid each is; ask for its "
                "proposals and their weights, or use a model of set prediction"
            )
        boxes, log_validities = (both[0] for both in self._proposed)
        if log_validities.max() > 0:
            raise ModelError(f"model {card.name!r}: its proposer returned validities above 1; export the model again")
        order = np.argsort(-log_validities, kind="stable")
        return PredictedSet(np.clip(boxes[order], 0.0, 1.0), np.exp(log_validities[order]))

    def score(self, boxes_xyxy: ArrayLike, person_xyxy: ArrayLike | None = None) -> NDArray[np.float64]:
        """The evaluator's score of each box, averaged over the photo and its mirror image; higher is better.

        Args:
            boxes_xyxy: ``(N, 4)`` normalised on the upright photo; N may be 0.
            person_xyxy: ``(4,)`` the main person, likewise, for models whose card says ``persons``; None without one.

        Returns:
            ``(N,)`` unbounded scores; comparable within one photo and one person.

        Raises:
            UsageError: the array does not have the shape ``(N, 4)``, or the person is no box on the photo.
            ModelError: the model has no evaluator, takes no person but got one, or cannot run.
        """
        card = self.model.card
        if "evaluator" not in card.parts:
            raise ModelError(
                f"model {card.name!r} proposes crops but scores no given boxes; use one with an evaluator, such as "
                "default"
            )
        boxes = np.asarray(boxes_xyxy, np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise UsageError(f"expected boxes of shape (N, 4), got {boxes.shape}")
        inputs = {**self._inputs, **self._person(person_xyxy)}
        scores = np.empty(len(boxes))
        for start in range(0, len(boxes), card.chunk):
            chunk = boxes[start : start + card.chunk]
            views = np.stack([chunk, mirror(chunk)]).astype(np.float32)
            (both,) = self.model.run("evaluator", ["scores"], {**inputs, "boxes": views})
            self.model.expect(both.shape == views.shape[:2], "evaluator", "scores of another shape than (2, N)")
            scores[start : start + card.chunk] = both.astype(np.float64).mean(axis=0)
        return scores

    def importance(self, person_xyxy: ArrayLike | None = None) -> NDArray[np.float64]:
        """Which parts of the photo a crop should keep, by the model: the mean of the photo and its mirror image.

        Args:
            person_xyxy: as for `score`.

        Returns:
            ``(h, w)`` in [0, 1], rows from the top; the photo squeezed into that many cells, whatever its shape.

        Raises:
            UsageError: the person is no box on the photo.
            ModelError: the model has no such part, takes no person but got one, or cannot run.
        """
        card = self.model.card
        if "importance" not in card.parts:
            raise ModelError(f"model {card.name!r} has no importance map; use one that has, such as human-centric")
        inputs = {"features": self.features, **self._person(person_xyxy)}
        (maps,) = self.model.run("importance", ["importance"], inputs)
        if maps.ndim != 3 or maps.shape[0] != 2 or maps.min() < 0 or maps.max() > 1:
            raise ModelError(f"model {card.name!r}: its importance is no map from 0 to 1; export the model again")
        both: NDArray[np.float64] = maps.astype(np.float64)
        mean: NDArray[np.float64] = (both[0] + both[1, :, ::-1]) / 2
        return mean

    def _person(self, person_xyxy: ArrayLike | None) -> dict[str, NDArray[Any]]:
        """What the evaluator and the importance of a model with persons take beside the features."""
        card = self.model.card
        if not card.persons:
            if person_xyxy is not None:
                raise ModelError(
                    f"model {card.name!r} knows no persons; leave the person out, or use one that does, such as "
                    "human-centric"
                )
            return {}
        person = np.zeros((1, 4)) if person_xyxy is None else on_photo(person_xyxy, "person")[None]
        return {
            "person_xyxy": np.concatenate([person, mirror(person)]).astype(np.float32),
            "has_person": np.full(2, person_xyxy is not None),
        }


class Looks:
    """What models see in one photo; each of them looks once.

    Args:
        photo: to look at.
        remember: is asked before a model looks.
    """

    def __init__(self, photo: Photo, remember: Remember | None = None) -> None:
        self.photo = photo
        self._remember = remember
        self._known: dict[Model, Look] = {}

    def by(self, model: Model) -> Look:
        """What this model sees; raises as `Model.look`."""
        if model not in self._known:
            self._known[model] = model.look(self.photo, self._remember)
        return self._known[model]


def load_model(folder: Path, *, threads: int | None = None, checked: bool = True) -> Model:
    """Load the model of a folder that holds ``card.json`` and one ONNX file per part, for the CPU.

    Args:
        threads: threads for one operation; None leaves the choice to ONNX Runtime (one per physical core).
        checked: compare every part with the card's checksum; for folders that were checked a moment ago, say False.

    Raises:
        ModelError: a file is missing or damaged, or the card is not usable.
        UsageError: ``threads`` is not positive.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"expected threads to be at least 1, got {threads}")
    card = read_card(Path(folder))
    networks = {part: Network(card.read_part(part, checked=checked), threads=threads) for part in card.parts}
    return Model(card, SelectionSettings.from_card(card.selection), threads, networks)


def expect_same(model: Model, card: Card) -> None:
    """Raise ModelError unless a model that another process loaded by the same name has this card, and so its files."""
    if replace(model.card, folder=card.folder) != card:
        here, there = (f"version {each.version}, weights {each.weights_sha256[:12]}" for each in (model.card, card))
        raise ModelError(
            f"model {card.name!r}: {model.card.folder} holds another one ({here}) than the process that sent it here "
            f"({there}); give both the same files"
        )


def _load_again(folder: Path, card: Card, threads: int | None) -> Model:
    model = load_model(folder, threads=threads)
    expect_same(model, card)
    return model
