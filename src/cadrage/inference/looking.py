"""What a model sees in a photo, unless it was kept from an earlier look."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cadrage.inference.session import Encoded, Model
from cadrage.photo import Photo

Features = NDArray[np.float32]

Remember = Callable[[Model, Callable[[], Features]], Features]
"""Given a model and what makes it look now, the features ``(2, C, h, w)``: kept ones of this photo, or those of now."""


def look(model: Model, photo: Photo, remember: Remember | None = None) -> Encoded:
    """The photo as the model sees it; the photo is only decoded where the model has to look."""

    def now() -> Features:
        return model.encode(photo.model_input(model.card.input_side), photo.size_wh).features

    features = now() if remember is None else remember(model, now)
    return Encoded(model, features, photo.size_wh)
