"""The packaged ONNX files are the released training weights, exported."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from cadrage.inference.runtime import start
from cadrage.inference.store.packaged import FOLDER
from cadrage.photo import open_photo
from cadrage.training.systems.default import DefaultRecipe, build_default

ROOT = Path(__file__).parents[3]


def test_onnx_equals_torch_on_real_photos() -> None:
    card = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    model = build_default(DefaultRecipe.from_dict(card["training"]["recipe"])).eval()
    file = ROOT / "weights" / f"{card['name']}.{card['tag']}.safetensors"
    model.load_state_dict(load_file(file), strict=True)
    for photo in sorted((ROOT / "examples" / "photos").glob("*.jpg")):
        opened = open_photo(photo)
        pixels = opened.model_input(card["input"]["side"])
        image = torch.from_numpy(pixels).permute(2, 0, 1).float()[None] / 255
        log_aspect = torch.tensor([np.log(opened.size_wh[0] / opened.size_wh[1])], dtype=torch.float32)
        boxes = torch.rand(1, 20, 2, 2, generator=torch.Generator().manual_seed(0)).sort(dim=2).values.flatten(2)
        with torch.no_grad():
            features = model.trunk(image)
            expected = [features, *model.proposer(features, log_aspect)]
            expected.append(model.evaluator(features, log_aspect, boxes))

        def run(part: str, **inputs: torch.Tensor) -> list[np.ndarray]:
            session = start((FOLDER / f"{part}.onnx").read_bytes())
            outputs: list[np.ndarray] = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
            return outputs

        got = run("trunk", image=image) + run("proposer", features=features, log_aspect=log_aspect)
        got += run("evaluator", features=features, log_aspect=log_aspect, boxes=boxes)
        for ours, theirs in zip(got, expected, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=5e-4)
