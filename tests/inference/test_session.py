import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from cadrage.errors import ModelError, UsageError
from cadrage.geometry import mirror
from cadrage.inference.cropper import Cropper
from cadrage.inference.session import Model, load_model

SIDE = 28


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Model:
    return load_model(model_folder, threads=1)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def sorted_rows(*columns: np.ndarray) -> np.ndarray:
    rows = np.column_stack(columns)
    return rows[np.lexsort(np.round(rows, 4).T)]


def random_boxes(count: int, seed: int = 1) -> np.ndarray:
    edges = np.sort(np.random.default_rng(seed).random((count, 2, 2)), axis=1)
    return np.concatenate([edges[:, 0], edges[:, 1]], axis=1)


def test_proposals_join_the_photo_and_its_mirror_image(model: Model, anchors: np.ndarray) -> None:
    proposals = model.encode(noise(), (300, 200)).proposals()

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


def test_proposals_of_a_mirrored_photo_are_the_mirrored_proposals(model: Model) -> None:
    image = noise()
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


def test_many_boxes_score_like_single_ones(model: Model) -> None:
    encoded = model.encode(noise(), (300, 200))
    boxes = random_boxes(4500)  # more than two chunks

    scores = encoded.score(boxes)

    assert scores.shape == (4500,)
    for index in (0, 2047, 2048, 4499):
        assert encoded.score(boxes[[index]])[0] == pytest.approx(scores[index], abs=1e-6)


