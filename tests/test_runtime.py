"""Devices in words, seeds that do not depend on the batch (cases 28, 29)."""

from __future__ import annotations

import shutil
import sys

import pytest
import torch
from standins import random_network
from torch import nn

from soundvcm import runtime
from soundvcm.errors import DeviceError, OptionError
from soundvcm.network import VelocityNetwork
from soundvcm.records import Conditions


def test_auto_is_something_that_works() -> None:
    assert runtime.resolve_device("auto").type == runtime.available_devices()[0]
    assert runtime.available_devices()[-1] == "cpu"


def test_missing_cuda_says_what_this_torch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="PyTorch"):
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


def test_bfloat16_is_called_fast_where_the_machine_multiplies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for one in (False, True):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda one=one: one, raising=False)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
        assert runtime.fast_bfloat16(cpu) is one
    assert not runtime.fast_bfloat16(torch.device("mps"))


def test_keeping_freed_memory_needs_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Called in a process of its own elsewhere: it lasts as long as the process."""
    monkeypatch.setattr(runtime.ctypes, "CDLL", lambda name: object())
    assert runtime.keep_freed_memory() is False
    monkeypatch.setattr(runtime.sys, "platform", "win32")
    assert runtime.keep_freed_memory() is False


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    with runtime.threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pytest.raises(OptionError, match="at least 1"), runtime.threads(0):
        pass


def test_machine_in_words() -> None:
    assert set(runtime.describe_machine()) == {"torch", "device", "cores"} and runtime.core_count() >= 1


class Doubling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x * self.factor)


def test_compiled_modules_give_the_same_and_keep_their_names() -> None:
    """What changes is how forward is called, not the weights or their names."""
    part, x = Doubling().requires_grad_(False), torch.linspace(-1, 1, 7)
    expected, names = part(x), list(part.state_dict())
    traced: list[int] = []

    def backend(graph: torch.fx.GraphModule, given: object) -> object:
        traced.append(len(graph.graph.nodes))
        return graph.forward

    assert runtime.compile_forward([part], torch.device("cpu"), backend) == 1
    assert torch.equal(part(x), expected) and torch.equal(part(-x), part(-x)) and len(traced) == 1
    assert list(part.state_dict()) == names


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(DeviceError, match="--compile"):
        runtime.compile_forward([Doubling()], torch.device("cpu"))
    monkeypatch.setenv("CXX", "clang++-17")
    with pytest.raises(DeviceError, match=r"clang\+\+-17"):
        runtime.compile_forward([Doubling()], torch.device("cpu"))


def velocity(network: VelocityNetwork, n: int) -> torch.Tensor:
    """One call of a network of stand-ins with all conditions, [1 n c]."""
    generator = torch.Generator().manual_seed(n)
    config = network.config
    conditions = Conditions.of(
        semantic=torch.randn(1, 3, config.semantic_dim, generator=generator),
        sync=torch.randn(1, n, config.sync_dim, generator=generator),
        text=torch.randn(1, 1, config.text_dim, generator=generator),
    )
    noisy, t = torch.randn(1, n, config.latent_dim, generator=generator), torch.ones(1)
    with torch.inference_mode():
        return network(noisy, t, 0 * t, conditions)


def test_blocks_of_a_network_can_be_traced_and_serve_every_length() -> None:
    network = random_network()
    expected = [velocity(network, n) for n in (16, 24)]
    assert runtime.compile_forward([*network.joint, *network.fused], torch.device("cpu"), "eager") == 2
    for n, right in zip((16, 24, 16), [*expected, expected[0]], strict=True):
        assert torch.allclose(velocity(network, n), right, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not any(map(shutil.which, runtime.cpp_compilers())), reason="no C++ compiler here")
def test_compiled_blocks_stay_within_rounding() -> None:
    network = random_network()
    right = velocity(network, 16)
    runtime.compile_forward([*network.joint, *network.fused], torch.device("cpu"))
    found = velocity(network, 16)
    assert float((found - right).norm() / right.norm()) < 1e-5
