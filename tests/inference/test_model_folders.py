"""Model folders: their cards and parts, and what is said of those that are damaged or answer something else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from cadrage.errors import ModelError
from cadrage.inference.cropper import Cropper
from cadrage.inference.session import load_model


def test_the_weights_hash_changes_with_any_part(
    make_model: Callable[..., Path], edit_card: Callable[..., None]
) -> None:
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
        (lambda card: card["input"].update(shape="round"), r"input\.shape to be square or own, got .round"),
        (lambda card: card["input"].update(filter="nearest"), r"input\.filter to be area or bilinear-plain or lanczos"),
        (lambda card: card["input"].update(shape="own"), r"input\.multiple .* got None"),
        (lambda card: card["input"].update(shape="own", multiple=32), r"input\.longer_side_limit"),
        (lambda card: card.update(selection=[1]), "expected selection to be an object"),
        (lambda card: card["parts"]["trunk"].update(file="../trunk.onnx"), "plain file name"),
        (lambda card: card["parts"]["trunk"].update(file=".."), "plain file name"),
        (lambda card: card["parts"]["trunk"].update(sha256="abc"), "64 hexadecimal digits"),
    ],
)
def test_a_bad_card_is_refused_in_one_line(
    make_model: Callable[..., Path], edit: Callable[[dict], object], complaint: str, edit_card: Callable[..., None]
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


def test_a_card_says_what_its_proposals_mean(make_model: Callable[..., Path], edit_card: Callable[..., None]) -> None:
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


def test_a_part_that_is_not_onnx_fails_in_one_line(make_model: Callable[..., Path], noise: np.ndarray) -> None:
    folder = make_model()
    (folder / "trunk.onnx").write_bytes(b"not a network")

    with pytest.raises(ModelError, match=r"trunk\.onnx: not a usable ONNX file") as caught:
        load_model(folder, checked=False).encode(noise, (300, 200))
    assert "\n" not in str(caught.value)


def test_parts_in_the_wrong_place_fail_in_one_line(make_model: Callable[..., Path], noise: np.ndarray) -> None:
    folder = make_model()
    (folder / "proposer.onnx").write_bytes((folder / "trunk.onnx").read_bytes())

    with pytest.raises(ModelError, match="its proposer cannot run"):
        load_model(folder, checked=False).encode(noise, (300, 200)).proposals()


def test_weights_in_another_file_are_refused(make_model: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_model()
    part = onnx.load(folder / "proposer.onnx")
    tensor = part.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location="../secret")
    tensor.ClearField("raw_data")
    (folder / "proposer.onnx").write_bytes(part.SerializeToString())

    with pytest.raises(ModelError, match="has some of its numbers in other files; export it again as one file"):
        load_model(folder, checked=False)


def test_numbers_that_are_not_finite_are_refused(make_model: Callable[..., Path], noise: np.ndarray) -> None:
    folder = make_model()
    part = onnx.load(folder / "proposer.onnx")
    sharpness = next(tensor for tensor in part.graph.initializer if tensor.name == "sharpness")
    sharpness.raw_data = np.float32(np.nan).tobytes()
    (folder / "proposer.onnx").write_bytes(part.SerializeToString())

    with pytest.raises(ModelError, match="not finite"):
        load_model(folder, checked=False).encode(noise, (300, 200)).proposals()


def test_a_model_without_evaluator_proposes_and_says_that_it_scores_nothing(
    make_model: Callable[..., Path], edit_card: Callable[..., None]
) -> None:
    folder = make_model()
    edit_card(folder, lambda card: card["parts"].pop("evaluator"))
    (folder / "evaluator.onnx").unlink()
    cropper = Cropper(folder)
    encoded = cropper.encode(np.zeros((40, 60, 3), np.uint8))
    assert len(encoded.suggest(n=2).crops) == 2
    with pytest.raises(ModelError, match="scores no given boxes; use one with an evaluator"):
        encoded.score([[0, 0, 1, 1]])


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
    make_model: Callable[..., Path], boxes: np.ndarray, logits: np.ndarray, noise: np.ndarray
) -> None:
    folder = make_model()
    (folder / "proposer.onnx").write_bytes(constant_outputs(boxes=boxes, validity_logits=np.asarray(logits)))
    with pytest.raises(ModelError, match=r"its proposer (returned|cannot run)") as caught:
        load_model(folder, checked=False).encode(noise, (300, 200)).proposals()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("shape", [(), (2,), (2, 1), (1, 3), (3, 2), (2, 3, 1)])
def test_an_evaluator_that_returns_another_shape_is_told(
    make_model: Callable[..., Path], shape: tuple[int, ...], noise: np.ndarray
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
        load_model(folder, checked=False).encode(noise, (300, 200)).score([[0, 0, 0.5, 0.5]] * 3)


@pytest.mark.parametrize("name", [b"na\xffme", b"na\x1b[31mme", b"na\nme", b"na\x00me"])
def test_what_a_file_says_reaches_nobody_unasked(
    make_model: Callable[..., Path], capfd: pytest.CaptureFixture[str], name: bytes, noise: np.ndarray
) -> None:
    folder = make_model()
    content = (folder / "trunk.onnx").read_bytes()
    assert content.count(b"\x05image") >= 1
    # The node asks for an input that the graph does not have; the runtime repeats its name.
    renamed = content.replace(b"\x0a\x05image", b"\x0a\x05" + (name + b"....")[:5], 1)
    (folder / "trunk.onnx").write_bytes(renamed)
    with pytest.raises(ModelError) as caught:
        load_model(folder, checked=False).encode(noise, (300, 200))
    assert str(caught.value).isprintable()
    assert capfd.readouterr() == ("", "")
