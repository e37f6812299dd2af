"""The front door: from a photo to its crops."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadrage.geometry import validate_boxes
from cadrage.inference.framing import frame
from cadrage.inference.meanwhile import meanwhile
from cadrage.inference.request import RatioLike, Request, RequestOptions, Scale, make_request
from cadrage.inference.results import OPINION, OVERLAP, ImageInfo, ModelInfo, Suggestions
from cadrage.inference.selection_settings import SelectionSettings
from cadrage.inference.session import Encoded, PredictedSet, Proposals, load_model
from cadrage.inference.sources import PhotoLike, as_photo
from cadrage.photo import Photo

# Below this, the checksum of a photo is ready sooner than another thread.
_LARGE_PX = 2_000_000


class Cropper:
    """Finds the good crops of photos with one model.

    Args:
        model: a model's name, or the folder of a model as a ``Path``.
        threads: threads for one operation; None leaves the choice to ONNX Runtime.
        offline: never fetch a model, fail instead.

    Raises:
        ModelError: the model is missing, damaged or cannot be fetched.

    >>> cropper = Cropper()                                              # doctest: +SKIP
    >>> for crop in cropper.suggest("beach.jpg", ratio="4:5", n=3):      # doctest: +SKIP
    ...     print(crop.rank, crop.xywh, round(crop.score, 2))
    """

    def __init__(self, model: str | Path = "default", *, threads: int | None = None, offline: bool = False) -> None:
        if isinstance(model, Path):
            folder = model
        else:
            from cadrage.inference.registry import resolve

            folder = resolve(model, offline=offline)
        self.model = load_model(folder, threads=threads)
        self.settings = SelectionSettings.from_card(self.model.card.selection)

    def suggest(
        self,
        photo: PhotoLike,
        ratio: RatioLike | Sequence[RatioLike] = "free",
        n: int = 5,
        *,
        keep: ArrayLike = (),
        avoid: ArrayLike = (),
        min_area: float | None = None,
        max_area: float | None = None,
        min_size: tuple[int, int] | None = None,
        diversity: float = 0.85,
        scale: Scale = "natural",
        strict: bool = False,
        whole: bool = False,
    ) -> Suggestions:
        """The ``n`` best, different crops of a photo for every asked ratio.

        Args:
            photo: a path, encoded bytes, an open binary file, a Pillow image, an RGB array ``(H, W, 3)`` uint8 or
                a `Photo`.
            ratio: one ratio or a list of them: ``"free"``, ``"4:5"``, ``"1080x1350"``, ``"1.91"``, ``"original"``,
                ``"square"``, ``"story"``, ``"og"``, a number or a pair ``(4, 5)``; always width first. A ratio in
                pixels also asks for crops of at least that size.
            n: crops per ratio, 1 to 100.
            keep: boxes that no crop may cut, normalised ``x1 y1 x2 y2``: one box or ``(N, 4)``.
            avoid: boxes that no crop may touch, likewise.
            min_area: smallest part of the photo that a crop may cover, 0 to 1; ``max_area`` the largest.
            min_size: smallest width and height of a crop in pixels of the photo.
            diversity: highest IoU between two crops of a ratio, 0 to 1; fewer crops come back if no others differ
                enough.
            scale: ``"tight"`` and ``"loose"`` prefer smaller and larger crops than people usually choose.
            strict: raise instead of relaxing a rule that cannot be met.
            whole: at the free ratio, let the whole photo compete as one of the crops with models that otherwise only
                fall back on it: those whose card says ``candidates: grid``, the largest of which has 84 % of the
                photo. Other models always consider it, and at a fixed ratio the largest crop always competes.

        Returns:
            The crops, ranked per ratio in the asked order of ratios. Sets of three and more span scales, as far as the
            diversity permits, unless an area is asked for. Rules that had to give way are named in ``flags``, least
            important first given up: number of crops, avoided boxes, area, size, kept boxes. The ratio never gives way.
            The flag ``whole_photo_unrated`` is no rule: that crop is the whole photo, of which such a model
            learned nothing.

        Raises:
            UsageError: an argument is wrong.
            PhotoError: the photo cannot be read.
            ConstraintError: a rule cannot be met and ``strict`` is set.
            ModelError: the model does not work.
        """
        request = make_request(
            ratio,
            n,
            keep,
            avoid,
            min_area,
            max_area,
            min_size,
            diversity=diversity,
            scale=scale,
            strict=strict,
            whole=whole,
        )
        return self._answer(photo, request)

    def suggest_many(self, photos: Iterable[PhotoLike], **options: Unpack[RequestOptions]) -> Iterator[Suggestions]:
        """`suggest` for one photo after the other, lazily and in order; the first that fails raises its error."""
        request = make_request(**options)
        for photo in photos:
            yield self._answer(photo, request)

    def score(self, photo: PhotoLike, boxes_xyxy: ArrayLike) -> NDArray[np.float64]:
        """The evaluator's opinion on any boxes of a photo; see `EncodedPhoto.score`."""
        return self.encode(photo).score(boxes_xyxy)

    def encode(self, photo: PhotoLike, *, features: NDArray[np.float32] | None = None) -> "EncodedPhoto":
        """Look at a photo once; every further question about it costs little.

        Args:
            photo: as for `suggest`.
            features: `EncodedPhoto.features` of this very photo and model, kept from an earlier look; the photo is then
                measured but not decoded.

        Raises:
            PhotoError: the photo cannot be read.
        """
        opened = as_photo(photo)
        if features is not None:
            return EncodedPhoto(opened, Encoded(self.model, features, opened.size_wh), self.settings)
        image = opened.model_input(self.model.card.input_side)
        return EncodedPhoto(opened, self.model.encode(image, opened.size_wh), self.settings)

    def _answer(self, photo: PhotoLike, request: Request) -> Suggestions:
        opened = as_photo(photo)
        # The answer names the photo by its checksum, and reading a large file for that takes as long as the model.
        large = opened.size_wh[0] * opened.size_wh[1] >= _LARGE_PX
        with meanwhile(lambda: opened.sha256) if large else nullcontext():
            encoded = self.encode(opened)
        return encoded.answer(request)


