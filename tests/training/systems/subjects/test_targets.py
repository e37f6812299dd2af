"""What the subject head should say: worked by hand on a small grid of classes."""

import numpy as np
import pytest
import torch

from cadrage.models.subject_head import SubjectMaps
from cadrage.training.systems.subjects.losses import centre_loss, edge_loss, subject_loss
from cadrage.training.systems.subjects.samples import SubjectSample
from cadrage.training.systems.subjects.targets import (
    Faces,
    Found,
    centre_maps,
    face_maps,
    faces_by_teacher,
    faces_in_window,
    found_by_teacher,
    in_window,
    mask_maps,
    mirrored,
    mirrored_faces,
)

WHOLE = np.array([0.0, 0.0, 1.0, 1.0])
NOBODY = np.empty((0, 4))


def labels(**regions: tuple[int, int, int, int]) -> np.ndarray:
    """A 40 x 40 map with rectangles (x1, y1, x2, y2) of classes named c15, c12 and so on."""
    values = np.zeros((40, 40), np.uint8)
    for name, (x1, y1, x2, y2) in regions.items():
        values[y1:y2, x1:x2] = int(name[1:])
    return values


def test_each_region_is_a_subject_of_its_kind() -> None:
    found = found_by_teacher(labels(c15=(4, 8, 20, 36), c12=(24, 0, 40, 10), c9=(24, 20, 32, 24)), NOBODY)
    assert found.kinds.tolist() == [0, 1, 2]
    assert found.boxes_xyxy.tolist() == [[0.1, 0.2, 0.5, 0.9], [0.6, 0, 1, 0.25], [0.6, 0.5, 0.8, 0.6]]


def test_two_persons_apart_are_two_and_a_speck_is_none() -> None:
    both = labels(c15=(0, 0, 10, 10))
    both[20:30, 20:30] = 15
    both[35, 35:38] = 15  # 3 of 1,600 cells
    assert len(found_by_teacher(both, NOBODY).kinds) == 2


def test_background_alone_is_nothing() -> None:
    found = found_by_teacher(labels(), NOBODY)
    assert found.boxes_xyxy.shape == (0, 4)
    centres, _, weights = centre_maps(found, 8)
    assert not centres.any() and not weights.any()
    assert not mask_maps(labels(), WHOLE, 8).any()


def test_a_labelled_person_replaces_the_teachers_and_is_added_where_it_saw_none() -> None:
    seen = labels(c15=(4, 8, 20, 36))
    better = np.array([[0.1, 0.1, 0.5, 0.9]])
    assert found_by_teacher(seen, better).boxes_xyxy.tolist() == better.tolist()
    elsewhere = np.array([[0.6, 0.1, 0.9, 0.9]])
    assert len(found_by_teacher(seen, elsewhere).kinds) == 2


def test_masks_are_the_covered_part_of_each_cell() -> None:
    masks = mask_maps(labels(c15=(0, 0, 10, 15), c3=(30, 30, 40, 40)), WHOLE, 4)
    assert masks[0, :, 0].tolist() == pytest.approx([1, 0.5, 0, 0], abs=0.01)
    assert masks[1, 3, 3] == 1 and masks[2].sum() == 0
    half = mask_maps(labels(c15=(0, 0, 10, 15)), np.array([0, 0, 0.5, 0.5]), 4)
    assert half[0, :, 0].tolist() == pytest.approx([1, 1, 1, 0])


def test_a_window_sees_its_part() -> None:
    found = Found(np.array([[0.2, 0.2, 0.6, 0.6], [0.0, 0.0, 0.3, 0.3]]), np.array([0, 1]))
    seen = in_window(found, np.array([0.2, 0.2, 0.7, 0.7]))
    # A ninth is left of the second one.
    assert seen.kinds.tolist() == [0]
    assert seen.boxes_xyxy == pytest.approx(np.array([[0, 0, 0.8, 0.8]]))


def test_the_target_of_the_mirror_image_is_the_mirrored_target() -> None:
    rng = np.random.default_rng(2)
    start = rng.uniform(0, 0.6, (5, 2))
    found = Found(np.concatenate([start, start + rng.uniform(0.05, 0.4, (5, 2))], axis=1), rng.integers(3, size=5))
    (centres, edges, weights), (c2, e2, w2) = centre_maps(found, 28), centre_maps(mirrored(found), 28)
    np.testing.assert_allclose(centres[:, :, ::-1], c2, atol=1e-5)
    np.testing.assert_allclose(weights[:, :, ::-1], w2, atol=1e-5)
    np.testing.assert_allclose(edges[[2, 1, 0, 3, 6, 5, 4, 7]][:, :, ::-1], e2, atol=1e-5)


