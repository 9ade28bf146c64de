"""Parts `network`, `network_real_size`, `network_units`: the velocity network against the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from parity.case import Case, Check, Floats
from soundvcm.network import NetworkConfig, VelocityNetwork
from soundvcm.network.embeddings import nearest_index, rotate, rotation, time_features
from soundvcm.records import Conditions
from soundvcm.sampler import guided

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def build(case: Case, dtype: torch.dtype) -> VelocityNetwork:
    """The network of a case with rule-made weights; the table of keys must be exactly ours."""
    config = NetworkConfig.build({"second_time": "none", "mirrored": True, **case.configuration["network"]})
    with torch.device("meta"):
        network = VelocityNetwork(config)
    assert {k: tuple(v.shape) for k, v in network.reference_state().items()} == case.shapes()
    network.load_reference({key: torch.from_numpy(value) for key, value in case.weights().items()})
    return network.to(dtype).eval().requires_grad_(False)


class Watch:
    """Outputs of named submodules during a call, as arrays."""

    def __init__(self, network: VelocityNetwork) -> None:
        self.seen: dict[str, Any] = {}
        for name, module in network.named_modules():
            module.register_forward_hook(self._keeper(name))

    def _keeper(self, name: str) -> Any:
        def keep(module: nn.Module, given: object, output: Any) -> None:
            self.seen[name] = output

        return keep

    def stages(self) -> dict[str, Tensor]:
        """Tensors by the golden files' names; blocks as joint<i>_latent, _clip, _text and fused<i>_latent."""
        seen = self.seen
        found = {
            "cond_clip_f_c": seen["conditions.semantic_pool"],
            "cond_text_f_c": seen["conditions.text_pool"],
            "cond_global": seen["conditions.global_mlp"],
            "t_emb": seen["time"],
            "audio_in": seen["latent_in"],
            "sync_proj": seen["conditions.sync_in"],
            "cond_clip_f": seen["conditions"].semantic,
            "cond_text_f": seen["conditions"].text,
            "cond_sync_f": seen["conditions"].sync,
        }
        for name, output in seen.items():
            kind, _, number = name.partition(".")
            if kind == "joint" and number.isdigit():
                for stream, value in zip(("latent", "clip", "text"), output, strict=True):
                    found[f"joint{number}_{stream}"] = value
            elif kind == "fused" and number.isdigit():
                found[f"fused{number}_latent"] = output
        return found


def tensors(case: Case, stored: dict[str, Floats], dtype: torch.dtype) -> dict[str, Tensor]:
    """Inputs by rule, checked against the stored ones; roles as in `inputs`."""
    found = {}
    for role in case.inputs:
        name = role.replace("lens.", "lens_in_") if role.startswith("lens.") else f"in_{role}"
        value = case.input(role, stored[name].shape)
        assert np.array_equal(value, stored[name]), f"{case.name}: the rule does not give the stored {name}"
        found[role] = torch.from_numpy(value).to(dtype)
    return found


def velocities(network: VelocityNetwork, given: dict[str, Tensor], t: Tensor) -> Iterator[tuple[str, Tensor]]:
    """(golden name, MMAudio's velocity) for every combination of conditions; t is MMAudio's time."""
    full = Conditions.of(semantic=given["clip"], sync=given["sync"], text=given["text"])
    negative = Conditions.of(semantic=given["clip"], sync=given["sync"], text=given["negtext"])
    row = torch.arange(3)
    combinations = {
        "out_full": full,
        "out_novideo": full.without(video=True),
        "out_notext": full.without(text=True),
        "out_noclip": full.without(semantic=True),
        "out_nosync": full.without(sync=True),
        "out_none": full.empty(),
        "out_none_neg": negative.without(video=True),
        "out_mixed": full.without(video=row == 1, text=row == 2),
    }
    ours = 1 - t
    for name, conditions in combinations.items():
        yield name, -network(given["latent"], ours, ours, conditions)
    middle = ours[1].expand(3)
    yield "cfg_4p5", -guided(network, full, full.empty(), 4.5)(given["latent"], middle, middle)
    other = Conditions.of(semantic=given["lens.clip"], sync=given["lens.sync"], text=given["text"])
    yield "lens_out", -network(given["lens.latent"], ours, ours, other)


