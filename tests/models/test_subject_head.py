"""The subject head: sizes, range and what it cannot mix up."""

import pytest
import torch

from cadrage.models.subject_head import KINDS, SubjectHead


@pytest.fixture
def head() -> SubjectHead:
    torch.manual_seed(0)
    return SubjectHead(20, width=12, fine=8).eval()


def test_the_maps_are_twice_as_fine_as_the_features(head: SubjectHead) -> None:
    maps = head(torch.randn(2, 20, 5, 7))
    assert maps.masks.shape == maps.centres.shape == (2, len(KINDS), 10, 14)
    assert maps.edges.shape == (2, 8, 10, 14)


def test_a_batch_is_its_photos_one_by_one(head: SubjectHead) -> None:
    features = torch.randn(3, 20, 4, 4)
    together = head(features)
    for index in range(3):
        alone = head(features[index : index + 1])
        for ours, theirs in zip(alone, together, strict=True):
            torch.testing.assert_close(ours[0], theirs[index])


def test_distances_to_the_edges_are_never_negative(head: SubjectHead) -> None:
    assert (head(100 * torch.randn(2, 20, 4, 4)).edges >= 0).all()


def test_an_untrained_head_believes_in_little() -> None:
    torch.manual_seed(1)
    maps = SubjectHead(20).eval()(torch.zeros(1, 20, 4, 4))
    assert maps.centres.sigmoid().max() < 0.2


def test_the_size_for_the_default_model() -> None:
    # 448*64+64, 64*64*9+64, 64*96+96, 24*24*9+24, 24*14+14
    assert sum(one.numel() for one in SubjectHead(448).parameters()) == 28_736 + 36_928 + 6_240 + 5_208 + 350
