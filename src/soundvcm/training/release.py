"""One set of weights for use, from a run: a safetensors file that describes itself.

The header's metadata holds the network's configuration ("config") and how the weights came to be: "training"
(the
whole configuration), "data", "command", "package", "licence". 157 M parameters: 628 MB in float32, 314 MB in
bfloat16.
Knows files and names, no network class.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from soundvcm import weights
from soundvcm.errors import NonFiniteError, OptionError, WeightsError
from soundvcm.network import adapters, merged
from soundvcm.training.checkpoint import first_non_finite, latest_checkpoint, read_checkpoint
from soundvcm.training.ema import synthesise

FORMAT = "soundvcm-weights-1"
EXACT = ("latent_mean", "latent_std", "data_covariance")  # a few numbers, each of which scales a channel
GUIDANCE, STEPS = 4.5, 25  # of flow matching, as the reference samples it
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def _sampled_as(config: Mapping[str, Any]) -> dict[str, Any]:
    """How a network of these training settings is sampled, where that is not by its mean velocity.

    Flow matching and reflow know the instantaneous velocity only (25 Euler steps, guidance from outside where
    null rows were trained); an "instant" distilled step is one Euler step.
    """
    objective = config.get("objective", {})
    if config.get("network", {}).get("guidance_input", "none") != "none":
        return {}
    match objective.get("kind"):
        case "flow_matching" | "reflow":
            # Reflow without null rows has the teacher's guidance in its pairs already.
            free = objective["null_share"] > 0
            guided = {"guidance": GUIDANCE, "negative_prompt": True} if free else {}
            return {"kind": "flow", "steps": STEPS, **guided}
        case "distill" if objective["asks"] == "instant":
            return {"kind": "flow", "steps": 1}
        case _:
            return {}


def export(
    run_dir: Path,
    path: Path,
    *,
    sigma_rel: float | None = 0.05,
    updates: int | None = None,
    dtype: str = "float32",
    only_adapters: bool = False,
    about: Mapping[str, Any],
) -> dict[str, str]:
    """Write the weights of a run for use.

    Args:
        run_dir: folder of the run.
        path: file to write, ".safetensors".
        sigma_rel: width of the average; None takes the weights as trained, of the last checkpoint.
        updates: end of the average, default the last snapshot.
        dtype: "float32", "bfloat16" or "float16".
        only_adapters: write the low-rank adapters alone, which `about["base"]` says the weights for.
        about: facts for the header; must hold "licence", of the weights.

    Returns:
        The header: text as it is, other values as JSON.

    Raises:
        WeightsError: if the run holds no checkpoint or no snapshot, or there is no licence.
        OptionError: for an unknown format.
        NonFiniteError: if a weight is not finite in that format; nothing is written.
    """
    if dtype not in DTYPES:
        raise OptionError(f"unknown dtype {dtype!r}: use one of {', '.join(DTYPES)}")
    last = latest_checkpoint(run_dir)
    if last is None:
        raise WeightsError(f"{run_dir} holds no checkpoint: train first")
    saved = read_checkpoint(last)
    facts: dict[str, Any] = {"sigma_rel": None, "step": saved.facts["step"]}
    values = saved.weights
    if sigma_rel is not None:
        values, facts = synthesise(run_dir, sigma_rel, updates=updates)
        if not set(values) <= set(saved.weights):
            raise WeightsError(f"snapshots and checkpoints of {run_dir} are of different networks")
        values = saved.weights | values  # what is frozen has no average
    values = adapters(values) if only_adapters else merged(values)
    tensors = {
        name: value.to(DTYPES[dtype] if value.is_floating_point() and name not in EXACT else value.dtype)
        for name, value in values.items()
    }
    bad = first_non_finite(tensors)
    if bad:
        raise NonFiniteError(f"{bad!r} is not finite in {dtype}; nothing written")
    config = saved.facts["config"]
    kept = ("data", "command", "package")
    record: dict[str, Any] = {key: saved.facts[key] for key in kept if key in saved.facts}
    record |= {"format": FORMAT, "dtype": dtype, "config": config["network"], "training": config}
    record |= {"seed": config["loop"]["seed"]} | facts | dict(about)
    sampling = _sampled_as(config) | record.get("sampling", {})
    if sampling:
        record["sampling"] = sampling
    header = {key: value if isinstance(value, str) else json.dumps(value) for key, value in record.items()}
    weights.save(Path(path), tensors, header)
    return header
