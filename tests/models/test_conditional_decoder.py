import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cadrage.models.checkpoints.conditional_detr import translate
from cadrage.models.conditional_decoder import ConditionalCrossAttention, ConditionalDecoder
from cadrage.models.encoder import Encoder, place_code, unpadded_cell_places

CALIBRATION = Path(__file__).parent / "calibration" / "set_prediction_transformer.npz"


def noise(shape: tuple[int, ...], number: int) -> Tensor:
    """The formula every calibration input comes from; see the note beside the file."""
    values = np.sin(12.9898 * np.arange(math.prod(shape)) + 78.233 * number) * 43758.5453
    return torch.from_numpy((values - np.floor(values) - 0.5).reshape(shape))


def row_by_row(maps: Tensor) -> Tensor:
    return maps.flatten(2).transpose(1, 2)


def test_encoder_and_decoder_return_what_the_released_code_returns() -> None:
    with np.load(CALIBRATION) as file:
        recorded = dict(file)
    tensors = {}
    for number, (name, shape) in enumerate(zip(recorded["names"], recorded["shapes"], strict=True)):
        tensor = 0.2 * noise(tuple(map(int, shape.strip("[]").split(","))), number)
        is_norm_weight = "norm" in name and name.endswith("weight")
        tensors[f"transformer.{name}"] = tensor + 1 if is_norm_weight else tensor
    encoder, decoder = (
        Encoder(2, 256, 8, 128, 0.1).double().eval(),
        ConditionalDecoder(2, 256, 8, 128, 0.1).double().eval(),
    )
    ours = translate(tensors)
    for room, module in (("encoder", encoder), ("decoder", decoder)):
        prefix = f"proposer.{room}."
        module.load_state_dict(
            {name.removeprefix(prefix): ours.pop(name) for name in list(ours) if name.startswith(prefix)}
        )
    assert ours == {}

    padding = torch.from_numpy(recorded["mask"])
    position = place_code(unpadded_cell_places(padding, like=torch.zeros(1)), 256)
    torch.testing.assert_close(position, row_by_row(torch.from_numpy(recorded["position"])), atol=1e-6, rtol=0)

    position, padding = row_by_row(torch.from_numpy(recorded["position"])).double(), padding.flatten(1)
    with torch.no_grad():
        memory = encoder(row_by_row(2 * noise((2, 256, 5, 7), 1000)), position, padding)
        answers, reference = decoder(4 * noise((6, 256), 2000), memory, position, padding)
    torch.testing.assert_close(answers, torch.from_numpy(recorded["hs"]), atol=1e-8, rtol=0)
    torch.testing.assert_close(reference.expand(2, -1, -1), torch.from_numpy(recorded["reference"]), atol=1e-8, rtol=0)


@pytest.mark.parametrize("first", [True, False])
def test_cross_attention_spelled_out_head_by_head(first: bool) -> None:
    torch.manual_seed(0)
    heads, width = 3, 12
    attention = ConditionalCrossAttention(width, heads, 0.1, first=first).double().eval()
    content, anchors = torch.randn(1, 5, width).double(), torch.randn(5, width).double()
    seen_from = torch.randn(1, 5, width).double()
    memory, position = torch.randn(1, 7, width).double(), torch.randn(1, 7, width).double()
    got = attention(content, anchors, seen_from, memory, position, None)[0]

    query_content, key_content = attention.query_content(content)[0], attention.key_content(memory)[0]
    query_place, key_place = attention.query_place(seen_from)[0], attention.key_place(position)[0]
    if first:
        query_content, key_content = query_content + attention.query_anchor(anchors), key_content + key_place
    mixed = []
    for head in range(heads):
        part = slice(head * width // heads, (head + 1) * width // heads)
        # Side by side within a head, the two products add up.
        alike = query_content[:, part] @ key_content[:, part].T + query_place[:, part] @ key_place[:, part].T
        weights = (alike / math.sqrt(2 * width / heads)).softmax(dim=-1)
        mixed.append(weights @ attention.value(memory)[0][:, part])
    torch.testing.assert_close(got, attention.out(torch.cat(mixed, dim=-1)))


@pytest.fixture
def decoder() -> ConditionalDecoder:
    torch.manual_seed(1)
    return ConditionalDecoder(3, 16, 4, 8, 0.1).eval()


def test_only_the_first_layer_asks_the_anchors_in_the_cross_attention(decoder: ConditionalDecoder) -> None:
    asking = [layer.to_photo.query_anchor is not None for layer in decoder.layers]
    assert asking == [True, False, False]


def test_the_order_of_anchors_orders_the_answers(decoder: ConditionalDecoder) -> None:
    anchors, memory, position = torch.randn(6, 16), torch.randn(2, 9, 16), torch.randn(1, 9, 16)
    order = torch.randperm(6)
    answers, reference = decoder(anchors, memory, position)
    shuffled, moved = decoder(anchors[order], memory, position)
    torch.testing.assert_close(shuffled, answers[:, :, order])
    torch.testing.assert_close(moved, reference[order])


def test_the_order_of_cells_changes_nothing_and_padded_cells_are_not_seen(decoder: ConditionalDecoder) -> None:
    anchors, memory, position = torch.randn(6, 16), torch.randn(2, 9, 16), torch.randn(1, 9, 16)
    order = torch.randperm(9)
    answers, _ = decoder(anchors, memory, position)
    shuffled, _ = decoder(anchors, memory[:, order], position[:, order])
    torch.testing.assert_close(shuffled, answers)

    padding = torch.arange(12).expand(2, 12) >= 9
    more, places = torch.cat([memory, torch.randn(2, 3, 16)], 1), torch.cat([position, torch.randn(1, 3, 16)], 1)
    padded, _ = decoder(anchors, more, places, padding)
    torch.testing.assert_close(padded, answers)


def test_reference_points_lie_in_the_photo_and_are_exact_under_autocast(decoder: ConditionalDecoder) -> None:
    anchors = torch.randn(50, 16)
    points = decoder.reference_points(anchors)
    assert points.shape == (50, 2) and points.min() > 0 and points.max() < 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(decoder.reference_points(anchors), points, atol=0, rtol=0)


def test_initial_weights(decoder: ConditionalDecoder) -> None:
    for name, parameter in decoder.named_parameters():
        if parameter.dim() > 1:
            bound = math.sqrt(6 / sum(parameter.shape))
            assert 0.7 * bound < parameter.abs().max() <= bound, name
        if name.endswith(".out.bias"):
            assert parameter.abs().max() == 0, name