def test_a_peak_tells_the_box_exactly() -> None:
    box = np.array([0.1, 0.2, 0.7, 0.9])
    centres, edges, weights = centre_maps(Found(box[None], np.array([0])), 28)
    row, column = np.unravel_index(centres[0].argmax(), (28, 28))
    x, y = (column + 0.5) / 28, (row + 0.5) / 28
    left, top, right, bottom = edges[:4, row, column]
    assert [x - left, y - top, x + right, y + bottom] == pytest.approx(box.tolist(), abs=1e-6)
    assert centres[0, row, column] == weights[0, row, column] == 1 and not centres[1:].any()


def perfect() -> tuple[SubjectMaps, SubjectSample]:
    found = Found(np.array([[0.2, 0.2, 0.6, 0.8]]), np.array([0]))
    faces = Faces(np.array([[0.3, 0.2, 0.4, 0.35], [0.7, 0.7, 0.8, 0.8]]), np.array([True, False]))
    centres, edges, weights = (torch.from_numpy(part)[None] for part in centre_maps(found, 28))
    face_centres, face_edges, face_weights, doubtful = (torch.from_numpy(part)[None] for part in face_maps(faces, 28))
    masks, nothing = torch.zeros(1, 3, 28, 28), torch.zeros(1)
    said = SubjectMaps(
        torch.full_like(masks, -20.0),
        40 * (centres > 0.999).float() - 20,
        edges,
        # Whatever is said where a doubtful face is does not count.
        40 * torch.maximum((face_centres > 0.999).float(), doubtful) - 20,
        face_edges,
    )
    drawn = SubjectSample(
        ("a",), nothing, masks, centres, edges, weights, face_centres, face_edges, face_weights, doubtful, nothing
    )
    return said, drawn


def test_to_say_it_exactly_costs_nothing() -> None:
    terms = subject_loss(*perfect())
    expected = dict.fromkeys(("masks", "centres", "edges", "face_centres", "face_edges"), 0)
    assert {name: round(float(term), 4) for name, term in terms.items()} == expected


def test_a_box_of_half_the_width_costs_half() -> None:
    edges = torch.full((1, 8, 1, 1), 0.2)
    narrow = edges.clone()
    narrow[:, 0::2] = 0.1
    # IoU .5, and two of the four distances are off by .1.
    assert float(edge_loss(narrow, edges, torch.ones(1, 2, 1, 1))) == pytest.approx(0.5 + 0.05)


def test_photos_without_a_subject_still_teach() -> None:
    said = torch.zeros(1, 3, 4, 4, requires_grad=True)
    loss = centre_loss(said, torch.zeros(1, 3, 4, 4))
    loss.backward()
    assert float(loss.detach()) > 0 and said.grad is not None and (said.grad > 0).all()
    assert float(edge_loss(torch.ones(1, 8, 4, 4), torch.zeros(1, 8, 4, 4), torch.zeros(1, 2, 4, 4))) == 0


def test_a_face_that_the_teacher_doubts_or_a_window_cuts_is_neither_one_nor_none() -> None:
    boxes = np.array([[0.1, 0.1, 0.3, 0.3], [0.6, 0.6, 0.8, 0.8], [0.4, 0.0, 0.5, 0.1]])
    faces = faces_by_teacher((boxes, np.array([0.9, 0.5, 0.7])))
    assert faces.certain.tolist() == [True, False, True]
    seen = faces_in_window(faces, np.array([0.2, 0.0, 0.7, 1.0]))
    # Half of the first is left and half of the second, and all of the third.
    assert seen.certain.tolist() == [False, False, True]
    assert seen.boxes_xyxy[2] == pytest.approx([0.4, 0, 0.6, 0.1])
    assert len(faces_in_window(faces, np.array([0.85, 0.85, 1.0, 1.0])).certain) == 0
    centres, _, weights, doubtful = face_maps(seen, 28)
    assert (centres > 0.999).sum() == (weights > 0.999).sum() == 1
    assert doubtful.any() and not (doubtful * (centres > 0.999)).any()


def test_the_faces_of_the_mirror_image_are_the_mirrored_ones() -> None:
    faces = Faces(np.array([[0.1, 0.2, 0.22, 0.4], [0.6, 0.5, 0.7, 0.66]]), np.array([True, True]))
    (centres, edges, weights, _), (c2, e2, w2, _) = face_maps(faces, 28), face_maps(mirrored_faces(faces), 28)
    np.testing.assert_allclose(centres[:, :, ::-1], c2, atol=1e-5)
    np.testing.assert_allclose(weights[:, :, ::-1], w2, atol=1e-5)
    np.testing.assert_allclose(edges[[2, 1, 0, 3]][:, :, ::-1], e2, atol=1e-5)
