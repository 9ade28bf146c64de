"""Devices in words, seeds that do not depend on the batch (cases 28, 29)."""

from __future__ import annotations

import pytest
import torch

from soundvcm import runtime
from soundvcm.errors import DeviceError, OptionError


def test_auto_is_something_that_works() -> None:
    assert runtime.resolve_device("auto").type == runtime.available_devices()[0]
    assert runtime.available_devices()[-1] == "cpu"


def test_missing_cuda_says_what_this_torch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"CUDA is not available \(PyTorch .* built for"):
        runtime.resolve_device("cuda")
    with pytest.raises(DeviceError, match="unknown device 'gpu'"):
        runtime.resolve_device("gpu")
    with pytest.raises(DeviceError, match="no device 'cpu:3'"):
        runtime.resolve_device("cpu:3")


def test_formats() -> None:
    cpu = torch.device("cpu")
    assert runtime.resolve_dtype("bfloat16", cpu) is torch.bfloat16
    with pytest.raises(DeviceError, match="float32 or bfloat16"):
        runtime.resolve_dtype("float16", cpu)
    with pytest.raises(DeviceError, match="unknown dtype"):
        runtime.resolve_dtype("float8", cpu)


def test_noise_of_a_row_depends_on_its_seed_only() -> None:
    alone = runtime.seeded_noise([7], (5, 3))
    batch = runtime.seeded_noise([1, 7, 9], (5, 3))
    assert torch.equal(alone[0], batch[1]) and not torch.equal(batch[0], batch[1])
    assert torch.equal(
        runtime.seeded_noise([runtime.MAX_SEED], (2,)), runtime.seeded_noise([2**63 - 1], (2,))
    )


def test_seeds() -> None:
    assert runtime.pick_seed(0) == 0 and runtime.pick_seed(2**63 - 1) == 2**63 - 1
    assert 0 <= runtime.pick_seed(-1) < 2**31
    for bad in (-2, 2**63):
        with pytest.raises(OptionError, match="out of range"):
            runtime.pick_seed(bad)


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    with runtime.threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pytest.raises(OptionError, match="at least 1"), runtime.threads(0):
        pass


def test_machine_in_words() -> None:
    assert set(runtime.describe_machine()) == {"torch", "device", "cores"} and runtime.core_count() >= 1
