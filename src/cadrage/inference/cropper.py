"""The front door: from a photo to its crops."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.errors import UsageError, in_short
from cadrage.inference.choice import Choice, OneModel, load_choice, wherever
from cadrage.inference.encoded_photo import EncodedPhoto
from cadrage.inference.explain import expect_importance
from cadrage.inference.request import (
    DEFAULT_N,
    DEFAULT_RATIO,
    MoreOptions,
    RatioLike,
    Request,
    RequestOptions,
    Unit,
    boxes_in_fractions,
    check_unit,
    in_fractions,
)
from cadrage.inference.results import Suggestions
from cadrage.inference.session import Features, Looks, Model, Remember, expect_same
from cadrage.inference.sources import PhotoLike, as_photo
from cadrage.inference.store.card import Card
from cadrage.inference.subjects.detector import SubjectDetector
from cadrage.inference.subjects.detectors import make_detector, sent_name
from cadrage.inference.subjects.person import MainPerson, PersonLike, is_automatic
from cadrage.inference.subjects.photo_subjects import PhotoSubjects
from cadrage.lazy import cached_property
from cadrage.photo import Photo

# Below this, the checksum of a photo is ready sooner than another thread.
_LARGE_PX = 2_000_000


class Cropper:
    """Finds the good crops of photos.

    One may be shared between threads, goes on in a forked process and can be sent to others. There it loads its model
    again, by name or folder, when it is first asked, and raises ModelError if that is not the same one.

    Args:
        model: a model's name, or the folder of a model as a ``Path``; ``"auto"`` for the human-centric model where a
            photo has a main person and a general one where it has none. Each result says which model answered and why.
        threads: threads for one operation, of the detector's networks too; None leaves the choice to ONNX Runtime.
        offline: never fetch a model, fail instead.
        detector: what finds heads, the subjects of ``keep="people"``, and the main person for models that want to know
            it: ``"own"``, ``"none"``, ``"onnx:FILE"`` or a detector; see `cadrage.inference.subjects.detector`.

    Raises:
        ModelError: the model is missing, damaged or cannot be fetched.

    >>> cropper = Cropper()                                              # doctest: +SKIP
    >>> for crop in cropper.suggest("beach.jpg", ratio="4:5", n=3):      # doctest: +SKIP
    ...     print(crop.rank, crop.xywh, round(crop.score, 2))
    """

    def __init__(
        self,
        model: str | Path = "default",
        *,
        threads: int | None = None,
        offline: bool = False,
        detector: str | SubjectDetector = "own",
    ) -> None:
        self._named, self._threads, self._offline, self._detector = model, threads, offline, detector
        # Of whoever answered in the process that this Cropper comes from, and of what it found subjects with.
        self._cards: tuple[Card, ...] = ()
        self._detector_sha256: str | None = None
        self._named = wherever(model, self._choice)

    @cached_property
    def _choice(self) -> OneModel | Choice:
        choice = load_choice(self._named, threads=self._threads, offline=self._offline)
        for model, card in zip(choice.models, self._cards, strict=False):
            expect_same(model, card)
        return choice

    def __getstate__(self) -> dict[str, Any]:
        """What makes the same Cropper in another process, which loads the model when it is first asked.

        Raises:
            UsageError: the detector is one of the caller's that cannot be sent there.
        """
        return {
            "_named": self._named,
            "_threads": self._threads,
            "_offline": self._offline,
            "_cards": self._cards or tuple(model.card for model in self.models),
            "_detector": sent_name(self._detector) if isinstance(self._detector, str) else _sendable(self._detector),
            "_detector_sha256": getattr(self.__dict__.get("_made"), "sha256", self._detector_sha256),
        }

    @property
    def model(self) -> Model:
        """The model that answers; with ``"auto"``, the general one."""
        return self.models[0]

    @property
    def detector(self) -> SubjectDetector:
        """What finds subjects; made when it is first needed.

        Raises:
            UsageError: there is no such detector.
            ModelError: it lacks its file, or that is not usable.
        """
        return self.make_detector()

    def make_detector(self) -> SubjectDetector:
        """Make the detector, once, so that what it lacks is known before the first photo; raises as `detector`."""
        return self._made

    @cached_property
    def _made(self) -> SubjectDetector:
        if not isinstance(self._detector, str):
            return self._detector
        return make_detector(self._detector, threads=self._threads, sha256=self._detector_sha256)

    def __repr__(self) -> str:
        # In another process nothing is loaded just to be shown.
        cards = self._cards or tuple(model.card for model in self.models)
        models = "|".join(f"{card.name}.{card.tag}" for card in cards)
        detector = self._detector if isinstance(self._detector, str) else self._detector.name
        return f"<Cropper {models}, detector {detector}>"

    @property
    def models(self) -> tuple[Model, ...]:
        """Whoever may answer: one model, with ``"auto"`` the general one and the one for people."""
        return self._choice.models

    @property
    def looks_for_person(self) -> bool:
        """Whether the main person of every photo is looked for, unless the caller names it."""
        return self._choice.looks_for_person

    def expect_explanations(self) -> None:
        """Raise ModelError if the model cannot say where it sees what matters; with auto, if either cannot."""
        for model in self.models:
            expect_importance(model.card)

    def suggest(
        self,
        photo: PhotoLike,
        ratio: RatioLike | Sequence[RatioLike] = DEFAULT_RATIO,
        n: int = DEFAULT_N,
        *,
        person: PersonLike = "auto",
        unit: Unit = "fraction",
        **options: Unpack[MoreOptions],
    ) -> Suggestions:
        """The ``n`` best, different crops of a photo for every asked ratio.

        Args:
            photo: a path, encoded bytes, an open binary file, a Pillow image, a uint8 array (grey ``(H, W)``, RGB
                ``(H, W, 3)`` or RGBA ``(H, W, 4)``) or a `Photo`.
            ratio: one ratio or a list of them: ``"free"``, ``"4:5"``, ``"1080x1350"``, ``"1.91"``, ``"original"``,
                ``"square"``, ``"story"``, ``"og"``, a number or a pair ``(4, 5)``; always width first. A ratio in
                pixels also asks for crops of at least that size.
            n: crops per ratio, 1 to 100.
            keep: boxes that no crop may cut, normalised ``x1 y1 x2 y2``: one box or ``(N, 4)``; ``"people"`` or
                ``"faces"`` for each that the detector finds; or a list of both. Finding none is no error.
            avoid: boxes that no crop may touch, likewise.
            min_area: smallest part of the photo that a crop may cover, 0 to 1; ``max_area`` the largest.
            min_size: smallest width and height of a crop in pixels of the photo.
            diversity: highest IoU between two crops of a ratio, 0 to 1; fewer crops come back if no others differ
                enough. None for .7 where the photo has as many crops, and up to .85, flagged ``more_alike``, where not.
            scale: ``"tight"`` and ``"loose"`` prefer smaller and larger crops than people usually choose.
            strict: raise instead of relaxing a rule that cannot be met.
            whole: at the free ratio, let the whole photo compete as one of the crops with models that otherwise only
                fall back on it: those whose card says ``candidates: grid``, the largest of which has 84 % of the
                photo. Other models always consider it, and at a fixed ratio the largest crop always competes.
            people_aware: prefer crops that cut no head that the detector is sure of and show the largest one; all that
                is asked for goes first.
            candidates: at the free ratio, what crops are chosen among in place of the boxes that the product makes:
                boxes ``(N, 4)``, normalised; a file of them; or ``"gaic"``, ``"lattice"`` or ``"hcic-1745"``, see
                `cadrage.inference.candidate_lists`. Each is taken on the nearest whole pixels; rules and diversity hold
                as ever. Of boxes that repeat each other fewer than ``n`` may differ enough.
            person: for models that take the main person and for ``"auto"``: its box, normalised ``x1 y1 x2 y2``,
                ``"auto"`` for the one that the detector finds, if any, or None for a photo without. What of the box
                reaches beyond the photo does not count, as detectors draw a little over its edges. Others ignore it.
            unit: what ``keep``, ``avoid`` and ``person`` are given in: ``"fraction"`` of the photo, or ``"px"`` for
                pixels of the upright photo.

        Returns:
            The crops, ranked per ratio in the asked order of ratios; the score never rises with the rank. Sets of three
            and more span scales, as far as the diversity permits, unless an area is asked for, and of any shape hold an
            upright and a wide crop where the photo has both. Rules that had to give way are named in ``flags``, least
            important first given up: an object on plain or transparent ground whole, number of crops, heads whole, a
            tenth of the main person where the model takes one, avoided boxes, area, size, kept boxes. The ratio never
            gives way. The flag ``whole_photo_unrated`` is no rule: that crop is the whole photo, of which such a model
            learned nothing.

        Raises:
            UsageError: an argument is wrong.
            PhotoError: the photo cannot be read.
            ConstraintError: a rule cannot be met and ``strict`` is set.
            ModelError: the model does not work.
        """
        check_unit(unit)
        if unit == "fraction":
            return self.answer(photo, Request.of(ratio=ratio, n=n, **options), person=person)
        opened = as_photo(photo)
        placed = boxes_in_fractions({"ratio": ratio, "n": n, **options}, unit, opened.size_wh)
        if not is_automatic(person) and person is not None:
            person = in_fractions("person", person, unit, opened.size_wh)
        return self.answer(opened, Request.of(**placed), person=person)

    def suggest_many(
        self,
        photos: Iterable[PhotoLike],
        *,
        person: PersonLike = "auto",
        unit: Unit = "fraction",
        **options: Unpack[RequestOptions],
    ) -> Iterator[Suggestions]:
        """`suggest` for one photo after the other, lazily and in order; the first that fails raises its error.

        A ``person`` and boxes hold for all of them alike.
        """
        for photo in photos:
            yield self.suggest(photo, person=person, unit=unit, **options)

    def answer(self, photo: PhotoLike, request: Request, *, person: PersonLike = "auto") -> Suggestions:
        """`suggest` for a request that is checked already."""
        opened = as_photo(photo)
        # The answer names the photo by its checksum, and reading a large file for that takes as long as the model.
        large = opened.size_wh[0] * opened.size_wh[1] >= _LARGE_PX
        with meanwhile(lambda: opened.sha256) if large else nullcontext():
            encoded = self._encode(opened, person)
        return encoded.answer(request)

    def score(self, photo: PhotoLike, boxes_xyxy: ArrayLike, *, person: PersonLike = "auto") -> NDArray[np.float64]:
        """The evaluator's opinion on any boxes of a photo; see `EncodedPhoto.score`, and `suggest` for ``person``."""
        return self.encode(photo, person=person).score(boxes_xyxy)

    def encode(
        self,
        photo: PhotoLike,
        *,
        features: Features | Remember | None = None,
        person: PersonLike | MainPerson = "auto",
    ) -> EncodedPhoto:
        """Look at a photo once; every further question about it costs little.

        Args:
            photo: as for `suggest`.
            features: `EncodedPhoto.features` of this very photo and model, kept from an earlier look; the photo is then
                decoded for answers only, and where a detector has to look for the main person. Or a function that is
                asked for them with each model that is to look, and with another function that makes it look now.
            person: as for `suggest`.

        Raises:
            PhotoError: the photo cannot be read.
            UsageError: ``person`` is no box on the photo, or ``features`` are given and the model is ``"auto"``.
        """
        if features is not None and not callable(features) and len(self.models) > 1:
            raise UsageError("features: they are those of one model; name it instead of 'auto'")
        remember = features if features is None or callable(features) else lambda model, now: features
        return self._encode(as_photo(photo), person, remember)

    def _encode(
        self, photo: Photo, person: PersonLike | MainPerson = "auto", remember: Remember | None = None
    ) -> EncodedPhoto:
        looks = Looks(photo, remember)
        return self._choice.encode(looks, PhotoSubjects(looks, self.models, self.make_detector, person))


def _sendable(detector: SubjectDetector) -> SubjectDetector:
    """A detector of the caller's, if it can be sent to another process.

    Raises:
        UsageError: it cannot.
    """
    try:
        pickle.dumps(detector)
    # Whatever the caller's own code raises.
    except Exception as error:
        raise UsageError(
            f"the detector {detector.name!r} cannot be sent to another process ({in_short(error)}); "
            "make a Cropper in each process instead"
        ) from error
    return detector


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Do ``work``, which remembers its own result, in another thread while the block runs, and wait for it at the end.

    Its errors are left to whoever asks for the result again.
    """

    def quietly() -> None:
        with suppress(Exception):
            work()

    # A thread per call instead of a pool: a pool would not survive a fork of the process.
    thread = Thread(target=quietly, name="cadrage-meanwhile", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
