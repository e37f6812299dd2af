"""The subject head: sizes, range and what it cannot mix up."""

import pytest
import torch

from cadrage.models.subject_head import KINDS, SubjectHead


@pytest.fixture
def head() -> SubjectHead:
    torch.manual_seed(0)
    return SubjectHead(20, 3, width=12, fine=8).eval()


def test_the_maps_are_twice_as_fine_as_the_features(head: SubjectHead) -> None:
    maps = head(torch.randn(2, 32, 5, 7))
    assert maps.masks.shape == maps.centres.shape == (2, len(KINDS), 10, 14)
    assert maps.edges.shape == (2, 8, 10, 14)
    assert (maps.face_centres.shape, maps.face_edges.shape) == ((2, 1, 10, 14), (2, 4, 10, 14))


def test_a_batch_is_its_photos_one_by_one(head: SubjectHead) -> None:
    features = torch.randn(3, 32, 4, 4)
    together = head(features)
    for index in range(3):
        alone = head(features[index : index + 1])
        for ours, theirs in zip(alone, together, strict=True):
            torch.testing.assert_close(ours[0], theirs[index])


def test_distances_to_the_edges_are_never_negative(head: SubjectHead) -> None:
    assert (head(100 * torch.randn(2, 32, 4, 4)).edges >= 0).all()
    assert (head(100 * torch.randn(2, 32, 4, 4)).face_edges >= 0).all()


def test_an_untrained_head_believes_in_little() -> None:
    torch.manual_seed(1)
    maps = SubjectHead(20, 3).eval()(torch.zeros(1, 32, 4, 4))
    assert maps.centres.sigmoid().max() < 0.2 and maps.face_centres.sigmoid().max() < 0.1


def test_the_size_for_the_default_model() -> None:
    # 448*64+64, 64*64*9+64, 64*96+96, 24*24*9+24, 24*14+14
    head = SubjectHead(448, 32)
    # 448*48+48, 48*48*9+48, 48*96+96, 32*40*9+40, 64*40+40, 40*40*9+40, 40*5+5
    faces = 21_552 + 20_784 + 4_704 + 11_560 + 2_600 + 14_440 + 205
    assert sum(one.numel() for one in head.faces.parameters()) == faces
    assert sum(one.numel() for one in head.parameters()) == 28_736 + 36_928 + 6_240 + 5_208 + 350 + faces


def test_people_do_not_depend_on_the_fine_map_and_faces_do(head: SubjectHead) -> None:
    features = torch.randn(1, 32, 4, 4)
    other = features.clone()
    other[:, 20:] = torch.randn(1, 12, 4, 4)
    ours, theirs = head(features), head(other)
    torch.testing.assert_close(ours.edges, theirs.edges)
    assert not torch.allclose(ours.face_centres, theirs.face_centres)
