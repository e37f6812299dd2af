"""The product as a predictor: the very crops and scores its users get."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import local
from typing import Any

import numpy as np

from cadrage.evaluation.answers import Answer, Question, expect_shape
from cadrage.evaluation.feature_cache import FeatureCache
from cadrage.inference.candidate_lists import CandidateList
from cadrage.inference.choice import AUTO
from cadrage.inference.cropper import Cropper
from cadrage.inference.encoded_photo import EncodedPhoto
from cadrage.inference.request import MAX_CROPS
from cadrage.inference.session import Features, Model, Remember
from cadrage.inference.sources import as_photo
from cadrage.inference.store import packaged
from cadrage.inference.store.card import Card
from cadrage.inference.store.index import CARD_FILE
from cadrage.inference.subjects.person import MANIFEST, marked_person


class ModelPredictor:
    """Crops from `Cropper.suggest` with its default settings, scores from `Cropper.score`.

    At most 100 crops are answered. The confidence of a crop is its expected overlap, lowered to that of the crop before
    it where the evaluator had put the two in another order. Where a model is chosen for each photo, the reciprocal of a
    crop's rank stands for it.

    Args:
        cropper: the product.
        cache: keeps the features of the cropper's model, or of both models it chooses between. They depend on the photo
            alone; what a person does to a score is never kept.
        marked_persons: give models that take a main person the one that the data set marks, and none where it marks
            none, instead of the one that the cropper's detector finds.
        candidates: what crops of any shape are chosen among; None for what the product makes.
    """

    needs_photos = True

    def __init__(
        self,
        cropper: Cropper,
        cache: FeatureCache | None = None,
        *,
        marked_persons: bool = False,
        candidates: CandidateList | None = None,
    ) -> None:
        self.name = AUTO if len(cropper.models) > 1 else _full_name(cropper.model.card)
        self._cropper = cropper
        self._caches = (
            {} if cache is None else {model.card.folder: cache.beside(model.card) for model in cropper.models}
        )
        self._marked_persons, self._candidates = marked_persons, candidates
        # Questions about one photo come one after the other, each thread having a photo of its own.
        self._latest = local()
        # Of each photo, the folder of the model that answered and whether it had a main person.
        self._looked_at: dict[Path, tuple[Path, bool]] = {}

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
        listed = self._candidates if question.ratio is None else None
        crops = encoded.suggest(ratio=ratio, n=min(question.n, MAX_CROPS), candidates=listed)
        if len(self._cropper.models) > 1:
            # Crops of all photos are put in one order by some metrics, where scores of two models must not meet.
            return Answer(crops.xyxyn, 1 / np.arange(1.0, len(crops) + 1), scores)
        return Answer(crops.xyxyn, crops.scores, scores)

    def describe(self) -> dict[str, Any]:
        """Kind, name, tag, version and hash of the model, and what its card says it was trained on.

        Where a model is chosen for each photo, ``models`` says that of each of them, and how many ``photos`` it
        answered so far. ``persons`` says where models that take a main person had it from, and of how many ``photos``
        so far; it is None for models that take none.
        """
        cropper, looked_at = self._cropper, list(self._looked_at.values())
        persons = None
        if cropper.looks_for_person:
            source = MANIFEST if self._marked_persons else cropper.detector.name
            persons = {"source": source, "photos": sum(had_person for _, had_person in looked_at)}
        head: dict[str, Any] = {"kind": "model", "name": self.name}
        if self._candidates is not None:
            head["candidates"] = self._candidates.to_dict()
        if len(cropper.models) == 1:
            return head | _facts(cropper.model.card) | {"persons": persons}
        models = [
            {"name": _full_name(model.card), "photos": sum(folder == model.card.folder for folder, _ in looked_at)}
            | _facts(model.card)
            for model in cropper.models
        ]
        return head | {"models": models, "persons": persons}

    def _encoded(self, question: Question) -> EncodedPhoto:
        asked = (question.file, question.persons_xyxy.tobytes())
        if getattr(self._latest, "asked", None) != asked:
            self._latest.encoded = self._look(question)
            self._latest.asked = asked
        encoded: EncodedPhoto = self._latest.encoded
        return encoded

    def _look(self, question: Question) -> EncodedPhoto:
        photo = as_photo(question.file)
        expect_shape(photo.size_wh, question)
        person = marked_person(question.persons_xyxy) if self._marked_persons else "auto"
        features = self._remembered(photo.sha256) if self._caches else None
        encoded = self._cropper.encode(photo, features=features, person=person)
        self._looked_at[question.file] = (encoded.model.card.folder, encoded.person is not None)
        return encoded

    def _remembered(self, photo_sha256: str) -> Remember:
        def remember(model: Model, look: Callable[[], Features]) -> Features:
            cache = self._caches[model.card.folder]
            features = cache.get(photo_sha256)
            if features is None:
                features = look()
                cache.put(photo_sha256, features)
            return features

        return remember


def _full_name(card: Card) -> str:
    is_packaged = card.folder.resolve() == packaged.FOLDER.resolve()
    return packaged.DEFAULT if is_packaged else f"{card.name}.{card.tag}"


def _facts(card: Card) -> dict[str, Any]:
    # The product has no use for these parts of the card and does not keep them.
    content = json.loads((card.folder / CARD_FILE).read_text(encoding="utf-8"))
    training, data = _mapping(content.get("training")), content.get("data")
    return {
        "tag": card.tag,
        "version": card.version,
        "weights_sha256": card.weights_sha256,
        "trained_on": {
            "manifests_sha256": _mapping(training.get("manifests_sha256")),
            "fit_on": _fit_on(_mapping(training.get("recipe"))),
            "data": data if isinstance(data, list) else [],
        },
    }


def _mapping(value: object) -> Mapping[str, Any]:
    # A card may say anything about its training; only this form is understood.
    return value if isinstance(value, dict) else {}


def _fit_on(recipe: Mapping[str, Any]) -> object:
    """``"fit"`` or ``"fit+dev"`` as the recipe says it: in a word, or data set by data set as ``FOLDER:SPLIT``."""
    train = recipe.get("train")
    if isinstance(train, list) and train and all(str(entry).endswith(":fit") for entry in train):
        return "fit"
    return recipe.get("fit_on")
