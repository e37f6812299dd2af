import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from cadrage.errors import ModelError, UsageError
from cadrage.geometry import mirror
from cadrage.inference.session import Model, load_model

SIDE = 28


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Model:
    return load_model(model_folder, threads=1)


def sorted_rows(*columns: np.ndarray) -> np.ndarray:
    rows = np.column_stack(columns)
    return rows[np.lexsort(np.round(rows, 4).T)]


def random_boxes(count: int, seed: int = 1) -> np.ndarray:
    edges = np.sort(np.random.default_rng(seed).random((count, 2, 2)), axis=1)
    return np.concatenate([edges[:, 0], edges[:, 1]], axis=1)


def test_proposals_join_the_photo_and_its_mirror_image(model: Model, anchors: np.ndarray, noise: np.ndarray) -> None:
    proposals = model.encode(noise, (300, 200)).proposals()

    assert proposals.boxes_xyxy.shape == (98, 4)
    np.testing.assert_allclose(proposals.boxes_xyxy[:49], anchors, atol=1e-6)
    np.testing.assert_allclose(proposals.boxes_xyxy[49:], mirror(anchors), atol=1e-6)
    assert proposals.weights.sum() == pytest.approx(1)
    assert proposals.weights[:49].sum() == pytest.approx(0.5)


def test_weights_are_the_softmax_of_the_validity_logits(model: Model) -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:4, :4, 0] = 255  # exactly the first cell

    weights = model.encode(image, (100, 100)).proposals().weights

    assert weights[0] == pytest.approx(0.5 * math.exp(12) / (math.exp(12) + 48), rel=1e-5)


def test_proposals_of_a_mirrored_photo_are_the_mirrored_proposals(model: Model, noise: np.ndarray) -> None:
    image = noise
    straight = model.encode(image, (300, 200)).proposals()
    flipped = model.encode(np.ascontiguousarray(image[:, ::-1]), (300, 200)).proposals()

    np.testing.assert_allclose(
        sorted_rows(mirror(flipped.boxes_xyxy), flipped.weights),
        sorted_rows(straight.boxes_xyxy, straight.weights),
        atol=1e-6,
    )


def test_scores_average_both_views(model: Model) -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[..., 1] = 255
    boxes = np.array([[0.2, 0, 0.6, 1], [0.4, 0, 0.8, 1], [0, 0, 1, 1]])

    scores = model.encode(image, (200, 100)).score(boxes)

    np.testing.assert_allclose(scores, np.array([0.3, 0.3, 0.0]) + 0.25 * math.log(2), atol=1e-6)


def test_many_boxes_score_like_single_ones(model: Model, noise: np.ndarray) -> None:
    encoded = model.encode(noise, (300, 200))
    boxes = random_boxes(4500)  # more than two chunks

    scores = encoded.score(boxes)

    assert scores.shape == (4500,)
    for index in (0, 2047, 2048, 4499):
        assert encoded.score(boxes[[index]])[0] == pytest.approx(scores[index], abs=1e-6)


