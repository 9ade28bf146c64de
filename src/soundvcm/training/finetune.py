"""Going on with trained weights on own clips: what to begin with, which recipe, which average is best.

    "tiny", "mmaudio_small_16k" or a file => Start => TrainingConfig (by the number of clips) => weights

Knows named systems and the parts of training; reads no media and prints nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from soundvcm import weights
from soundvcm.data.catalog import Row
from soundvcm.data.store import Item
from soundvcm.errors import OptionError, WeightsError
from soundvcm.generate.options import Sampling
from soundvcm.network import NetworkConfig
from soundvcm.objectives import config_of
from soundvcm.systems import catalog
from soundvcm.training import recipes
from soundvcm.training.logbook import read_log
from soundvcm.training.release import export
from soundvcm.training.settings import TrainingConfig

#: lengths (s) to train on where clips can be cropped
CROPS = (8.0, 4.0, 2.0, 1.0)


@dataclass(frozen=True)
class Start:
    """Weights to begin with.

    Attributes:
        path: their file, which carries its configuration.
        network: of the file.
        header: facts in the file.
    """

    path: Path
    network: NetworkConfig
    header: Mapping[str, str]

    @property
    def licence(self) -> str:
        """Of the weights, and so of all that is trained from them."""
        return self.header.get("licence", "unknown")

    @property
    def sampling(self) -> Sampling:
        """How the weights are sampled before anything is trained."""
        told = self.network.guidance_input != "none"
        plain: dict[str, Any] = {"guidance": float(self.header.get("guidance", "1"))} if told else {}
        return Sampling(**json.loads(self.header.get("sampling", "{}")) or plain)

    @property
    def is_flow(self) -> bool:
        """They know the instantaneous velocity only, and are taught to take the whole way in one call."""
        return self.sampling.kind == "flow"


def start_from(name: str | Path, folder: Path | None) -> Start:
    """The weights of a name or a file; networks of MMAudio are adopted into `folder` first.

    Args:
        name: "tiny", a name such as "mmaudio_small_16k", or a file of soundvcm or of MMAudio's own training.
        folder: where an adopted network is written, once; None only looks, and needs no file for a name.

    Raises:
        OptionError: for an unknown name, with the nearest one.
        WeightsError: if a file is missing, damaged or of another kind.
    """
    if folder is None and str(name) in weights.systems():
        from soundvcm.network import SIZES

        config = SIZES[str(name).removeprefix("mmaudio_")].change({"second_time": "offset"})
        return Start(
            Path(name), config, {"sampling": '{"kind": "flow"}', "licence": weights.part(str(name)).licence}
        )
    path = named_weights(name)
    if "config" not in weights.header(path):
        from soundvcm.systems.mmaudio import adopt_file

        if folder is None:
            raise OptionError(f"{path}: adopt it first to see what it costs: soundvcm adopt {path} -o FILE")
        adopted = folder / "adopted.safetensors"
        if not adopted.exists():
            folder.mkdir(parents=True, exist_ok=True)
            adopt_file(str(name), adopted)
        path = adopted
    header = weights.header(path)
    return Start(path, catalog.saved_config(path, header), header)


def named_weights(name: str | Path) -> Path:
    """The file of a network that is given by name or by its path.

    Raises:
        OptionError: for an unknown name, with the nearest one.
        WeightsError: if the file is not here.
    """
    text = str(name)
    if catalog.is_path(text):
        if not Path(text).is_file():
            raise WeightsError(f"{text} is not here: give a file of weights, or a name of: soundvcm models")
        return Path(text)
    row = catalog.preset(text)
    if row.stack == "embedded":
        return weights.locate("tiny_network")
    if row.stack == "reference":
        return weights.locate(text)
    found = catalog.trained_file(text)
    if not found.is_file():
        raise WeightsError(f"{text} has no public weights: begin with mmaudio_{text}, or give a file")
    return found


def finetune_config(
    start: Start, clips: Sequence[Row | Item], overrides: Mapping[str, Any] = MappingProxyType({})
) -> TrainingConfig:
    """The recipe for these weights and clips: the objective they were trained by, rate and steps by clips.

    Args:
        start: weights to begin with.
        clips: of all splits, as they stand in a catalog or in a store.
        overrides: fields by dotted names; what is not among them follows the number of steps.
    """
    members = [clip for clip in clips if clip.split == "train"]
    config = recipes.from_flow() if start.is_flow else recipes.finetune(len(members))
    changes: dict[str, Any] = {}
    told = json.loads(start.header.get("training", "{}"))
    if not start.is_flow and "objective" in told:
        known = type(config_of({"kind": told["objective"]["kind"]})).model_fields
        objective = config_of({name: value for name, value in told["objective"].items() if name in known})
        config = config.model_copy(update={"objective": objective})
        if "warm_start" in type(objective).model_fields:
            changes["objective.warm_start"] = 0.0
    if start.network.guidance_input != "none":
        changes["objective.guidance_input"] = True
    config = config.model_copy(update={"network": start.network})
    if start.network.segment_tokens:  # sync segments overlap: clips are trained on whole
        changes["data.crop_seconds"] = ()
    else:
        # Both splits are cropped alike, and each needs a clip that is long enough.
        kept = [clip for clip in clips if clip.split == "val"] or members
        longest = min(max(float(clip.seconds) for clip in part) for part in (members, kept))
        crops = tuple(crop for crop in CROPS if crop <= longest)
        changes["data.crop_seconds"] = crops[:2] or (longest,)
    changes["loop.rows"] = min(config.loop.rows, max(4, len(members)))
    config = config.change(changes | dict(overrides))
    often = recipes.measured(config.loop.steps or 1000)
    return config.change({name: value for name, value in often.items() if name not in overrides})


def tuned_sampling(start: Start) -> Sampling:
    """How weights trained from `start` are sampled: as it was, but what began as a flow in one call."""
    return Sampling() if start.is_flow else start.sampling


@dataclass(frozen=True)
class Kept:
    """The average that did best on held-out clips.

    Attributes:
        step: after which it was taken.
        updates: of the average, to synthesise it again.
        values: what was measured then.
    """

    step: int
    updates: int
    values: Mapping[str, float]


def best_average(run_dir: Path) -> Kept:
    """The measurement of a run with the highest "held_out".

    Raises:
        OptionError: if nothing was measured.
    """
    rows = [row for row in read_log(run_dir, "validation") if isinstance(row.get("held_out"), float)]
    if not rows:
        raise OptionError(f"{run_dir}: nothing was measured on held-out clips")
    row = max(rows, key=lambda row: row["held_out"])
    values = {name: value for name, value in row.items() if isinstance(value, float)}
    return Kept(row["step"], int(row["updates"]), values)


def export_finetuned(
    run_dir: Path, output: Path, start: Start, config: TrainingConfig, updates: int
) -> dict[str, str]:
    """Write the average that ends at `updates`; it is sampled as the weights were that it began with.

    What began as a flow is sampled in one call from now on, with the guidance that was trained in.
    """
    about: dict[str, Any] = {
        "licence": start.licence,
        "guidance": config.objective.model_dump().get("guidance", 1.0),
    }
    sampled = json.loads(start.header.get("sampling", "{}"))
    if sampled and not start.is_flow:
        about["sampling"] = sampled
    width = config.loop.sigma_rels[0]
    dtype = start.header.get("dtype", "float32")
    base = {"file": start.path.name, "sha256": weights.digest(start.path)}
    if config.adapter_rank:
        small = about | {"base": base | {"file": os.path.relpath(start.path, output.parent)}}
        export(
            run_dir,
            adapter_file(output),
            sigma_rel=width,
            updates=updates,
            only_adapters=True,
            about=small,
        )
    whole = about | {"began_with": base}
    return export(run_dir, output, sigma_rel=width, updates=updates, dtype=dtype, about=whole)


def adapter_file(output: Path) -> Path:
    """Where the adapters alone are written, beside the merged weights."""
    return output.with_name(f"{output.stem}.lora.safetensors")
