"""Two processes with unlike numbers of good crops learn what one process with the whole batch learns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from cadrage.training.losses.counts import per_process

# Each process prints the gradient of its own photo and the count it divided by.
SCRIPT = """
import json, sys
from typing import NamedTuple
import torch
from torch import distributed as dist
from cadrage.training.systems.set_prediction.loss import SetLoss
from cadrage.training.systems.set_prediction.targets import PhotoTargets

class Answer(NamedTuple):
    boxes_cxcywh: torch.Tensor
    logits: torch.Tensor

rank, store = int(sys.argv[1]), sys.argv[2]
generator = torch.Generator().manual_seed(0)
boxes = torch.rand(2, 2, 6, 4, generator=generator).clamp(0.2, 0.8)
logits = torch.randn(2, 2, 6, generator=generator)
good = torch.rand(6, 4, generator=generator).split([5, 1])
targets = [PhotoTargets(each, each, torch.ones(len(each))) for each in good]
mine = slice(0, 2) if rank < 0 else slice(rank, rank + 1)
if rank >= 0:
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
boxes, logits = boxes[:, mine].clone().requires_grad_(), logits[:, mine].clone().requires_grad_()
loss = SetLoss()
loss.total(loss(Answer(boxes, logits), targets[mine])).backward()
print(json.dumps([boxes.grad.tolist(), logits.grad.tolist()]))
if rank >= 0:
    dist.destroy_process_group()
"""


def gradients(rank: int, store: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(rank), str(store)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_averaged_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    running = [gradients(rank, tmp_path / "store") for rank in (-1, 0, 1)]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    whole, *parts = ([torch.tensor(values) for values in json.loads(output)] for output in outputs)
    for place, expected in enumerate(whole):
        # A process contributes to its own photo only, and the mean over two processes halves it.
        averaged = torch.cat([part[place] for part in parts], dim=1) / 2
        assert expected.abs().max() > 0
        torch.testing.assert_close(averaged, expected)


def test_a_single_process_counts_its_own_crops_and_never_divides_by_nothing() -> None:
    assert [per_process(torch.tensor(count)).item() for count in (0, 1, 14)] == [1, 1, 14]