def test_no_box_has_no_score(model: Model, noise: np.ndarray) -> None:
    assert model.encode(noise, (300, 200)).score(np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize("boxes", [np.zeros(4), np.zeros((2, 5)), np.zeros((1, 2, 4))])
def test_boxes_of_another_shape_are_refused(model: Model, boxes: np.ndarray, noise: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"expected boxes of shape \(N, 4\), got"):
        model.encode(noise, (300, 200)).score(boxes)


@pytest.mark.parametrize("image", [np.zeros((28, 27, 3), np.uint8), np.zeros((28, 28, 3), np.float32)])
def test_images_of_another_size_or_kind_are_refused(model: Model, image: np.ndarray) -> None:
    with pytest.raises(UsageError, match="expected a uint8 image of shape"):
        model.encode(image, (300, 200))


def test_no_thread_is_not_enough(model_folder: Path) -> None:
    with pytest.raises(UsageError, match="threads"):
        load_model(model_folder, threads=0)


def test_boxes_that_vanish_lose_their_weight(make_model: Callable[..., Path], noise: np.ndarray) -> None:
    folder = make_model()
    part = onnx.load(folder / "proposer.onnx")
    anchors = next(tensor for tensor in part.graph.initializer if tensor.name == "anchors")
    boxes = np.tile(np.float32([0.5, 0.5, 0.5, 0.5]), (1, 49, 1))
    boxes[0, 7] = (-0.5, 0.1, 1.5, 0.9)
    anchors.raw_data = boxes.tobytes()
    (folder / "proposer.onnx").write_bytes(part.SerializeToString())

    proposals = load_model(folder, checked=False).encode(noise, (300, 200)).proposals()

    np.testing.assert_allclose(proposals.boxes_xyxy, [[0, 0.1, 1, 0.9]] * 2, atol=1e-6)
    assert proposals.weights.sum() == pytest.approx(1)


@pytest.fixture
def make_set_predictor(edit_card: Callable[..., None]) -> Callable[[Path, np.ndarray], Model]:
    """Give a model's anchors the validities ``sigmoid(logits (49,))`` in both views, as set predictors emit them."""

    def make(folder: Path, logits: np.ndarray) -> Model:
        part = onnx.load(folder / "proposer.onnx")
        sharpness = next(tensor for tensor in part.graph.initializer if tensor.name == "sharpness")
        sharpness.raw_data = np.float32(0).tobytes()
        log_validities = -np.log1p(np.exp(-np.asarray(logits, np.float64)))[None]
        product, *_ = (node for node in part.graph.node if node.output[0] == "validity_logits")
        product.output[0] = "silence"
        part.graph.initializer.append(onnx.numpy_helper.from_array(log_validities.astype(np.float32), "log_validities"))
        part.graph.node.append(onnx.helper.make_node("Add", ["silence", "log_validities"], ["validity_logits"]))
        (folder / "proposer.onnx").write_bytes(part.SerializeToString())
        edit_card(folder, lambda card: card.update(proposals="validity"))
        return load_model(folder, checked=False)

    return make


def test_a_predicted_set_is_every_proposal_of_the_photo_in_order_of_validity(
    make_model: Callable[..., Path], anchors: np.ndarray, noise: np.ndarray, make_set_predictor: Callable[..., Model]
) -> None:
    logits = np.random.default_rng(3).normal(0, 3, 49)

    found = make_set_predictor(make_model(), logits).encode(noise, (300, 200)).predicted_set()

    order = np.argsort(-logits)
    np.testing.assert_allclose(found.boxes_xyxy, anchors[order], atol=1e-6)
    np.testing.assert_allclose(found.validities, 1 / (1 + np.exp(-logits[order])), rtol=1e-6)
    assert found.validities.sum() > 1


def test_equally_valid_proposals_keep_the_order_of_the_anchors(
    make_model: Callable[..., Path], anchors: np.ndarray, noise: np.ndarray, make_set_predictor: Callable[..., Model]
) -> None:
    found = make_set_predictor(make_model(), np.full(49, -1.0)).encode(noise, (300, 200)).predicted_set()
    np.testing.assert_allclose(found.boxes_xyxy, anchors, atol=1e-6)


def test_weights_of_a_set_predictor_are_its_validities_shared_out(
    make_model: Callable[..., Path], noise: np.ndarray, make_set_predictor: Callable[..., Model]
) -> None:
    encoded = make_set_predictor(make_model(), np.linspace(4, -4, 49)).encode(noise, (300, 200))
    validities = encoded.predicted_set().validities
    np.testing.assert_allclose(encoded.proposals().weights[:49], validities / validities.sum() / 2, rtol=1e-6)


def test_a_distribution_has_no_validities_and_says_so(model: Model, noise: np.ndarray) -> None:
    with pytest.raises(ModelError, match="predicts one distribution over crops, not how valid each is") as caught:
        model.encode(noise, (300, 200)).predicted_set()
    assert "\n" not in str(caught.value)


def test_a_card_that_promises_validities_must_keep_its_word(
    make_model: Callable[..., Path], edit_card: Callable[..., None]
) -> None:
    folder = make_model()
    edit_card(folder, lambda card: card.update(proposals="validity"))
    red = np.zeros((SIDE, SIDE, 3), np.uint8)
    red[..., 0] = 255
    with pytest.raises(ModelError, match="validities above 1; export the model again"):
        load_model(folder).encode(red, (300, 200)).predicted_set()


def test_a_photo_is_asked_once_for_its_set_and_its_distribution(
    make_model: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    noise: np.ndarray,
    make_set_predictor: Callable[..., Model],
) -> None:
    encoded = make_set_predictor(make_model(), np.zeros(49)).encode(noise, (300, 200))
    runs: list[str] = []
    real_run = Model.run
    monkeypatch.setattr(Model, "run", lambda self, part, *rest: runs.append(part) or real_run(self, part, *rest))
    encoded.proposals()
    encoded.predicted_set()
    assert runs == ["proposer"]


def test_boxes_of_a_set_end_at_the_border_of_the_photo(
    make_model: Callable[..., Path], noise: np.ndarray, make_set_predictor: Callable[..., Model]
) -> None:
    folder = make_model()
    part = onnx.load(folder / "proposer.onnx")
    anchors = next(tensor for tensor in part.graph.initializer if tensor.name == "anchors")
    anchors.raw_data = np.tile(np.float32([-0.5, 0.1, 1.5, 0.9]), (1, 49, 1)).tobytes()
    (folder / "proposer.onnx").write_bytes(part.SerializeToString())
    found = make_set_predictor(folder, np.zeros(49)).encode(noise, (300, 200)).predicted_set()
    np.testing.assert_allclose(found.boxes_xyxy, np.tile([0, 0.1, 1, 0.9], (49, 1)), atol=1e-6)
