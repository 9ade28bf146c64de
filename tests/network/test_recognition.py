"""Every published size is recognised from the names and shapes of its file; anything else is refused."""

from __future__ import annotations

import pytest
import torch
from golden_rules import read_shapes
from small_networks import GOLDEN, TINY1, tiny1_state

from soundvcm.errors import WeightsError
from soundvcm.network import SIZES, VelocityNetwork, recognise


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes(name: str) -> None:
    shapes = read_shapes(GOLDEN / f"{name}_state_dict_keys.tsv")
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    assert recognise(state) == SIZES[name]


def test_small_ones_load_strictly() -> None:
    config = recognise(tiny1_state())
    assert config == TINY1
    VelocityNetwork(config).load_reference(tiny1_state())


def test_another_width_of_mlp_and_of_time() -> None:
    made = VelocityNetwork(TINY1.change({"mlp_multiple": 64, "time_features": 32}))
    config = recognise(made.reference_state())
    assert (config.mlp_hidden, config.time_width) == (made.config.mlp_hidden, 32)
    VelocityNetwork(config).load_reference(made.reference_state())


def test_other_files_are_refused_in_one_line() -> None:
    with pytest.raises(WeightsError, match="MMAudio"):
        recognise({"encoder.weight": torch.zeros(3)})
    broken = tiny1_state() | {"empty_string_feat": torch.zeros(3)}
    with pytest.raises(WeightsError, match="shapes of another kind"):
        recognise(broken)