def run_tiny(case: Case) -> Iterator[Check]:
    """Outputs in both number formats, intermediate stages and standardisation in float64."""
    stored = case.arrays()
    t = torch.from_numpy(stored["in_t"])
    for label, dtype in DTYPES.items():
        network = build(case, dtype)
        given = tensors(case, stored, dtype)
        rounded = label == "float32" and case.configuration.get("compare_float32_with_float32", False)
        for name, velocity in velocities(network, given, t):
            expected = stored.get(f"{name}__f32", stored[name]) if rounded else stored[name]
            factor = 2 if name == "cfg_4p5" else 1
            yield Check(f"{name} {label}", velocity, expected, factor * case.limit(label))
    yield Check("normalize", network.standardise(given["latent"]), stored["normalize"], case.limit("float64"))
    yield Check(
        "unnormalize", network.unstandardise(given["latent"]), stored["unnormalize"], case.limit("float64")
    )
    watch = Watch(network)
    full = Conditions.of(semantic=given["clip"], sync=given["sync"], text=given["text"])
    network(given["latent"], 1 - t, 1 - t, full)
    stages = watch.stages()
    compared = 0
    for name, expected in stored.items():
        short = name.removeprefix("row0_")
        if short not in stages:
            continue
        compared += 1
        found = stages[short] if name == short else stages[short][0]
        limit = case.limit("float64" if expected.dtype == np.float64 else "debug")
        yield Check(name, found, expected, limit)
    assert compared >= 12, f"{case.name}: only {compared} intermediate stages compared"


def run_real_size(case: Case) -> Iterator[Check]:
    """One pass at the published size: first and last values, mean, std, norm, also after each block."""
    wanted = case.values()
    label = case.configuration["precision"]
    network = build(case, DTYPES[label])
    limit, mean_limit = case.limit(label), case.limit(f"{label}_mean_abs")
    given = {}
    for role, facts in wanted["inputs"].items():
        value = case.input(role, tuple(facts["shape"]))
        yield Check(f"input {role}", value.ravel()[: len(facts["first"])], facts["first"], 1e-7)
        yield Check(f"input {role} sum", float(value.astype(np.float64).sum()), facts["sum"], 1e-6, "abs")
        given[role] = torch.from_numpy(value).to(DTYPES[label])
    watch = Watch(network)
    t = torch.full((1,), 1 - wanted["t"], dtype=torch.float64)
    conditions = Conditions.of(semantic=given["clip"], sync=given["sync"], text=given["text"])
    found = {"output": -network(given["latent"], t, t, conditions), **watch.stages()}
    for name, facts in {"output": wanted["output"], **wanted["intermediates"]}.items():
        value = found[name].double().numpy()
        assert list(value.shape) == facts["shape"], name
        flat = value.ravel()
        rms = facts["norm"] / flat.size**0.5
        yield Check(f"{name} first", flat[: len(facts["first"])], facts["first"], limit, rms=rms)
        yield Check(f"{name} last", flat[-len(facts["last4"]) :], facts["last4"], limit, rms=rms)
        yield Check(f"{name} mean", flat.mean(), facts["mean"], mean_limit, "abs")
        yield Check(f"{name} std", flat.std(), facts["std"], limit)
        yield Check(f"{name} norm", np.linalg.norm(flat), facts["norm"], limit)


def run_units(case: Case) -> Iterator[Check]:
    """Rotary tables and rotation, sinusoidal time features, nearest-exact indices."""
    stored, facts = case.arrays(), case.configuration
    for label, dtype in DTYPES.items():
        limit = case.limit(label)
        for name, (length, stretch) in facts["rotations"].items():
            by = rotation(length, 64, stretch[0] / stretch[1], dtype=dtype)
            if f"{name}_cos" in stored:
                yield Check(f"{name} cos {label}", by.cos, stored[f"{name}_cos"], limit)
                yield Check(f"{name} sin {label}", by.sin, stored[f"{name}_sin"], limit)
                query = torch.from_numpy(stored[f"{name}_q"])[0, 0]
                expected = stored[f"{name}_rotated"][0, 0]
            else:
                by = type(by)(by.cos[-1:], by.sin[-1:])
                query = torch.from_numpy(stored[f"{name}_q_last_row"])[None]
                expected = stored[f"{name}_rotated_last_row"][None]
            halves = torch.cat([query[:, 0::2], query[:, 1::2]], dim=1)
            turned = rotate(halves.to(dtype)[None], by)[0]
            yield Check(
                f"{name} {label}", torch.stack(turned.chunk(2, dim=1), dim=2).flatten(1), expected, limit
            )
        for name, (width, period) in facts["time_features"].items():
            features = time_features(torch.from_numpy(stored["time_t"]).to(dtype), width, period)
            loose = case.tolerance.get(f"{label} {name}", limit)
            yield Check(f"{name} {label}", features, stored[name], loose)
    for name in stored:
        if name.startswith("nearest_"):
            source, target = name.removeprefix("nearest_").split("_to_")
            yield Check(name, nearest_index(int(source), int(target)), stored[name], 0, "exact")


RUNNERS = {"network": run_tiny, "network_real_size": run_real_size, "network_units": run_units}
