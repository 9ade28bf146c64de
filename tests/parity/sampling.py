"""Part `sampling`: the reference's guided Euler run, in our direction of time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from parity.case import Case, Check
from parity.network import DTYPES, build
from soundvcm.network import VelocityNetwork
from soundvcm.records import Conditions
from soundvcm.sampler import Field, Guided, guided, integrate, sample_mean, uniform_times


def inputs(case: Case, dtype: torch.dtype) -> dict[str, Tensor]:
    """Inputs by rule, checked against the stored ones."""
    stored, found = case.arrays(), {}
    for role in case.inputs:
        value = case.input(role, stored[role].shape)
        assert np.array_equal(value, stored[role]), f"{case.name}: the rule does not give the stored {role}"
        found[role] = torch.from_numpy(value).to(dtype)
    return found


def field(network: VelocityNetwork, n: int, wanted: Conditions, absent: Conditions, scale: float) -> Guided:
    """The guided field with both conditions encoded once."""
    return guided(network, network.encode(wanted, n), network.encode(absent, n), scale)


def recorded(u: Guided, seen: list[Tensor]) -> Field:
    """The same field, writing down each state it is asked for and each velocity it answers."""

    def field(noisy: Tensor, t: Tensor, s: Tensor) -> Tensor:
        velocity = u(noisy, t, s)
        seen.extend([noisy, velocity])
        return velocity

    return field


def run(case: Case) -> Iterator[Check]:
    """All 26 states, first and last velocity, and the variants of guidance and of the number of steps."""
    stored = case.arrays()
    steps, scale = case.configuration["steps"], case.configuration["scale"]
    yield Check("t_ours", uniform_times(steps)[:-1], stored["t_ours"], 1e-12, "abs")
    for label, dtype in DTYPES.items():
        network, given, limit = build(case, dtype), inputs(case, dtype), case.limit(label)
        noise = given["noise"]
        n = noise.shape[1]
        wanted = Conditions.of(semantic=given["clip"], sync=given["sync"], text=given["text"])
        other = Conditions.of(semantic=given["clip"], sync=given["sync"], text=given["negtext"])
        main = field(network, n, wanted, wanted.empty(), scale)
        seen: list[Tensor] = []
        final = integrate(recorded(main, seen), noise, uniform_times(steps))
        states = torch.stack([*seen[0::2], final])
        yield Check(f"states {label}", states, stored["states"], limit)
        yield Check(f"velocity_first {label}", -seen[1], stored["velocity_first"], limit)
        yield Check(f"velocity_last {label}", -seen[-1], stored["velocity_last"], limit)
        yield Check(f"final {label}", final, stored["final"], limit)
        if label == "float32":
            yield Check("final, float32", final, stored["final__f32"], limit)
        raw = network.unstandardise(final)
        yield Check(f"final_unnormalized {label}", raw, stored["final_unnormalized"], limit)
        variants = {
            "final_neg": (steps, scale, other.without(video=True)),
            "final_nocfg": (steps, 0.0, wanted.empty()),
            "final_cfg1": (steps, 1.0, wanted.empty()),
            "final_4steps": (4, scale, wanted.empty()),
            "final_1step": (1, scale, wanted.empty()),
        }
        for name, (count, weight, absent) in variants.items():
            u = field(network, n, wanted, absent, weight)
            yield Check(f"{name} {label}", sample_mean(u, noise, uniform_times(count)), stored[name], limit)


RUNNERS = {"sampling": run}
