"""The network's configuration: derived numbers, refusals, sizes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from soundvcm.errors import ConfigError
from soundvcm.network import SIZES, NetworkConfig


@pytest.mark.parametrize(("hidden", "inner"), [(448, 1280), (896, 2560), (128, 512), (192, 512)])
def test_mlp_width_follows_the_two_thirds_rule(hidden: int, inner: int) -> None:
    assert NetworkConfig(hidden=hidden, heads=hidden // 64).mlp_hidden == inner


def test_mlp_ratio_and_multiple_act() -> None:
    assert NetworkConfig(hidden=192, heads=3, mlp_ratio=3.0, mlp_multiple=64).mlp_hidden == 384
    assert NetworkConfig(hidden=192, heads=3, mlp_ratio=3.0, mlp_multiple=100).mlp_hidden == 400


def test_versions_differ_in_their_time_features() -> None:
    v1, v2 = NetworkConfig(), NetworkConfig(version="v2")
    assert (v1.time_width, v1.longest_period) == (256, 10_000)
    assert (v2.time_width, v2.longest_period) == (448, 1)
    assert v1.second_period == v2.second_period == 10_000  # supplement B.2
    own = NetworkConfig(version="v2", time_features=64, time_period=100)
    assert (own.time_width, own.longest_period, own.second_period) == (64, 100, 100)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hidden": 100, "heads": 3}, "heads of an even width"),
        ({"hidden": 6, "heads": 2}, "heads of an even width"),
        ({"ffn_kernel": 2}, "ffn_kernel is odd"),
        ({"time_features": 5}, "is even"),
        ({"sync_to_modulation": False}, "sync must reach the network"),
        ({"second_time": "late"}, "second_time"),
        ({"patchh": 2}, "did you mean 'patch'"),
        ({"patch": 0}, "patch"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        NetworkConfig.build(values)
    assert "\n" not in str(caught.value)


def test_sizes_are_the_published_table() -> None:
    table = {
        name: (c.latent_dim, c.hidden, c.heads, c.joint_blocks, c.fused_blocks, c.version)
        for name, c in SIZES.items()
    }
    assert table == {
        "small_16k": (20, 448, 7, 4, 8, "v1"),
        "small_44k": (40, 448, 7, 4, 8, "v1"),
        "medium_44k": (40, 896, 14, 4, 8, "v1"),
        "large_44k": (40, 896, 14, 7, 14, "v1"),
        "large_44k_v2": (40, 896, 14, 7, 14, "v2"),
    }
    assert all(c.mirrored and not c.two_time and c.text_tokens == 77 for c in SIZES.values())


def test_a_configuration_survives_its_own_dump() -> None:
    config = SIZES["large_44k_v2"].change({"second_time": "absolute", "sync_ratio": "0.8"})
    assert NetworkConfig.build(config.model_dump(mode="json")) == config
    assert config.sync_ratio == 0.8


def test_the_front_door_does_not_load_torch() -> None:
    code = "import sys, soundvcm.network as n; n.SIZES; print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    )
