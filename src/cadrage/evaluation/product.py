"""The product as a predictor: the very crops and scores its users get."""

import json
from collections.abc import Collection, Mapping
from threading import local
from typing import Any

import numpy as np

from cadrage.evaluation.answers import Answer, Question
from cadrage.evaluation.feature_cache import FeatureCache
from cadrage.evaluation.shapes import expect_shape
from cadrage.inference import packaged
from cadrage.inference.cropper import Cropper, EncodedPhoto
from cadrage.inference.index import CARD_FILE
from cadrage.inference.request import MAX_CROPS
from cadrage.inference.sources import as_photo


class ModelPredictor:
    """Crops from `Cropper.suggest` with its default settings, scores from `Cropper.score`.

    At most 100 crops are answered. The confidence of a crop is its expected overlap, lowered to that of the crop before
    it where the evaluator had put the two in another order.
    """

    needs_photos = True

    def __init__(self, cropper: Cropper, cache: FeatureCache | None = None) -> None:
        card = cropper.model.card
        is_packaged = card.folder.resolve() == packaged.FOLDER.resolve()
        self.name = packaged.DEFAULT if is_packaged else f"{card.name}.{card.tag}"
        self._cropper = cropper
        self._cache = cache
        # Questions about one photo come one after the other, each thread having a photo of its own.
        self._latest = local()

    def answer(self, question: Question) -> Answer:
        """The product's crops and scores.

        Raises:
            PhotoError: the photo cannot be read.
            ModelError: the model does not work.
            UsageError: an asked box lies outside the photo, the ratio is beyond what the product takes, or the photo is
                not of the shape that its manifest says.
        """
        encoded = self._encoded(question)
        scores = encoded.score(question.boxes_xyxy) if len(question.boxes_xyxy) else np.empty(0)
        if not question.n:
            return Answer(box_scores=scores)
        ratio = "free" if question.ratio is None else question.ratio
        crops = encoded.suggest(ratio=ratio, n=min(question.n, MAX_CROPS))
        return Answer(crops.xyxyn, np.minimum.accumulate(crops.scores), scores)

    def describe(self) -> dict[str, Any]:
        """Kind, name, tag, version and hash of the model, and what its card says it was trained on."""
        card = self._cropper.model.card
        # The product has no use for these parts of the card and does not keep them.
        content = json.loads((card.folder / CARD_FILE).read_text(encoding="utf-8"))
        training, data = _mapping(content.get("training")), content.get("data")
        return {
            "kind": "model",
            "name": self.name,
            "tag": card.tag,
            "version": card.version,
            "weights_sha256": card.weights_sha256,
            "trained_on": {
                "manifests_sha256": _mapping(training.get("manifests_sha256")),
                "fit_on": _fit_on(_mapping(training.get("recipe"))),
                "data": data if isinstance(data, list) else [],
            },
        }

    def _encoded(self, question: Question) -> EncodedPhoto:
        if getattr(self._latest, "file", None) != question.file:
            self._latest.encoded = self._look(question)
            self._latest.file = question.file
        encoded: EncodedPhoto = self._latest.encoded
        return encoded

    def _look(self, question: Question) -> EncodedPhoto:
        photo = as_photo(question.file)
        expect_shape(photo.size_wh, question)
        if self._cache is None:
            return self._cropper.encode(photo)
        kept = self._cache.get(photo.sha256)
        encoded = self._cropper.encode(photo, features=kept)
        if kept is None:
            self._cache.put(photo.sha256, encoded.features)
        return encoded


def _mapping(value: object) -> Mapping[str, Any]:
    # A card may say anything about its training; only this form is understood.
    return value if isinstance(value, dict) else {}


def _fit_on(recipe: Mapping[str, Any]) -> object:
    """``"fit"`` or ``"fit+dev"`` as the recipe says it: in a word, or data set by data set as ``FOLDER:SPLIT``."""
    train = recipe.get("train")
    if isinstance(train, list) and train and all(str(entry).endswith(":fit") for entry in train):
        return "fit"
    return recipe.get("fit_on")


def trained_on_photos(
    description: Mapping[str, Any],
    manifest_sha256: str,
    file_names: Collection[str],
    fit_names: Collection[str] | None = None,
) -> int | None:
    """How many photos of a manifest a model was trained on, by its own card.

    Args:
        description: from `ModelPredictor.describe`.
        manifest_sha256: identity of the manifest that the photos come from.
        file_names: the photos in question.
        fit_names: the photos of the manifest's split ``fit``, for models that were trained on that split only.

    Returns:
        The number of photos; 0 if the card does not name the manifest, which says nothing about the same photos in
        another manifest; None if it names the manifest but not which part of it.
    """
    trained_on = description.get("trained_on", {})
    if manifest_sha256 not in trained_on.get("manifests_sha256", {}).values():
        return 0
    if trained_on.get("fit_on") == "fit+dev":
        return len(file_names)
    if trained_on.get("fit_on") == "fit" and fit_names is not None:
        return len(set(file_names) & set(fit_names))
    return None
