"""Parts `metrics`, `whole_evaluation`: scores against av-benchmark's, on features made by rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from golden_rules import exact_input
from torch import Tensor

from parity.case import Case, Check
from soundvcm.evaluation import compute, find
from soundvcm.evaluation.metrics import (
    desync,
    frechet_distance,
    inception_score,
    kernel_distance,
    kl_divergence,
)

Table = dict[str, dict[str, Tensor]]


def draws(case: Case, name: str, truth: tuple[int, ...], made: tuple[int, ...] | None = None) -> list[Any]:
    """The two float64 draws of a name."""
    shapes = (("gt", truth), ("pred", made or truth))
    return [exact_input(f"metrics.{name}.{side}", shape, case.salt) for side, shape in shapes]


def features(case: Case, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Rows of both sides, correlated as far as the shorter one goes; each column has its own width."""
    of_made, of_truth, shift = case.configuration["mixed"]
    scale, both = 1 + 0.5 * np.cos(np.arange(a.shape[-1])), min(len(a), len(b))
    mixed = of_made * b
    mixed[:both] += of_truth * a[:both]
    return as_float(a * scale), as_float(mixed * scale + shift)


def logits(case: Case, a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Class logits of both sides."""
    gain, of_truth, of_made = case.configuration["logits"]
    return as_float(gain * a), as_float(gain * (of_truth * a + of_made * b))


def as_float(values: Any) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def stored(case: Case) -> dict[str, Tensor]:
    """The arrays beside the numbers."""
    with np.load(case.folder / case.configuration["arrays"]) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def run(case: Case) -> Iterator[Check]:
    """Each formula by itself."""
    numbers, arrays = case.values(), stored(case)
    exact, reference = case.limit("float64"), case.limit("reference")
    for row in numbers["fd"]:
        shapes = ((row["n_gt"], row["dim"]), (row["n_pred"], row["dim"]))
        truth, made = features(case, *draws(case, row["name"], *shapes))
        found = frechet_distance(truth, made)
        yield Check(f"{row['name']}", found, row["exact"], exact)
        yield Check(f"{row['name']}, reference", found, row["reference"], reference)
        if f"{row['name']}_gt" in arrays:
            yield Check(f"{row['name']} by rule", truth, arrays[f"{row['name']}_gt"], 0, "exact")
    facts = numbers["logits"]
    truth, made = logits(case, *draws(case, "logits", (facts["n"], facts["classes"])))
    yield Check("logits by rule", truth[0, :4], facts["gt_first4"], reference, "abs")
    yield Check("KL", kl_divergence(truth, made), numbers["kl_float64"]["kl_softmax"], exact)
    for key, (splits, seed) in case.configuration["inception"].items():
        found = inception_score(made, splits, seed)
        yield Check(key, found.mean, numbers[key]["inception_score_mean"], exact)
        yield Check(f"{key}, spread", found.std, numbers[key]["inception_score_std"], exact, "abs")
    kid, sides = numbers["kid"], (arrays["kid_gt"], arrays["kid_pred"])
    found = kernel_distance(*sides, kid["subsets"], kid["subset_size"], kid["rng_seed"])
    yield Check("KID", found.mean, kid["float64"]["kernel_inception_distance_mean"], exact, "abs")
    yield Check("KID, spread", found.std, kid["float64"]["kernel_inception_distance_std"], exact, "abs")
    whole = kernel_distance(*sides, kid["subsets"], 1000, kid["rng_seed"])
    wanted = kid["subset_size_larger_than_data_1000"]["kernel_inception_distance_mean"]
    yield Check("KID of small sets", whole.mean, wanted, exact, "abs")
    windows = (arrays["desync_logits_first14"], arrays["desync_logits_last14"])
    yield Check("DeSync", desync(*windows), numbers["desync"]["value"], reference, "abs")


def tables(case: Case, extractor: str) -> tuple[Table, Table]:
    """Features of both sides by id, in the stored orders; the last row is the entry without a partner."""
    facts, arrays = case.values()["evaluate"], stored(case)
    count, dims = facts["n_paired"] + 1, facts["dims"]
    if extractor == "synchformer":
        windows = {key: arrays[f"desync_logits_{key}"] for key in ("first14", "last14")}
        parts = {key: (torch.cat([rows, 0 * rows[:1]]),) * 2 for key, rows in windows.items()}
    else:
        shapes = {
            "panns": {"rows": ("pann", (dims["pann"],)), "logits": ("pann_logits", (facts["classes"],))},
            "passt": {"rows": ("passt", (dims["passt"],)), "logits": ("passt_logits", (facts["classes"],))},
            "vggish": {"rows": ("vggish", (facts["vggish_windows"], dims["vgg"]))},
            "imagebind": {"cross": ("imagebind", (dims["ib"],))},
        }[extractor]
        parts = {
            key: (logits if key == "logits" else features)(case, *draws(case, f"e2e.{name}", (count, *shape)))
            for key, (name, shape) in shapes.items()
        }
    sides = []
    for side, order in enumerate((facts["gt_order"], facts["pred_order"])):
        rows = {name: int(name[1:]) if name[1:].isdigit() else count - 1 for name in order}
        sides.append({name: {key: parts[key][side][rows[name]] for key in parts} for name in order})
    return sides[0], sides[1]


def run_whole(case: Case) -> Iterator[Check]:
    """Scores of whole folders: which items count, and in which order."""
    facts = case.values()["evaluate"]
    for name, key in case.configuration["scores"].items():
        definition = find([name])[0]
        score = compute(definition, *tables(case, definition.extractor))
        assert score.value is not None
        yield Check(name, score.value, facts["results"][key], case.limit("reference"))
        if name in case.configuration["exact"]:
            wanted = facts["exact"][case.configuration["exact"][name]]
            yield Check(f"{name}, exact", score.value, wanted, case.limit("float64"))
        if name.startswith("IS"):
            wanted = facts["results"][key.replace("mean", "std")]
            yield Check(f"{name}, spread", score.spread, wanted, case.limit("spread"))
        everything = name in ("FD_VGG", "FD_PANNs", "IS_PANNs")
        yield Check(f"{name}, items", score.items[1], facts["n_paired"] + everything, 0, "exact")


RUNNERS = {"metrics": run, "whole_evaluation": run_whole}
