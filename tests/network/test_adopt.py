"""Adopting an MMAudio network: the same velocity in our direction, with a second time that may learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_rules import relative_error
from small_networks import GOLDEN, TINY1, small_conditions, tiny1_state

from soundvcm.errors import OptionError, WeightsError
from soundvcm.network import VelocityNetwork, adopt, adopt_flow
from soundvcm.records import Conditions


def golden() -> tuple[dict[str, torch.Tensor], Conditions]:
    with np.load(GOLDEN / "mmaudio_tiny1.npz") as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    conditions = Conditions.of(semantic=arrays["in_clip"], sync=arrays["in_sync"], text=arrays["in_text"])
    return arrays, conditions


@pytest.mark.parametrize("second", ["offset", "absolute"])
@pytest.mark.parametrize("how", ["sum", "concat"])
def test_velocity_is_the_references_turned(second: str, how: str) -> None:
    """u(x, t, t) = -v_mmaudio(x, 1 - t), and the end of the step says nothing yet."""
    network = adopt(tiny1_state(), TINY1.change({"second_time": second, "time_embed": how})).double()
    arrays, conditions = golden()
    t = 1 - arrays["in_t"]
    with torch.no_grad():
        same = network(arrays["in_latent"].double(), t, t, conditions)
        down = network(arrays["in_latent"].double(), t, 0.3 * t, conditions)
    assert relative_error(same, -arrays["out_full"]) < 1e-10
    assert relative_error(down, -arrays["out_full"]) < 1e-10
    assert network.config.mirrored and network.config.two_time


def test_it_is_float32_and_ready_for_training() -> None:
    network = adopt(tiny1_state(), TINY1.change({"second_time": "offset"}))
    arrays, conditions = golden()
    t = (1 - arrays["in_t"]).float()
    out = network(arrays["in_latent"], t, 0.5 * t, conditions)
    assert relative_error(out.detach(), -arrays["out_full"]) < 1e-5
    assert network.training and out.dtype == torch.float32
    out.pow(2).mean().backward()
    assert network.time.second is not None
    assert network.time.second.outer.weight.grad.any()
    with torch.no_grad():
        network.time.second.outer.weight -= network.time.second.outer.weight.grad
    moved = network(arrays["in_latent"], t, 0.5 * t, conditions)
    assert not torch.equal(moved, out)


def test_further_inputs_start_silent_too() -> None:
    config = TINY1.change({"second_time": "offset", "guidance_input": "log", "sync_to_input": True})
    network = adopt(tiny1_state(), config)
    arrays, conditions = golden()
    t = (1 - arrays["in_t"]).float()
    with torch.no_grad():
        out = network(arrays["in_latent"], t, t, conditions, torch.tensor([1.0, 4.0, 7.0]))
    assert relative_error(out, -arrays["out_full"]) < 1e-5


def test_the_given_weights_are_not_touched() -> None:
    state = tiny1_state()
    before = {key: value.clone() for key, value in state.items()}
    network = adopt(state, TINY1.change({"second_time": "offset"}))
    with torch.no_grad():
        for value in network.state_dict().values():
            value.zero_()
    assert all(torch.equal(state[key], before[key]) for key in state)


def test_refusals() -> None:
    with pytest.raises(OptionError, match="second_time"):
        adopt(tiny1_state(), TINY1)
    with pytest.raises(OptionError, match="shared"):
        adopt(tiny1_state(), TINY1.change({"second_time": "offset", "time_embed": "shared"}))
    with pytest.raises(WeightsError, match="another network"):
        adopt(tiny1_state(), TINY1.change({"second_time": "offset", "latent_dim": 8}))


@pytest.mark.parametrize("second", ["none", "offset"])
def test_own_flow_weights_get_a_silent_second_time(second: str) -> None:
    """u(x, t, s) of the adopted network is the flow's velocity for every s; what cannot be is refused."""
    torch.manual_seed(0)
    config = TINY1.change({"second_time": second, "mirrored": False, "second_zero": False})
    flow = VelocityNetwork(config)
    for weight in flow.parameters():
        torch.nn.init.normal_(weight, std=0.05)  # fresh blocks are silent
    adopted = adopt_flow(flow.state_dict(), config)
    assert adopted.config.second_time == "offset"
    conditions = small_conditions(TINY1, words=7)
    noisy, t = torch.randn(2, 10, 6), torch.tensor([0.9, 0.3])
    with torch.no_grad():
        expected = flow(noisy, t, t, conditions)
        for s in (t, 0.3 * t):
            assert torch.allclose(adopted(noisy, t, s, conditions), expected, atol=1e-6)
    adopted(noisy, t, 0.3 * t, conditions).square().mean().backward()
    assert adopted.time.second is not None and adopted.time.second.outer.weight.grad.any()
    with pytest.raises(OptionError, match="absolute"):
        adopt_flow(flow.state_dict(), config.change({"second_time": "absolute"}))
