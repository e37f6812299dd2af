"""Heads of who was found: of faces with the hair above them, of people without a face where one is assumed."""

import numpy as np
import pytest

from cadrage.inference.subjects.detector import Kind, Subjects
from cadrage.inference.subjects.heads import heads, kept_boxes, sure_heads

SIZE = (300, 200)


def found(*rows: tuple[Kind, tuple[float, float, float, float], float], source: str = "own") -> Subjects:
    return Subjects(
        np.array([box for _, box, _ in rows]).reshape(-1, 4),
        tuple(kind for kind, _, _ in rows),
        np.array([sure for _, _, sure in rows]),
        source,
    )


def test_a_face_is_kept_with_its_hair() -> None:
    (box,) = kept_boxes(found(("face", (0.4, 0.4, 0.5, 0.6), 0.9)))
    # A quarter of .1 aside, a tenth of .2 below, .45 of .2 above.
    assert box == pytest.approx((0.375, 0.31, 0.525, 0.62))


def test_the_callers_face_is_kept_as_it_is() -> None:
    assert kept_boxes(found(("face", (0.4, 0.4, 0.5, 0.6), 1.0), source="external")) == ((0.4, 0.4, 0.5, 0.6),)


def test_room_ends_where_the_photo_does() -> None:
    (box,) = kept_boxes(found(("face", (0.0, 0.02, 0.2, 0.3), 0.9)))
    assert box[:2] == (0.0, 0.0)


def test_of_a_person_with_a_face_the_face_is_the_head() -> None:
    person, face = ("person", (0.3, 0.1, 0.7, 1.0), 0.9), ("face", (0.4, 0.2, 0.5, 0.35), 0.8)
    assert heads(found(person, face), SIZE) == kept_boxes(found(face))


def test_faces_come_before_assumed_heads_and_large_ones_before_small_ones() -> None:
    small, large = ("face", (0.1, 0.2, 0.15, 0.28), 0.9), ("face", (0.2, 0.2, 0.3, 0.4), 0.6)
    faceless = ("person", (0.5, 0.1, 0.9, 1.0), 0.95)
    found_heads = heads(found(faceless, small, large), SIZE)
    assert found_heads[:2] == kept_boxes(found(large, small)) and len(found_heads) == 3


def test_a_kept_head_wears_its_hat_and_raised_arms_are_none() -> None:
    person, face = ("person", (0.3, 0.1, 0.7, 1.0), 0.9), ("face", (0.4, 0.22, 0.5, 0.37), 0.8)
    (head,), (kept,) = heads(found(person, face), SIZE, with_hats=True), kept_boxes(found(face))
    assert head[1] == pytest.approx(0.1) and (head[0], *head[2:]) == (kept[0], *kept[2:])
    deep = ("face", (0.4, 0.5, 0.5, 0.6), 0.8)
    assert heads(found(person, deep), SIZE, with_hats=True)[0][1] == pytest.approx(0.4)
    assert heads(found(deep), SIZE, with_hats=True) == kept_boxes(found(deep))


def test_of_a_person_without_one_the_head_is_assumed_at_the_top() -> None:
    person, elsewhere = ("person", (0.3, 0.1, 0.7, 1.0), 0.9), ("face", (0.8, 0.2, 0.9, 0.35), 0.8)
    face, assumed = heads(found(person, elsewhere), SIZE)
    assert assumed[1] == pytest.approx(0.1 - 0.09) and 0.3 < assumed[0] < assumed[2] < 0.7
    assert (face,) == kept_boxes(found(elsewhere))


def test_a_face_of_which_nobody_is_sure_is_no_sure_head() -> None:
    doubtful, sure = ("face", (0.4, 0.2, 0.5, 0.35), 0.4), ("face", (0.6, 0.2, 0.7, 0.35), 0.6)
    assert sure_heads(found(sure, doubtful), SIZE) == kept_boxes(found(sure))


def test_nobody_has_no_head() -> None:
    assert heads(found(), SIZE) == sure_heads(found(), SIZE) == kept_boxes(found()) == ()
