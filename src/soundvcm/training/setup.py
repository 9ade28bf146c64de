"""From a configuration, feature stores and a folder to a running loop: the only file of training that builds
parts.

    train(config, stores, run_dir): fresh, resumed or warm-started; to resume, run the same command again

Knows the front doors of network, objectives and data; the steps themselves are in `loop`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import soundvcm
from soundvcm.data.mixture import Mixture
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError, TrainingError, WeightsError
from soundvcm.network import NetworkConfig, VelocityNetwork, add_adapters
from soundvcm.objectives import Objective, ObjectiveConfig, build
from soundvcm.runtime import keep_freed_memory, resolve_device, tf32
from soundvcm.training.checkpoint import latest_checkpoint, same_run, seed_random_state
from soundvcm.training.distributed import Team, team
from soundvcm.training.loop import Loop
from soundvcm.training.settings import TrainingConfig
from soundvcm.training.state import TrainingState
from soundvcm.training.view import Hook, Progress, Result, View
from soundvcm.training.watch import validation_loss


@dataclass(frozen=True)
class _Parts:
    state: TrainingState
    data: Mixture
    objective: Objective
    record: dict[str, Any]


def train(
    config: TrainingConfig,
    stores: Sequence[FeatureStore | Path | str],
    run_dir: Path,
    *,
    resume: bool = True,
    warm_start: Path | Mapping[str, Tensor] | None = None,
    weights: Sequence[float] | None = None,
    device: str = "auto",
    hooks: Sequence[Hook] = (),
    on_progress: Callable[[Progress], None] | None = None,
    command: str = "",
    about: Mapping[str, Any] | None = None,
) -> Result:
    """Train a network, or go on with a run that is in `run_dir`.

    Args:
        config: of the run; when going on, all that changes numbers must be as it was.
        stores: feature stores, or their folders.
        run_dir: folder of the run: config.yaml, log.jsonl, checkpoints, snapshots.
        resume: False refuses a folder that already holds a run.
        warm_start: weights (an exported file, or a state dict) to begin a fresh run with; moments, averages,
            step and data order start anew, and latents are standardised as those weights expect. Ignored when
            going on.
        weights: share of each store, default by `av_fraction`.
        device: auto, cpu, cuda, mps. Under torchrun each process takes its own GPU.
        hooks: called with a `View` every `validation_steps` and at the end; numbers they return are logged.
        on_progress: called at each line of the log.
        command: what was typed, kept in checkpoints and exports.
        about: facts to keep with the weights, such as {"licence": "CC-BY-4.0", "sources": [...]}.

    Returns:
        How it ended; `finished` is False after Ctrl-C or SIGTERM, with the state saved.

    Raises:
        StoreError, OptionError, ConfigError: if data, options and network do not fit one another.
        WeightsError: if a checkpoint or the warm start is damaged or of another network.
        TrainingError: after too many bad steps in a row, or if another process is lost.
    """
    run_dir = Path(run_dir)
    opened = [store if isinstance(store, FeatureStore) else FeatureStore(store) for store in stores]
    with team(resolve_device(device), shards=config.loop.processes == "fsdp") as together:
        seed_random_state(config.loop.seed)
        if together.device.type == "cpu":
            keep_freed_memory()
        last = latest_checkpoint(run_dir)
        if last is not None and not resume:
            raise OptionError(
                f"{run_dir} already holds a run ({last.name}): choose another folder, or resume it"
            )
        _agree(together, f"{config.model_dump_json()} {last.name if last else 'fresh'}")
        parts = _prepare(config, opened, last, warm_start, weights, together, command, dict(about or {}))
        own = _validation_hook(config, opened, parts)
        if together.leads:
            run_dir.mkdir(parents=True, exist_ok=True)
            (run_dir / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
        loop = Loop(
            config.loop,
            parts.state,
            parts.objective,
            parts.data,
            run_dir,
            team=together,
            record=parts.record,
            hooks=[*own, *hooks],
            on_progress=on_progress,
        )
        with tf32(together.device, config.loop.tf32 and loop.precision == "fp32"):
            return loop.run()


def _prepare(
    config: TrainingConfig,
    stores: Sequence[FeatureStore],
    last: Path | None,
    warm_start: Path | Mapping[str, Tensor] | None,
    weights: Sequence[float] | None,
    together: Team,
    command: str,
    about: dict[str, Any],
) -> _Parts:
    """Network, data and state; latent statistics come from the stores for a fresh network, else from the
    network.
    """
    takes_guidance = config.network.guidance_input != "none"
    if bool(getattr(config.objective, "guidance_input", False)) != takes_guidance:
        raise OptionError(
            "objective.guidance_input and network.guidance_input go together: set both (network: value or"
            " log) or none"
        )
    network = VelocityNetwork(config.network)
    if last is None and warm_start is not None:
        load_weights(network, warm_start)
    if config.adapter_rank:
        if together.shards:
            raise OptionError("adapters are small: train them with loop.processes=ddp")
        if last is None and warm_start is None:
            raise OptionError("adapter_rank changes trained weights a little: give a warm start")
        add_adapters(network, config.adapter_rank)
    network.recompute = config.loop.recompute
    together.place(network.to(together.device))
    state = TrainingState(network, config.loop)
    if last is not None:
        state.resume(last)
    known = last is not None or warm_start is not None
    data = Mixture(
        stores,
        config.data,
        rows=config.loop.rows,
        seed=config.loop.seed,
        weights=weights,
        latent_mean=network.latent_mean.flatten() if known else None,
        latent_std=network.latent_std.flatten() if known else None,
        widths=_network_widths(config.network),
    )
    if not known:
        network.latent_mean.copy_(data.latent_mean.view(1, 1, -1))
        network.latent_std.copy_(data.latent_std.view(1, 1, -1))
        if config.network.precondition:
            network.data_covariance.copy_(data.autocovariance(config.network.covariance_lags))
        _take_empty_text(network, stores)
    record = {
        "config": config.model_dump(mode="json"),
        "data": data.describe() | about,
        "command": command,
        "package": {"soundvcm": soundvcm.__version__, "torch": torch.__version__},
        "parts": together.size * config.loop.accumulate,
    }
    if last is not None:
        same_run(last, record)
    return _Parts(state, data, build(_objective(config, together)), record)


def _take_empty_text(network: VelocityNetwork, stores: Sequence[FeatureStore]) -> None:
    """A fresh network with a fixed "no text" takes the encoding of the empty string, as in MMAudio."""
    if network.config.learned_empty_text:
        return
    known = [store.empty_text for store in stores if store.empty_text is not None]
    if known:
        network.conditions.empty_text.copy_(known[0])
    elif any(store.texts for store in stores):
        logging.getLogger(__name__).warning(
            "the stores were written without the features of the empty text: no text is all zeros; extract"
            " them again to train as the paper does"
        )


def _objective(config: TrainingConfig, together: Team) -> ObjectiveConfig:
    """The objective's settings; every process makes the same calls where the network is shared out.

    Raises:
        OptionError: if the objective cannot train such a network.
    """
    objective = config.objective
    if not together.shards:
        return objective
    if objective.kind == "own_flow":
        raise OptionError("own_flow keeps a whole snapshot of the network: set loop.processes=ddp")
    if getattr(objective, "derivative", "") == "jvp":
        raise OptionError(
            "loop.processes=fsdp shares the network out, which forward-mode derivatives do not pass: set"
            " objective.derivative=central, or loop.processes=ddp"
        )
    if "equal_calls" not in type(objective).model_fields:
        return objective
    return objective.model_copy(update={"equal_calls": True})


def load_weights(network: nn.Module, source: Path | Mapping[str, Tensor]) -> None:
    """Fill a network with the weights of an exported file or a state dict, strictly.

    Raises:
        WeightsError: if the file cannot be read or is of another network.
    """
    try:
        state = source if isinstance(source, Mapping) else load_file(Path(source))
        network.load_state_dict({name: value.float() for name, value in state.items()})
    except Exception as error:
        name = "the given weights" if isinstance(source, Mapping) else str(source)
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise WeightsError(f"cannot start from {name}: {lines[min(1, len(lines) - 1)]}") from None


def _network_widths(config: NetworkConfig) -> dict[str, int]:
    return {
        "latents": config.latent_dim,
        "semantic": config.semantic_dim,
        "sync": config.sync_dim,
        "text": config.text_dim,
        "text_tokens": config.text_tokens,
    }


def _agree(together: Team, words: str) -> None:
    if not together.same(words):
        raise TrainingError(
            "the processes do not see the same run: give all the same command and a run folder that all of"
            " them share"
        )


def _validation_hook(config: TrainingConfig, stores: Sequence[FeatureStore], parts: _Parts) -> list[Hook]:
    """Validation loss of the first averaged weights on the split "val", if there is one."""
    having = [store for store in stores if any(item.split == "val" for item in store.items)]
    if not having:
        return []
    data = Mixture(
        having,
        config.data.change({"split": "val"}),
        rows=min(config.loop.rows, sum(len(store.split("val")) for store in having)),
        seed=config.loop.seed,
        latent_mean=parts.data.latent_mean,
        latent_std=parts.data.latent_std,
        widths=_network_widths(config.network),
    )

    # Paths are made anew for every batch here, and the run's own stay as they are.
    settings = config.objective
    judge = build(settings.change({"uses": 1})) if settings.kind == "own_flow" else parts.objective

    def hook(view: View) -> Mapping[str, float]:
        with view.averaged() as network:
            return validation_loss(
                judge,
                network,
                data.batch,
                frozen=parts.state.snapshot,
                batches=config.loop.validation_batches,
                progress=view.progress,
                seed=config.loop.seed,
                device=view.device,
            )

    return [hook]