class EncodedPhoto:
    """A photo that the model has looked at, open to any number of questions."""

    def __init__(self, photo: Photo, encoded: Encoded, settings: SelectionSettings) -> None:
        self.photo = photo
        self._encoded = encoded
        self._settings = settings

    @property
    def features(self) -> NDArray[np.float32]:
        """What the model saw, ``(2, C, h, w)``: the photo and its mirror image; may be kept for `Cropper.encode`."""
        return self._encoded.features

    @cached_property
    def proposals(self) -> Proposals:
        """The predicted distribution of the crop people would choose, from the photo and its mirror image together.

        A set predictor's weights are its validities, normalised; see `predicted_set` for them as they are.

        Raises:
            ModelError: the model only scores boxes, as grid-anchor models do.
        """
        return self._encoded.proposals()

    @cached_property
    def predicted_set(self) -> PredictedSet:
        """All proposals of a set predictor for this photo, most valid first, with their validities.

        Raises:
            ModelError: the model predicts one distribution and no validities, as the default model does, or only
                scores boxes.

        >>> found = Cropper("set-prediction-light").encode("beach.jpg").predicted_set    # doctest: +SKIP
        >>> found.boxes_xyxy[:10], found.validities[:10]                                 # doctest: +SKIP
        """
        return self._encoded.predicted_set()

    def suggest(self, **options: Unpack[RequestOptions]) -> Suggestions:
        """The best crops; takes the same arguments as `Cropper.suggest` after the photo."""
        return self.answer(make_request(**options))

    def score(self, boxes_xyxy: ArrayLike) -> NDArray[np.float64]:
        """The evaluator's score of each box, higher is better, comparable within one photo only.

        Args:
            boxes_xyxy: ``(N, 4)`` normalised x1 y1 x2 y2 inside the photo; N may be 0.

        Returns:
            ``(N,)`` unbounded scores.

        Raises:
            UsageError: a box is malformed or reaches outside the photo.
        """
        return self._encoded.score(validate_boxes(boxes_xyxy, "boxes"))

    def answer(self, request: Request) -> Suggestions:
        """The best crops for a checked request."""
        photo, card = self.photo, self._encoded.model.card
        proposals = None if card.proposals is None else self.proposals
        framed = [
            frame(
                photo.name,
                photo.size_wh,
                proposals,
                ratio,
                request,
                self._settings,
                self._encoded.score,
                score_scale=card.score_scale,
                candidates=card.candidates,
            )
            for ratio in request.ratios
        ]
        flags = dict.fromkeys(flag for one in framed for flag in one.flags)
        return Suggestions(
            image=ImageInfo(photo.name, photo.sha256, *photo.size_wh, photo.orientation),
            model=ModelInfo(
                card.name,
                card.tag,
                card.version,
                card.weights_sha256,
                score_means=OPINION if proposals is None else OVERLAP,
            ),
            request=request,
            crops=tuple(crop for one in framed for crop in one.crops),
            flags=tuple(flags),
            warnings=tuple(warning for one in framed for warning in one.warnings),
        )
