"""A photo that a model has looked at."""

from functools import partial
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import UsageError
from cadrage.geometry import validate_boxes
from cadrage.inference.explain import (
    EXPLAINED_KINDS,
    Explanation,
    expect_importance,
    explanation,
    map_of_proposals,
    predicted_map,
)
from cadrage.inference.request import Box, Request, RequestOptions, Unit, boxes_in_fractions
from cadrage.inference.results import OPINION, OVERLAP, ImageInfo, ModelInfo, Suggestions
from cadrage.inference.selection.framing import frame
from cadrage.inference.selection.rules import rules_for
from cadrage.inference.selection.task import CropDistribution, Task
from cadrage.inference.session import Features, Look, PredictedSet
from cadrage.inference.subjects.detector import KINDS, Kind, Subjects, nothing
from cadrage.inference.subjects.heads import kept_boxes
from cadrage.inference.subjects.person import MainPerson
from cadrage.inference.subjects.photo_subjects import PhotoSubjects, kinds_to_keep, subject_rows
from cadrage.lazy import cached_property


class EncodedPhoto:
    """A photo that a model has looked at, open to any number of questions.

    Args:
        look: what the model sees in the photo.
        subjects: who is on it.
        reason: why this model answers, where it was chosen for the photo.
    """

    def __init__(self, look: Look, subjects: PhotoSubjects, *, reason: str | None = None) -> None:
        self.photo = subjects.photo
        self.model = look.model
        self._look = look
        self._subjects = subjects
        self._reason = reason

    @property
    def features(self) -> Features:
        """What the model saw, ``(2, C, h, w)``: the photo and its mirror image; may be kept for `Cropper.encode`."""
        return self._look.features

    @property
    def person(self) -> MainPerson | None:
        """The main person that the model is given; None without one, or if it knows no persons.

        Raises:
            UsageError, ModelError, DetectionError: as `subjects`, if the detector is to find the person.
        """
        return self._subjects.main_person if self.model.card.persons else None

    @property
    def _person_xyxy(self) -> Box | None:
        return None if self.person is None else self.person.box_xyxy

    @property
    def model_info(self) -> ModelInfo:
        """Who answers questions about the photo, and why where it was chosen for it."""
        card = self.model.card
        return ModelInfo(
            card.name,
            card.tag,
            card.version,
            card.weights_sha256,
            score_means=OPINION if card.proposals is None else OVERLAP,
            reason=self._reason,
        )

    @cached_property
    def proposals(self) -> CropDistribution:
        """The predicted distribution of the crop people would choose, from the photo and its mirror image together.

        A set predictor's weights are its validities, normalised; see `predicted_set` for them as they are.

        Raises:
            ModelError: the model only scores boxes, as grid-anchor models do.
        """
        return self._look.proposals()

    @cached_property
    def predicted_set(self) -> PredictedSet:
        """All proposals of a set predictor for this photo, most valid first, with their validities.

        Raises:
            ModelError: the model predicts one distribution and no validities, as the default model does, or only
                scores boxes.

        >>> found = Cropper("set-prediction-light").encode("beach.jpg").predicted_set    # doctest: +SKIP
        >>> found.boxes_xyxy[:10], found.validities[:10]                                 # doctest: +SKIP
        """
        return self._look.predicted_set()

    def suggest(self, *, unit: Unit = "fraction", **options: Unpack[RequestOptions]) -> Suggestions:
        """The best crops; takes the same arguments as `Cropper.suggest` after the photo, but for the person."""
        placed = boxes_in_fractions(options, unit, self.photo.size_wh)
        return self.answer(Request.of(**placed))

    def score(self, boxes_xyxy: ArrayLike) -> NDArray[np.float64]:
        """The evaluator's score of each box, higher is better, comparable within one photo only.

        Args:
            boxes_xyxy: ``(N, 4)`` normalised x1 y1 x2 y2 inside the photo; N may be 0.

        Returns:
            ``(N,)`` unbounded scores.

        Raises:
            UsageError: a box is malformed or reaches outside the photo.
        """
        return self._look.score(validate_boxes(boxes_xyxy, "boxes"), self._person_xyxy)

    def importance(self) -> NDArray[np.float64]:
        """Which parts of the photo a crop should keep, as the model learned it from people's crops.

        A model that knows persons is given the photo's main one.

        Returns:
            ``(h, w)`` in [0, 1], rows from the top; the photo squeezed into that many cells, whatever its shape.

        Raises:
            ModelError: the model has no such map, as the default model has none; see `explain` for one of its crops.
            UsageError, DetectionError: as `person`.
        """
        return self._look.importance(self._person_xyxy)

    def subjects(self, kinds: tuple[Kind, ...] = KINDS) -> Subjects:
        """What the cropper's detector finds on the photo; there may be nothing.

        Raises:
            UsageError: there is no such detector.
            ModelError: it lacks its file, or that is not usable.
            DetectionError: it cannot look at this photo; the message names the photo.
        """
        return self._subjects.of(kinds)

    def answer(self, request: Request) -> Suggestions:
        """The best crops for a checked request."""
        photo, card, person = self.photo, self.model.card, self.person
        subjects = self.subjects(kinds_to_keep(request.keep_words)) if request.keep_words else nothing("none")
        opinions = None if card.proposals is None else self.proposals
        kept, person_xyxy = kept_boxes(subjects), self._person_xyxy
        heads = self._subjects.kept_heads(subjects)
        sure_heads = self._subjects.sure_heads() if request.people_aware else ()
        people_xyxy = self._subjects.sure_people() if request.people_aware else np.empty((0, 4))
        evaluate = partial(self._look.score, person_xyxy=person_xyxy)
        visible_xyxy = photo.content_xyxy(card.input.size_wh(photo.size_wh), card.input.resize_filter)
        rules = [
            rules_for(
                request,
                ratio,
                photo.size_wh,
                found_xyxy=kept,
                person_xyxy=person_xyxy,
                visible_xyxy=visible_xyxy,
                head_xyxy=heads,
                sure_head_xyxy=sure_heads,
            )
            for ratio in request.ratio
        ]
        framed = [
            frame(
                Task(
                    photo_name=photo.name,
                    size_wh=photo.size_wh,
                    ratio=ratio,
                    request=request,
                    rules=rules_of_ratio,
                    settings=self.model.settings,
                    evaluate=evaluate,
                    opinions=opinions,
                    candidates=card.candidates,
                    people_xyxy=people_xyxy,
                    score_scale=card.score_scale,
                )
            )
            for ratio, rules_of_ratio in zip(request.ratio, rules, strict=True)
        ]
        flags = dict.fromkeys(flag for one in framed for flag in one.flags)
        suggestions = Suggestions(
            image=ImageInfo(photo.name, photo.sha256, *photo.size_wh, photo.orientation),
            model=self.model_info,
            request=request,
            crops=tuple(crop for one in framed for crop in one.crops),
            flags=tuple(flags),
            warnings=tuple(warning for one in framed for warning in one.warnings),
            subjects=subject_rows(subjects, photo.size_wh),
            person=None if person is None else person.row(photo.size_wh),
            # Heads are the same at every ratio.
            heads=self._subjects.head_rows(rules[0].heeded_heads_xyxy),
        )
        return suggestions.with_notes(photo.notes)

    def explain(self, suggestions: Suggestions) -> Explanation:
        """Where the model sees what matters, and how much of that each of these crops of the photo keeps.

        Raises:
            UsageError: the crops are those of another photo or model.
            ModelError: the model neither has an importance map nor proposes crops.
            DetectionError: as `subjects`.
        """
        card = self.model.card
        if (suggestions.image.sha256, suggestions.model.weights_sha256) != (self.photo.sha256, card.weights_sha256):
            raise UsageError(f"{self.photo.name}: expected crops of this very photo and model to explain")
        expect_importance(card)
        if "importance" in card.parts:
            importance = predicted_map(self.importance(), card.name)
        else:
            importance = map_of_proposals(self.proposals, card.name)
        kinds = dict.fromkeys((*EXPLAINED_KINDS, *kinds_to_keep(suggestions.request.keep_words)))
        return explanation(importance, suggestions.crops, self.subjects(tuple(kinds)), suggestions.request.keep_xyxy)
