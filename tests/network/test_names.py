"""The reference's names: both directions, row orders, and what is said when weights do not fit."""

from __future__ import annotations

import pytest
import torch
from small_networks import TINY1, small_config, tiny1_state

from soundvcm.errors import OptionError, WeightsError
from soundvcm.network import VelocityNetwork
from soundvcm.network.names import from_reference, reference_name, to_reference


def network() -> VelocityNetwork:
    return VelocityNetwork(TINY1)


def test_there_and_back_is_exact() -> None:
    state, own = tiny1_state(), network()
    own.load_reference(state)
    back = own.reference_state()
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)
    ours = own.state_dict()
    again = from_reference(to_reference(ours, TINY1), ours, TINY1)
    assert all(torch.equal(again[key], ours[key]) for key in ours)


def test_computed_buffers_of_old_files_are_dropped() -> None:
    state = tiny1_state()
    extra = {"t_embed.freqs": torch.ones(128), "latent_rot": torch.ones(1), "clip_rot": torch.ones(1)}
    own = network()
    own.load_reference({**state, **extra})
    assert torch.equal(own.reference_state()["final_layer.conv.weight"], state["final_layer.conv.weight"])


def test_rows_of_qkv_are_put_in_order() -> None:
    """Reference channel = head x 192 + d x 3 + j; ours is j, head, then even and odd d."""
    state = tiny1_state()
    key = "fused_blocks.0.attn.qkv.bias"
    state[key] = torch.arange(384.0)
    own = network()
    own.load_reference(state)
    bias = own.state_dict()["fused.0.attention.qkv.bias"].view(3, 2, 64)
    assert bias[0, 0, :3].tolist() == [0, 6, 12]  # q, head 0, channels 0, 2, 4
    assert bias[1, 1, 32].item() == 192 + 3 + 1  # k, head 1, channel 1
    assert bias[2, 0, :3].tolist() == [2, 5, 8]  # v keeps its order


def test_taps_of_convolutions_are_put_before_their_channels() -> None:
    state, own = tiny1_state(), network()
    own.load_reference(state)
    assert own.final.conv.weight.shape == (6, 7, 128)
    assert torch.equal(own.final.conv.weight[2, 5], state["final_layer.conv.weight"][2, :, 5])


def test_what_does_not_fit_is_said_in_one_line_and_nothing_changes() -> None:
    state, own = tiny1_state(), network()
    before = {key: value.clone() for key, value in own.state_dict().items()}
    del state["t_embed.mlp.0.bias"]
    state["vocoder.weight"] = torch.ones(1)
    state["final_layer.conv.weight"] = torch.ones(3, 128, 7)
    with pytest.raises(WeightsError) as caught:
        own.load_reference(state)
    line = str(caught.value)
    assert "\n" not in line
    assert "1 missing (t_embed.mlp.0.bias)" in line and "1 unexpected (vocoder.weight)" in line
    assert "final_layer.conv.weight (3, 128, 7) instead of (6, 128, 7)" in line
    assert all(torch.equal(value, before[key]) for key, value in own.state_dict().items())


def test_many_wrong_names_are_counted() -> None:
    with pytest.raises(WeightsError, match="and [0-9]+ more"):
        network().load_reference({})


@pytest.mark.parametrize(
    "changes",
    [{"second_time": "offset"}, {"mirrored": False}, {"guidance_input": "log"}, {"sync_to_input": True}],
)
def test_only_a_mirrored_single_time_network_takes_them(changes: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="adopt"):
        VelocityNetwork(TINY1.change(changes)).load_reference(tiny1_state())


def test_a_network_on_meta_takes_the_tensors_themselves() -> None:
    with torch.device("meta"):
        own = VelocityNetwork(TINY1)
    state = tiny1_state()
    own.load_reference(state)
    assert not any(value.is_meta for value in own.state_dict().values())
    assert own.time.first.inner.weight.data_ptr() == state["t_embed.mlp.0.weight"].data_ptr()
    assert own.final.conv.weight.requires_grad


def test_weights_the_reference_does_not_have_are_not_named() -> None:
    config = small_config(guidance_input="log", sync_to_input=True)
    names = [name for name in VelocityNetwork(config).state_dict() if reference_name(name, config) is None]
    heads = {".".join(name.split(".")[:2]) for name in names}
    assert heads == {"time.second", "guidance.inner", "guidance.outer", "conditions.sync_fine"}


def test_v2_shifts_two_indices() -> None:
    v2 = TINY1.change({"version": "v2", "time_features": 256})
    assert reference_name("conditions.text_in.mlp.w1.weight", TINY1) == "text_input_proj.1.w1.weight"
    assert reference_name("conditions.text_in.mlp.w1.weight", v2) == "text_input_proj.2.w1.weight"
    assert reference_name("latent_in.mlp.w1.weight", v2) == "audio_input_proj.2.w1.weight"
