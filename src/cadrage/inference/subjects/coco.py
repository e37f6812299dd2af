"""What the classes of COCO are to a crop: people, animals and other objects."""

import numpy as np

from cadrage.inference.subjects.detector import Floats, Kind

CLASSES = (80, 91, 92)
"""How many logits a query may have."""

# Numbers of the classes in the 91-entry list (with gaps) and in the 80-entry list (without).
_PERSON = {91: 1, 80: 0}
_ANIMALS = {91: range(16, 26), 80: range(14, 24)}


def kinds_and_confidences(logits: Floats) -> tuple[list[Kind], Floats]:
    """Kind and confidence ``(N,)`` of each query's best class.

    Args:
        logits: ``(N, C)``. C = 92 is DETR's list of 91 entries with "no object" last, whose softmax counts; 91 and 80
            are those of its descendants, where each class has a probability of its own.

    Raises:
        ValueError: another number of classes.
    """
    classes = logits.shape[1]
    if classes == 92:
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities, listed = (exponentials / exponentials.sum(axis=1, keepdims=True))[:, :-1], 91
    elif classes in _PERSON:
        probabilities, listed = 1 / (1 + np.exp(-np.clip(logits, -50, 50))), classes
    else:
        raise ValueError(f"expected 80, 91 or 92 classes of COCO in logits, got {classes}")
    best = probabilities.argmax(axis=1)
    return [_kind(int(one), listed) for one in best], probabilities.max(axis=1)


def _kind(number: int, listed: int) -> Kind:
    if number == _PERSON[listed]:
        return "person"
    return "animal" if number in _ANIMALS[listed] else "object"
