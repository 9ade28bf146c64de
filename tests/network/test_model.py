"""The whole network: options, number formats, threads, derivatives, sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from golden_rules import read_shapes
from small_networks import GOLDEN, loud, noisy_and_times, small_conditions, small_config
from torch.nn.attention import SDPBackend, sdpa_kernel

from soundvcm.errors import OptionError, ShapeError
from soundvcm.network import SIZES, NetworkConfig, VelocityNetwork

EMBEDDED = {"patch": 2, "sync_to_input": True, "sync_to_modulation": False, "learned_empty_text": True}


def on_meta(config: NetworkConfig) -> VelocityNetwork:
    with torch.device("meta"):
        return VelocityNetwork(config)


@pytest.mark.parametrize(
    ("name", "total", "trained"),
    [
        ("small_16k", 157_283_644, 157_204_756),
        ("small_44k", 157_409_144, 157_330_216),
        ("medium_44k", 621_805_944, 621_727_016),
        ("large_44k", 1_030_002_168, 1_029_923_240),
        ("large_44k_v2", 1_030_575_608, 1_030_496_680),
    ],
)
def test_published_sizes_names_and_shapes(name: str, total: int, trained: int) -> None:
    network = on_meta(SIZES[name])
    state = network.reference_state()
    assert {key: tuple(value.shape) for key, value in state.items()} == read_shapes(
        GOLDEN / f"{name}_state_dict_keys.tsv"
    )
    assert sum(value.numel() for value in state.values()) == total
    assert sum(value.numel() for value in network.parameters()) == trained


@pytest.mark.parametrize(
    ("how", "total"), [("sum", 157_599_932), ("concat", 157_398_332), ("shared", 157_283_644)]
)
def test_sizes_of_the_two_time_variants(how: str, total: int) -> None:
    """Reference B2."""
    network = on_meta(SIZES["small_16k"].change({"second_time": "offset", "time_embed": how}))
    assert sum(value.numel() for value in network.state_dict().values()) == total


def test_fresh_weights() -> None:
    torch.manual_seed(0)
    network = VelocityNetwork(small_config(hidden=64, guidance_input="log", sync_to_input=True))
    state = network.state_dict()
    silent = [name for name, value in state.items() if not value.any()]
    assert {"final.conv.weight", "final.modulation.weight", "guidance.outer.weight"} <= set(silent)
    assert {"conditions.empty_semantic", "conditions.empty_sync", "fused.0.modulation.weight"} <= set(silent)
    assert "time.second.outer.weight" not in silent
    assert abs(float(state["time.first.outer.weight"].std()) - 0.02) < 0.002
    assert abs(float(state["time.second.outer.weight"].std()) - 0.02) < 0.002
    limit = (6 / (64 + 192)) ** 0.5
    assert 0.9 * limit < float(state["fused.0.attention.qkv.weight"].abs().max()) <= limit
    assert not state["fused.0.attention.qkv.bias"].any()
    assert torch.equal(state["latent_std"], torch.ones(1, 1, 4))


@pytest.mark.parametrize("how", ["sum", "concat"])
def test_a_silent_second_time(how: str) -> None:
    config = small_config(second_zero=True, time_embed=how)
    network = loud(config)
    network.silence_second_time()
    noisy, t, s = noisy_and_times(config)
    given = small_conditions(config)
    torch.testing.assert_close(network(noisy, t, s, given), network(noisy, t, t, given))
    fresh = VelocityNetwork(config).time
    assert torch.equal(fresh(t, s), fresh(t, t))
    heard = VelocityNetwork(small_config(time_embed=how)).time
    assert not torch.equal(heard(t, s), heard(t, t))


def test_what_cannot_be_silent_is_refused() -> None:
    with pytest.raises(OptionError, match="no second time"):
        VelocityNetwork(small_config(second_time="none")).silence_second_time()
    with pytest.raises(OptionError, match="shared"):
        VelocityNetwork(small_config(time_embed="shared", second_zero=True))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        EMBEDDED,
        {"second_time": "none"},
        {"second_time": "absolute", "time_embed": "concat"},
        {"time_embed": "shared", "version": "v2"},
        {"final_condition": "frame"},
        {"sync_to_input": True, "sync_ratio": 0.8, "patch": 3},
        {"in_kernel": 3, "in_mlp_kernel": 1, "ffn_kernel": 1, "out_kernel": 1, "final_kernel": 1},
        {"guidance_input": "value", "segment_tokens": 4},
        {"mirrored": True, "joint_blocks": 1, "fused_blocks": 0},
    ],
)
def test_every_option_reaches_the_output_and_every_weight_learns(changes: dict[str, object]) -> None:
    config = small_config(**changes)
    network = loud(config).train()
    noisy, t, s = noisy_and_times(config, n=11)
    guidance = torch.tensor([2.0, 4.0]) if network.guidance is not None else None
    given = small_conditions(config).without(
        video=torch.tensor([True, False]), text=torch.tensor([False, True])
    )
    out = network(noisy, t, s, given, guidance)
    assert out.shape == noisy.shape and bool(out.isfinite().all())
    out.pow(2).sum().backward()
    grads = {name: value.grad for name, value in network.named_parameters()}
    assert [name for name, grad in grads.items() if grad is None] == []
    last = f"joint.{config.joint_blocks - 1}."
    looked_at = {last + f"{stream}.attention.q_norm.weight" for stream in ("semantic", "text")}
    assert {name for name, grad in grads.items() if grad is not None and not grad.any()} == looked_at


def test_options_change_the_numbers() -> None:
    """Same weights, one option at a time: none is dead."""
    config = small_config()
    state = loud(config).state_dict()
    noisy, t, s = noisy_and_times(config)
    given = small_conditions(config)

    def run(**changes: object) -> torch.Tensor:
        network = VelocityNetwork(small_config(**changes)).eval()
        network.load_state_dict(state)
        with torch.no_grad():
            return network(noisy, t, s, given)

    plain = run()
    for changes in (
        {"version": "v2"},
        {"time_period": 10.0},
        {"second_time": "absolute"},
        {"mirrored": True},
        {"final_condition": "frame"},
        {"sync_ratio": 0.4},
    ):
        assert float((run(**changes) - plain).abs().max()) > 1e-4, changes


@pytest.mark.parametrize("n", [1, 5, 10, 11])
@pytest.mark.parametrize("patch", [1, 2, 3])
def test_any_length_with_any_patch(n: int, patch: int) -> None:
    config = small_config(**{**EMBEDDED, "patch": patch})
    noisy, t, s = noisy_and_times(config, n=n)
    assert loud(config)(noisy, t, s, small_conditions(config, f=1, g=2)).shape == (2, n, 4)


def test_guidance_is_asked_for_and_refused() -> None:
    plain, told = small_config(), small_config(guidance_input="log")
    noisy, t, s = noisy_and_times(plain)
    given, scale = small_conditions(plain), torch.tensor([1.0, 4.0])
    with pytest.raises(OptionError, match="no guidance input"):
        loud(plain)(noisy, t, s, given, scale)
    with pytest.raises(OptionError, match="give guidance"):
        loud(told)(noisy, t, s, given)
    network = loud(told).requires_grad_(False)
    one, other = network(noisy, t, s, given, scale), network(noisy, t, s, given, scale * 2)
    assert float((one - other).abs().amax(dim=(1, 2)).min()) > 1e-4
    fresh = VelocityNetwork(told)
    assert fresh.guidance is not None and not fresh.guidance(scale).any()
    by_value = VelocityNetwork(small_config(guidance_input="value"))
    by_value.load_state_dict(network.state_dict())
    torch.testing.assert_close(by_value(noisy, t, s, given, scale.log()), one)


def test_shapes_that_do_not_fit_are_named() -> None:
    config = small_config()
    network, given = loud(config), small_conditions(config)
    noisy, t, s = noisy_and_times(config)
    with pytest.raises(ShapeError, match="noisy"):
        network(noisy[..., :3], t, s, given)
    with pytest.raises(ShapeError, match="t has shape"):
        network(noisy, t[:1], s, given)
    with pytest.raises(ShapeError, match="conditions"):
        network(noisy, t, s, small_conditions(config, batch=3))
    with pytest.raises(OptionError, match="10 latents.* 9"):
        network(noisy[:, :9], t, s, network.encode(given, 10))


def test_rows_do_not_know_one_another() -> None:
    config = small_config(**EMBEDDED)
    network, given = loud(config), small_conditions(config, batch=3)
    noisy, t, s = noisy_and_times(config, batch=3)
    together = network(noisy, t, s, given)
    for i in range(3):
        row = torch.tensor([i])
        torch.testing.assert_close(network(noisy[row], t[row], s[row], given.rows(row)), together[row])


def test_given_encodes_once_and_agrees() -> None:
    config = small_config()
    network, given = loud(config), small_conditions(config)
    noisy, t, s = noisy_and_times(config)
    calls: list[int] = []
    network.conditions.register_forward_hook(lambda *_: calls.append(1))
    field = network.given(given, 10)
    first, second = field(noisy, t, s), field(noisy, t, s)
    assert len(calls) == 1
    torch.testing.assert_close(first, network(noisy, t, s, given))
    assert torch.equal(first, second)
    assert torch.equal(network.given(network.encode(given, 10), 10)(noisy, t, s), first)


def test_standardisation_is_pure_and_invertible() -> None:
    network = loud(small_config())
    with torch.no_grad():
        network.latent_mean.copy_(torch.tensor([1.0, 2, 3, 4]).view(1, 1, 4))
        network.latent_std.copy_(torch.tensor([0.5, 1, 2, 4]).view(1, 1, 4))
    latents = torch.randn(2, 3, 4)
    before = latents.clone()
    standard = network.standardise(latents)
    torch.testing.assert_close(standard[..., 0], (latents[..., 0] - 1) / 0.5)
    torch.testing.assert_close(network.unstandardise(standard), latents)
    assert torch.equal(latents, before)


@pytest.mark.parametrize("changes", [{}, EMBEDDED, {"guidance_input": "log", "version": "v2"}])
def test_number_formats(changes: dict[str, object]) -> None:
    config = small_config(**changes)
    noisy, t, s = noisy_and_times(config)
    given = small_conditions(config)
    scale = torch.tensor([2.0, 3.0]) if "guidance_input" in changes else None
    with torch.no_grad():
        exact = loud(config).double()(noisy.double(), t.double(), s.double(), given, scale)
        single = loud(config)(noisy, t, s, given, scale)
        half = loud(config).bfloat16()(noisy, t, s, given, scale)
        with torch.autocast("cpu", torch.bfloat16):
            automatic = loud(config)(noisy, t, s, given, scale)
    assert exact.dtype == torch.float64
    assert single.dtype == half.dtype == automatic.dtype == torch.float32
    size = exact.norm()
    limit = 1e-3 if changes.get("version") == "v2" else 1e-5
    assert (single - exact).norm() / size < limit
    assert (half - exact).norm() / size < 0.1
    assert (automatic - exact).norm() / size < 0.1


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_forward_mode_derivative_agrees_with_differences() -> None:
    """MeanFlow needs du along (v, 1, 0); attention supports it with the MATH backend only."""
    config = small_config(**EMBEDDED)
    network, given = loud(config).double(), small_conditions(config)
    noisy, t, s = (x.double() for x in noisy_and_times(config))
    v = torch.randn_like(noisy)

    def u(x: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = network(x, start, end, given)
        return out

    with sdpa_kernel(SDPBackend.MATH):
        _, slope = torch.func.jvp(u, (noisy, t, s), (v, torch.ones_like(t), torch.zeros_like(s)))
        h = 1e-5
        difference = (u(noisy + h * v, t + h, s) - u(noisy - h * v, t - h, s)) / (2 * h)
    torch.testing.assert_close(slope, difference, rtol=1e-5, atol=1e-7)


def test_two_threads_with_two_lengths() -> None:
    config = small_config(**EMBEDDED)
    network, given = loud(config), small_conditions(config)
    work = {n: noisy_and_times(config, n=n) for n in (10, 37)}
    state = {name: value.clone() for name, value in network.state_dict().items()}

    def run(n: int) -> list[torch.Tensor]:
        with torch.no_grad():
            return [network(*work[n], given) for _ in range(20)]

    alone = {n: run(n)[0] for n in work}
    with ThreadPoolExecutor(2) as pool:
        together = dict(zip(work, pool.map(run, work), strict=True))
    for n, results in together.items():
        assert all(torch.equal(result, alone[n]) for result in results)
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_compiles_into_one_graph() -> None:
    config = small_config(**EMBEDDED)
    network, given = loud(config), small_conditions(config)
    noisy, t, s = noisy_and_times(config)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    with torch.no_grad():
        encoded = network.encode(given, 10)
        torch.testing.assert_close(compiled(noisy, t, s, encoded), network(noisy, t, s, encoded))
