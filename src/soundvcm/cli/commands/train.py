"""`soundvcm train RECIPE`: networks from feature stores; run it again to go on.

    tiny, paper, finetune, from_flow: stores => network
    pairs: teacher, store => store of recorded pairs, for objective.kind=reflow and distill

Joins training and its data; prints progress. Knows the recipes by name only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from soundvcm.cli.terminal import emit_json, in_words, note, say
from soundvcm.config import parse_overrides
from soundvcm.errors import OptionError, nearest

if TYPE_CHECKING:
    from soundvcm.data.store import FeatureStore
    from soundvcm.training import Progress, TrainingConfig

RECIPES = ("tiny", "paper", "finetune", "from_flow", "pairs")
GOING_ON = ("finetune", "from_flow")


def train(
    recipe: Annotated[str, tyro.conf.Positional],
    overrides: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    /,
    *,
    runs: Path = Path("runs"),
    run: Path | None = None,
    store: tuple[Path, ...] = (),
    share: tuple[str, ...] = (),
    codec: Path | None = None,
    warm_start: str | None = None,
    model: Path | None = None,
    device: str = "auto",
    export: Path | None = None,
    sigma_rel: float = 0.05,
    dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    temperature: float | None = None,
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    gpus: int = 4,
    gpu_tflops: float = 989.0,
) -> int:
    """Train by a recipe: tiny, paper, finetune, from_flow; or record pairs. Run it again to resume.

    Change fields of the recipe by words such as loop.steps=200 objective.guidance=3; those of pairs are
    guidance=4.5 steps=25 seed=0.

    Args:
        recipe: what to train.
        overrides: fields of the recipe, name=value.
        runs: folder in which runs are kept.
        run: folder of this run; default RUNS/RECIPE.
        store: feature stores to train from (soundvcm extract makes them).
        share: how much of the rows stores give, NAME=0.5 with the name of a store's folder; those not named
            share the rest by their clips.
        codec: embedded codec that made them, for loop.samples; the shipped one if left out.
        warm_start: weights to begin a fresh run with: tiny, or a file, which says the network's sizes.
        model: weights of the teacher that makes the sounds of pairs.
        device: auto, cpu, cuda or mps.
        export: where to write the finished weights.
        sigma_rel: width of the average that is exported.
        dtype: number format of the exported network.
        temperature: what the exported network's starting noise is multiplied by when it is used; that of the
            weights it began with if left out.
        dry_run: print the configuration and what a step costs, train nothing.
        gpus: how many the dry run predicts hours for.
        gpu_tflops: dense bf16 peak of one of them (989: an H100).
    """
    if recipe not in RECIPES:
        raise OptionError(f"no recipe {recipe!r}{nearest(recipe, RECIPES)}")
    if (model is None) == (recipe == "pairs"):
        raise OptionError("--model TEACHER goes with: soundvcm train pairs, which records what it makes")
    if recipe == "pairs" and (warm_start is not None or export is not None):
        raise OptionError("pairs trains nothing: leave --warm-start and --export out")
    if not store and not dry_run:
        raise OptionError("say what to train from: --store FOLDER (soundvcm extract makes one from clips)")
    if recipe in GOING_ON and warm_start is None:
        raise OptionError(
            f"{recipe} goes on with trained weights: --warm-start tiny or FILE (for the whole way from clips:"
            " soundvcm finetune)"
        )
    folder = run or runs / recipe
    if recipe == "pairs":
        from soundvcm.cli.commands.train_pairs import pairs

        assert model is not None
        return pairs(model, store, folder, overrides, device)
    given: dict[str, Any] = {
        "share": share,
        "codecs": [] if codec is None else [codec],
        "device": device,
        "warm_start": None if warm_start is None else starting_file(warm_start),
        "export": export,
        "sigma_rel": sigma_rel,
        "dtype": dtype,
        "temperature": temperature,
        "gpus": (gpus, gpu_tflops),
    }
    return _train_network(recipe, folder, store, overrides, given, dry_run)


def _train_network(
    recipe: str,
    folder: Path,
    stores: tuple[Path, ...],
    overrides: tuple[str, ...],
    given: dict[str, Any],
    dry_run: bool,
) -> int:
    """A network by one of the recipes."""
    from soundvcm import training, weights
    from soundvcm.data.store import FeatureStore
    from soundvcm.systems.catalog import saved_config
    from soundvcm.training import recipes

    config = recipes.recipe(recipe)
    origin = weights.header(given["warm_start"]) if given["warm_start"] is not None else {}
    if "config" in origin:  # other weights, other sizes: the network of the file is the one that goes on
        config = config.model_copy(update={"network": saved_config(given["warm_start"], origin)})
        if config.network.segment_tokens:  # sync segments overlap: clips are trained on whole
            config = config.change({"data.crop_seconds": ()})
    config = config.change(parse_overrides(overrides))
    licence = origin.get("licence", "MIT")
    if dry_run:
        from soundvcm.training.estimate import estimate

        say(config.to_yaml())
        count, tflops = given["gpus"]
        if count < 1 or tflops <= 0:
            raise OptionError(
                f"hours are predicted for one GPU or more of some speed, not {count} of {tflops:g}"
            )
        emit_json(estimate(config, gpus=count, peak=tflops * 1e12))
        return 0
    opened = [FeatureStore(path) for path in stores]
    hooks = []
    if config.loop.samples:
        from soundvcm.cli.commands.train_samples import sample_hook

        hooks.append(sample_hook(config, opened, given["codecs"], given["device"]))
    result = training.train(
        config,
        opened,
        folder,
        weights=shares_of(opened, shares_in(given["share"])),
        hooks=hooks,
        device=given["device"],
        warm_start=given["warm_start"],
        on_progress=show,
        command=command_line(),
        about={"licence": licence} if origin else None,
    )
    if not result.finished:
        note(f"stopped at step {result.step}; the state is saved: run the same command again to go on")
        return 130
    if given["export"] is not None:
        about: dict[str, Any] = {
            "licence": licence,
            "guidance": config.objective.model_dump().get("guidance", 1.0),
        }
        sampling = _kept_sampling(origin, config)
        if given["temperature"] is not None:
            sampling["temperature"] = given["temperature"]
        if sampling:
            told = config.network.guidance_input != "none"
            about["sampling"] = sampling | ({"guidance": about["guidance"]} if told else {})
        numbers = {"sigma_rel": given["sigma_rel"], "dtype": given["dtype"]}
        training.export(folder, given["export"], **numbers, about=about)
        say(f"wrote {given['export']}")
    return 0


def shares_in(words: Sequence[str]) -> dict[str, float]:
    """NAME=0.5 as numbers by name.

    Raises:
        OptionError: if a word says something else.
    """
    found = {}
    for word in words:
        name, _, value = word.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = -1.0
        if not name or not 0 < found[name] <= 1:
            raise OptionError(f"--share is NAME=0.5, a store's folder and its share of rows, not {word!r}")
    return found


def shares_of(stores: Sequence[FeatureStore], named: Mapping[str, float]) -> list[float] | None:
    """Share of each store: those named as told, the others by their training clips; None if none is named.

    Raises:
        OptionError: if a name is no store's or stands for two, or the shares do not leave any to the others.
    """
    if not named:
        return None
    names = [store.folder.name for store in stores]
    for name in named:
        if names.count(name) != 1:
            raise OptionError(
                f"--share {name}: {names.count(name)} stores are called so ({', '.join(names)})"
            )
    total, others = sum(named.values()), [name for name in names if name not in named]
    if total > 1 or (others and total >= 1) or (not others and abs(total - 1) > 1e-6):
        raise OptionError(f"the shares of the rows add up to {total:g}: of all stores together they are 1")
    clips = {store.folder.name: len(store.split("train")) for store in stores}
    left = (1 - total) / max(1, sum(clips[name] for name in others))
    return [named[name] if name in named else clips[name] * left for name in names]


def starting_file(name: str) -> Path:
    """The file of the weights to begin with.

    Raises:
        OptionError: for an unknown name, or weights of MMAudio as they are published.
    """
    from soundvcm import weights
    from soundvcm.training.finetune import named_weights

    path = named_weights(name)
    if "config" not in weights.header(path):
        raise OptionError(
            f"{name} knows one time only: adopt it first (soundvcm adopt {name} --output start.safetensors),"
            " then --warm-start start.safetensors"
        )
    return path


def _kept_sampling(origin: Mapping[str, str], config: TrainingConfig) -> dict[str, Any]:
    """How the weights that training began with are sampled, where what it makes is sampled likewise."""
    known: dict[str, Any] = json.loads(origin.get("sampling", "{}"))
    likewise = {"flow": ("flow_matching",), "mean": ("vcm", "meanflow", "alpha_flow", "split_meanflow")}
    return known if config.objective.kind in likewise[known.get("kind", "mean")] else {}


def show(progress: Progress) -> None:
    """One line of the log for the person."""
    steps = f"/{progress.steps}" if progress.steps else ""
    say(
        f"step {progress.step}{steps} loss {progress.loss:.4f} rate {progress.rate:.2e}"
        f" {progress.rows_per_second:.1f} rows/s, {in_words(progress.left_seconds)} left"
    )


def command_line() -> str:
    """What was typed, without the place the program lives in."""
    return " ".join(["soundvcm", *sys.argv[1:]])
