import pytest
import torch

from cadrage.models.encoder import cell_places, place_code, sine_code, unpadded_cell_places

LIKE = torch.zeros(1)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (0.0, [0, 1, 0, 1, 0, 1]),
        (0.25, [1, 0, 0.977918, 0.208991, 0.923816, 0.382837]),
        (0.5, [0, -1, 0.408751, -0.912646, 0.707342, -0.706872]),
    ],
)
def test_first_six_features_of_128(turns: float, expected: list[float]) -> None:
    code = sine_code(torch.tensor([turns]), 128)
    assert code.shape == (1, 128)
    torch.testing.assert_close(code[0, :6], torch.tensor(expected, dtype=torch.float32), atol=1e-6, rtol=0)


def test_first_half_is_y_and_second_half_is_x() -> None:
    code = place_code(torch.tensor([[0.3, 0.8]]), 64)
    torch.testing.assert_close(
        code, torch.cat([sine_code(torch.tensor([0.8]), 32), sine_code(torch.tensor([0.3]), 32)], 1)
    )


def test_the_dot_product_of_two_codes_depends_on_their_distance_only() -> None:
    points = torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([0.1, -0.2], dtype=torch.float64)
    products = (place_code(points, 64) * place_code(points + shift, 64)).sum(-1)
    torch.testing.assert_close(products, products[:1].expand(20))


def test_places_run_row_by_row_and_end_at_one() -> None:
    places = cell_places(2, 4, like=LIKE)
    expected = [[0.25, 0.5], [0.5, 0.5], [0.75, 0.5], [1, 0.5], [0.25, 1], [0.5, 1], [0.75, 1], [1, 1]]
    torch.testing.assert_close(places, torch.tensor([expected]), atol=1e-5, rtol=0)


def test_without_padding_both_ways_agree() -> None:
    padding = torch.zeros(2, 5, 7, dtype=torch.bool)
    torch.testing.assert_close(unpadded_cell_places(padding, like=LIKE), cell_places(5, 7, like=LIKE).expand(2, -1, -1))


def test_padding_does_not_move_the_cells_of_the_photo() -> None:
    padding = torch.ones(1, 6, 9, dtype=torch.bool)
    padding[:, :4, :5] = False
    padded = unpadded_cell_places(padding, like=LIKE).view(1, 6, 9, 2)[:, :4, :5]
    torch.testing.assert_close(padded.flatten(1, 2), cell_places(4, 5, like=LIKE))
