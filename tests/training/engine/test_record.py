"""Weights are as readable as the files beside them."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cadrage.training.engine.record import write_weights


@pytest.mark.skipif(os.name != "posix", reason="permissions of this kind exist on POSIX systems only")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_the_umask_decides_who_may_read_the_weights(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_weights(tmp_path / "w.safetensors", {"a": torch.ones(2, 3).T})
    finally:
        os.umask(before)
    assert (tmp_path / "w.safetensors").stat().st_mode & 0o777 == mode
    assert torch.equal(load_file(tmp_path / "w.safetensors")["a"], torch.ones(3, 2))
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]