def test_no_box_has_no_score(model: Model) -> None:
    assert model.encode(noise(), (300, 200)).score(np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize("boxes", [np.zeros(4), np.zeros((2, 5)), np.zeros((1, 2, 4))])
def test_boxes_of_another_shape_are_refused(model: Model, boxes: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"expected boxes of shape \(N, 4\), got"):
        model.encode(noise(), (300, 200)).score(boxes)


@pytest.mark.parametrize("image", [np.zeros((28, 27, 3), np.uint8), np.zeros((28, 28, 3), np.float32)])
def test_images_of_another_size_or_kind_are_refused(model: Model, image: np.ndarray) -> None:
    with pytest.raises(UsageError, match="expected a uint8 image of shape"):
        model.encode(image, (300, 200))


def test_no_thread_is_not_enough(model_folder: Path) -> None:
    with pytest.raises(UsageError, match="threads"):
        load_model(model_folder, threads=0)


def test_the_weights_hash_changes_with_any_part(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    before = load_model(folder).card.weights_sha256
    edit_card(folder, lambda card: card["parts"]["proposer"].update(sha256="0" * 64))

    assert len(before) == 64
    assert load_model(folder, checked=False).card.weights_sha256 != before


@pytest.mark.parametrize("part", ["trunk", "proposer", "evaluator"])
def test_an_altered_part_is_refused(make_model: Callable[..., Path], part: str) -> None:
    folder = make_model()
    path = folder / f"{part}.onnx"
    path.write_bytes(path.read_bytes() + b"\0")

    with pytest.raises(ModelError, match=rf"{part}\.onnx: damaged or altered, expected sha256"):
        load_model(folder)


def test_a_missing_part_is_named(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    (folder / "evaluator.onnx").unlink()

    with pytest.raises(ModelError, match=r"evaluator\.onnx: cannot read"):
        load_model(folder)


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"card\.json: cannot read the model card"):
        load_model(tmp_path)


def edit_card(folder: Path, edit: Callable[[dict], object]) -> None:
    card = json.loads((folder / "card.json").read_text())
    edit(card)
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda card: card.pop("name"), "lacks name"),
        (
            lambda card: card.update(version=3),
            "expected version to be a non-empty text of at most 200 printable .*got 3",
        ),
        (lambda card: card["parts"].pop("trunk"), r"lacks parts\.trunk"),
        (lambda card: card["input"].update(side=True), r"input\.side"),
        (lambda card: card["input"].update(side=1e9), r"input\.side"),
        (lambda card: card.update(selection=[1]), "expected selection to be an object"),
        (lambda card: card["parts"]["trunk"].update(file="../trunk.onnx"), "plain file name"),
        (lambda card: card["parts"]["trunk"].update(file=".."), "plain file name"),
        (lambda card: card["parts"]["trunk"].update(sha256="abc"), "64 hexadecimal digits"),
    ],
)
def test_a_bad_card_is_refused_in_one_line(
    make_model: Callable[..., Path], edit: Callable[[dict], object], complaint: str
) -> None:
    folder = make_model()
    edit_card(folder, edit)

    with pytest.raises(ModelError, match=complaint) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_a_card_that_is_not_json_is_refused(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    (folder / "card.json").write_text("{")

    with pytest.raises(ModelError, match="not valid JSON"):
        load_model(folder)


def test_a_part_that_is_not_onnx_fails_in_one_line(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    (folder / "trunk.onnx").write_bytes(b"not a network")

    with pytest.raises(ModelError, match=r"trunk\.onnx: not a usable ONNX file") as caught:
        load_model(folder, checked=False).encode(noise(), (300, 200))
    assert "\n" not in str(caught.value)


def test_parts_in_the_wrong_place_fail_in_one_line(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    (folder / "proposer.onnx").write_bytes((folder / "trunk.onnx").read_bytes())

    with pytest.raises(ModelError, match="its proposer cannot run"):
        load_model(folder, checked=False).encode(noise(), (300, 200)).proposals()


def test_weights_in_another_file_are_refused(make_model: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_model()
    part = onnx.load(folder / "proposer.onnx")
    tensor = part.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location="../secret")
    tensor.ClearField("raw_data")
    (folder / "proposer.onnx").write_bytes(part.SerializeToString())

    with pytest.raises(ModelError, match="has some of its numbers in other files; export it again as one file"):
        load_model(folder, checked=False)


def test_numbers_that_are_not_finite_are_refused(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    part = onnx.load(folder / "proposer.onnx")
    sharpness = next(tensor for tensor in part.graph.initializer if tensor.name == "sharpness")
    sharpness.raw_data = np.float32(np.nan).tobytes()
    (folder / "proposer.onnx").write_bytes(part.SerializeToString())

    with pytest.raises(ModelError, match="not finite"):
        load_model(folder, checked=False).encode(noise(), (300, 200)).proposals()


def test_boxes_that_vanish_lose_their_weight(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    part = onnx.load(folder / "proposer.onnx")
    anchors = next(tensor for tensor in part.graph.initializer if tensor.name == "anchors")
    boxes = np.tile(np.float32([0.5, 0.5, 0.5, 0.5]), (1, 49, 1))
    boxes[0, 7] = (-0.5, 0.1, 1.5, 0.9)
    anchors.raw_data = boxes.tobytes()
    (folder / "proposer.onnx").write_bytes(part.SerializeToString())

    proposals = load_model(folder, checked=False).encode(noise(), (300, 200)).proposals()

    np.testing.assert_allclose(proposals.boxes_xyxy, [[0, 0.1, 1, 0.9]] * 2, atol=1e-6)
    assert proposals.weights.sum() == pytest.approx(1)


def test_a_model_without_evaluator_proposes_and_says_that_it_scores_nothing(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    edit_card(folder, lambda card: card["parts"].pop("evaluator"))
    (folder / "evaluator.onnx").unlink()
    cropper = Cropper(folder)
    encoded = cropper.encode(np.zeros((40, 60, 3), np.uint8))
    assert len(encoded.suggest(n=2).crops) == 2
    with pytest.raises(ModelError, match="scores no given boxes; use one with an evaluator"):
        encoded.score([[0, 0, 1, 1]])


def make_set_predictor(folder: Path, logits: np.ndarray) -> Model:
    """Give the model's anchors the validities ``sigmoid(logits (49,))`` in both views, as set predictors emit them."""
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


def test_a_predicted_set_is_every_proposal_of_the_photo_in_order_of_validity(
    make_model: Callable[..., Path], anchors: np.ndarray
) -> None:
    logits = np.random.default_rng(3).normal(0, 3, 49)

    found = make_set_predictor(make_model(), logits).encode(noise(), (300, 200)).predicted_set()

    order = np.argsort(-logits)
    np.testing.assert_allclose(found.boxes_xyxy, anchors[order], atol=1e-6)
    np.testing.assert_allclose(found.validities, 1 / (1 + np.exp(-logits[order])), rtol=1e-6)
    assert found.validities.sum() > 1


def test_equally_valid_proposals_keep_the_order_of_the_anchors(
    make_model: Callable[..., Path], anchors: np.ndarray
) -> None:
    found = make_set_predictor(make_model(), np.full(49, -1.0)).encode(noise(), (300, 200)).predicted_set()
    np.testing.assert_allclose(found.boxes_xyxy, anchors, atol=1e-6)


def test_weights_of_a_set_predictor_are_its_validities_shared_out(make_model: Callable[..., Path]) -> None:
    encoded = make_set_predictor(make_model(), np.linspace(4, -4, 49)).encode(noise(), (300, 200))
    validities = encoded.predicted_set().validities
    np.testing.assert_allclose(encoded.proposals().weights[:49], validities / validities.sum() / 2, rtol=1e-6)


def test_a_distribution_has_no_validities_and_says_so(model: Model) -> None:
    with pytest.raises(ModelError, match="predicts one distribution over crops, not how valid each is") as caught:
        model.encode(noise(), (300, 200)).predicted_set()
    assert "\n" not in str(caught.value)


def test_a_card_that_promises_validities_must_keep_its_word(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    edit_card(folder, lambda card: card.update(proposals="validity"))
    red = np.zeros((SIDE, SIDE, 3), np.uint8)
    red[..., 0] = 255
    with pytest.raises(ModelError, match="validities above 1; export the model again"):
        load_model(folder).encode(red, (300, 200)).predicted_set()


def test_a_photo_is_asked_once_for_its_set_and_its_distribution(
    make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = make_set_predictor(make_model(), np.zeros(49)).encode(noise(), (300, 200))
    runs: list[str] = []
    real_run = Model.run
    monkeypatch.setattr(Model, "run", lambda self, part, *rest: runs.append(part) or real_run(self, part, *rest))
    encoded.proposals()
    encoded.predicted_set()
    assert runs == ["proposer"]


def test_boxes_of_a_set_end_at_the_border_of_the_photo(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    part = onnx.load(folder / "proposer.onnx")
    anchors = next(tensor for tensor in part.graph.initializer if tensor.name == "anchors")
    anchors.raw_data = np.tile(np.float32([-0.5, 0.1, 1.5, 0.9]), (1, 49, 1)).tobytes()
    (folder / "proposer.onnx").write_bytes(part.SerializeToString())
    found = make_set_predictor(folder, np.zeros(49)).encode(noise(), (300, 200)).predicted_set()
    np.testing.assert_allclose(found.boxes_xyxy, np.tile([0, 0.1, 1, 0.9], (49, 1)), atol=1e-6)


def test_a_card_says_what_its_proposals_mean(make_model: Callable[..., Path]) -> None:
    folder = make_model()
    assert load_model(folder).card.proposals == "distribution"
    edit_card(folder, lambda card: card.update(proposals="validity"))
    assert load_model(folder).card.proposals == "validity"
    edit_card(folder, lambda card: card.update(proposals="scores"))
    with pytest.raises(ModelError, match="expected proposals to be distribution or validity, got 'scores'"):
        load_model(folder)
    edit_card(folder, lambda card: card.update(proposals=["validity"]))
    with pytest.raises(ModelError, match="expected proposals to be"):
        load_model(folder)


def answering(nodes: list[onnx.NodeProto], outputs: dict[str, int], *constants: onnx.TensorProto) -> bytes:
    """A part that takes features and an aspect and has outputs of these types, whatever shape they have."""
    inputs = [
        onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, None),
        onnx.helper.make_tensor_value_info("log_aspect", onnx.TensorProto.FLOAT, None),
    ]
    returned = [onnx.helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    made = onnx.helper.make_graph(nodes, "part", inputs, returned, list(constants))
    return onnx.helper.make_model(
        made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()


def constant_outputs(**values: np.ndarray) -> bytes:
    kinds = {name: onnx.helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in values.items()}
    nodes = [onnx.helper.make_node("Identity", [f"{name} values"], [name]) for name in values]
    constants = [onnx.numpy_helper.from_array(value, f"{name} values") for name, value in values.items()]
    return answering(nodes, kinds, *constants)


@pytest.mark.parametrize(
    ("boxes", "logits"),
    [
        (np.zeros((2, 0, 4), np.float32), np.zeros((2, 0), np.float32)),
        (np.zeros((2, 5, 4), np.float32), np.zeros((2, 4), np.float32)),
        (np.zeros((2, 5, 3), np.float32), np.zeros((2, 5), np.float32)),
        (np.zeros((1, 5, 4), np.float32), np.zeros((1, 5), np.float32)),
        (np.zeros((3,), np.float32), np.float32(1)),
        (np.zeros((2, 5, 4), np.float32), np.array([["a"] * 5] * 2, object)),
        (np.zeros((2, 5, 4), bool), np.zeros((2, 5), np.float32)),
    ],
)
def test_a_proposer_that_returns_something_else_is_told(
    make_model: Callable[..., Path], boxes: np.ndarray, logits: np.ndarray
) -> None:
    folder = make_model()
    (folder / "proposer.onnx").write_bytes(constant_outputs(boxes=boxes, validity_logits=np.asarray(logits)))
    with pytest.raises(ModelError, match=r"its proposer (returned|cannot run)") as caught:
        load_model(folder, checked=False).encode(noise(), (300, 200)).proposals()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("shape", [(), (2,), (2, 1), (1, 3), (3, 2), (2, 3, 1)])
def test_an_evaluator_that_returns_another_shape_is_told(
    make_model: Callable[..., Path], shape: tuple[int, ...]
) -> None:
    folder = make_model()
    part = onnx.load(folder / "evaluator.onnx")
    (last,) = (node for node in part.graph.node if node.output[0] == "scores")
    last.output[0] = "true scores"
    part.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(shape, np.float32), "other"))
    part.graph.node.append(onnx.helper.make_node("Identity", ["other"], ["scores"]))
    part.graph.output[0].type.tensor_type.ClearField("shape")
    (folder / "evaluator.onnx").write_bytes(part.SerializeToString())
    with pytest.raises(ModelError, match=r"its evaluator (returned|cannot run)"):
        load_model(folder, checked=False).encode(noise(), (300, 200)).score([[0, 0, 0.5, 0.5]] * 3)


@pytest.mark.parametrize("name", [b"na\xffme", b"na\x1b[31mme", b"na\nme", b"na\x00me"])
def test_what_a_file_says_reaches_nobody_unasked(
    make_model: Callable[..., Path], capfd: pytest.CaptureFixture[str], name: bytes
) -> None:
    folder = make_model()
    content = (folder / "trunk.onnx").read_bytes()
    assert content.count(b"\x05image") >= 1
    # The node asks for an input that the graph does not have; the runtime repeats its name.
    renamed = content.replace(b"\x0a\x05image", b"\x0a\x05" + (name + b"....")[:5], 1)
    (folder / "trunk.onnx").write_bytes(renamed)
    with pytest.raises(ModelError) as caught:
        load_model(folder, checked=False).encode(noise(), (300, 200))
    assert str(caught.value).isprintable()
    assert capfd.readouterr() == ("", "")
