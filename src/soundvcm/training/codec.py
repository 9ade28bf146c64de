"""Training of the embedded codec from the Foley bank: spectra first, critics later, one CPU is enough.

`train_codec` resumes where it stopped when called again with the same folder: weights, optimizer moments,
moving average and step are saved, and batches are functions of the step. Knows the codec and the bank only.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from soundvcm.codec.neural import NeuralCodec, NeuralCodecConfig
from soundvcm.config import Config
from soundvcm.data.snippets import Snippets
from soundvcm.training.codec_losses import Discriminators, SpectralLoss, adversarial_loss, critic_loss


class CodecTrainingConfig(Config):
    """How the embedded codec is trained; defaults are the shipped recipe.

    Attributes:
        codec: sizes of the codec.
        steps: optimizer steps in all.
        batch: rows of `seconds` a step.
        critic_rows: rows of each batch that the critics see (they cost most of a step).
        critics_from: share of the steps after which the critics join.
        rate: AdamW learning rate, falling to a tenth on a cosine.
        kl_weight: weight of the divergence of the posterior from N(0, I), per latent value.
        adversarial_weight, feature_weight: of the critics' two terms.
        average: decay of the moving average of the weights, which is what is exported.
        bf16: bfloat16 autocast in all networks; spectra and losses stay float32.
    """

    codec: NeuralCodecConfig = NeuralCodecConfig()
    steps: int = 1600
    batch: int = 16
    seconds: float = 1.536
    critic_rows: int = 4
    critics_from: float = 0.4
    rate: float = 6e-4
    kl_weight: float = 3e-4
    adversarial_weight: float = 0.08
    feature_weight: float = 0.4
    average: float = 0.998
    seed: int = 1
    bf16: bool = True
    save_every: int = 250
    log_every: int = 25


class CodecRun:
    """State of one training run: networks, optimizers, moving average, step."""

    def __init__(self, config: CodecTrainingConfig) -> None:
        torch.manual_seed(config.seed)
        self.config, self.step = config, 0
        self.codec = NeuralCodec(config.codec)
        self.critics = Discriminators()
        self.average = {name: value.detach().clone() for name, value in self.codec.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.codec.parameters(), config.rate, (0.8, 0.97), weight_decay=1e-3
        )
        self.critic_optimizer = torch.optim.AdamW(self.critics.parameters(), config.rate / 2, (0.5, 0.9))
        self.spectral = SpectralLoss(config.codec.sample_rate)

    def advance(self, wave: Tensor) -> dict[str, float]:
        """One step on waves [b, s]; returns the loss terms."""
        config = self.config
        progress = self.step / config.steps
        warm = min(1.0, (self.step + 1) / 100)
        rate = config.rate * warm * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))
        for optimizer, scale in ((self.optimizer, 1.0), (self.critic_optimizer, 0.5)):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
        made, divergence = self._reconstruct(wave)
        terms = {"spectral": self.spectral(made, wave), "kl": divergence}
        loss = terms["spectral"] + config.kl_weight * divergence
        if progress >= config.critics_from:
            few = slice(0, config.critic_rows)
            terms["critic"] = self._teach_critics(wave[few], made[few].detach())
            with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
                with torch.no_grad():
                    real = self.critics(wave[few])
                fool, features = adversarial_loss(real, self.critics(made[few]))
            terms |= {"fool": fool, "features": features}
            loss = loss + config.adversarial_weight * fool + config.feature_weight * features
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.codec.parameters(), 5.0)
        if torch.isfinite(norm):
            self.optimizer.step()
            self._follow()
        self.step += 1
        return {name: float(value.detach()) for name, value in terms.items()} | {"norm": float(norm)}

    def _reconstruct(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
            moments = self.codec.encode(wave)
            mean, std = moments.mean.float(), moments.std.float()
            eps = torch.randn(mean.shape, generator=generator)
            made = self.codec.decode(mean + std * eps)
        divergence = 0.5 * (mean.square() + std.square() - 1 - 2 * torch.log(std)).mean()
        return made.float()[:, : wave.shape[1]], divergence

    def _teach_critics(self, real: Tensor, made: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
            loss = critic_loss(self.critics(real), self.critics(made))
        self.critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.critics.parameters(), 5.0)
        self.critic_optimizer.step()
        return loss

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for name, value in self.codec.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """Everything a resumed run needs, as flat tensors."""
        flat = {f"codec.{k}": v for k, v in self.codec.state_dict().items()}
        flat |= {f"critics.{k}": v for k, v in self.critics.state_dict().items()}
        flat |= {f"average.{k}": v for k, v in self.average.items()}
        for prefix, optimizer in (("optimizer", self.optimizer), ("critic_optimizer", self.critic_optimizer)):
            for index, values in optimizer.state_dict()["state"].items():
                flat |= {f"{prefix}.{index}.{name}": value for name, value in values.items()}
        return {name: value.contiguous() for name, value in flat.items()}

    def restore(self, flat: dict[str, Tensor], step: int) -> None:
        """Put back what `tensors` gave."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {k[len(prefix) + 1 :]: v for k, v in flat.items() if k.startswith(prefix + ".")}

        self.codec.load_state_dict(part("codec"))
        self.critics.load_state_dict(part("critics"))
        self.average = part("average")
        for prefix, optimizer in (("optimizer", self.optimizer), ("critic_optimizer", self.critic_optimizer)):
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in part(prefix).items():
                index, field = name.split(".", 1)
                state.setdefault(int(index), {})[field] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        self.step = step


def train_codec(
    config: CodecTrainingConfig,
    snippets: Snippets,
    folder: Path,
    report: Callable[[int, dict[str, float]], None] = lambda step, terms: None,
) -> NeuralCodec:
    """Train (or go on training) the codec; run state and `codec.safetensors` land in `folder`.

    Args:
        config: recipe; must be the one the folder was begun with.
        snippets: source of training sounds.
        folder: run folder, made if missing.
        report: called every `log_every` steps with the mean terms.

    Returns:
        The codec with averaged weights, in evaluation mode.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run, state = CodecRun(config), folder / "state.safetensors"
    if state.exists():
        run.restore(load_file(state), int(json.loads((folder / "state.json").read_text())["step"]))
    sums: dict[str, list[float]] = {}
    began = time.monotonic()
    while run.step < config.steps:
        wave = snippets.batch(run.step, config.batch, round(config.seconds * config.codec.sample_rate))
        for name, value in run.advance(wave).items():
            sums.setdefault(name, []).append(value)
        if run.step % config.log_every == 0:
            terms = {name: sum(values) / len(values) for name, values in sums.items()}
            terms["seconds"] = time.monotonic() - began
            report(run.step, terms)
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": run.step, **terms}) + "\n")
            sums = {}
        if run.step % config.save_every == 0 or run.step == config.steps:
            _save(run, folder)
    codec = NeuralCodec(config.codec)
    codec.load_state_dict(run.average)
    return codec.eval()


def _save(run: CodecRun, folder: Path) -> None:
    for name, write in (
        ("state.safetensors", lambda path: save_file(run.tensors(), path)),
        ("state.json", lambda path: path.write_text(json.dumps({"step": run.step}))),
        (
            "codec.safetensors",
            lambda path: save_file(run.average, path, {"config": run.config.codec.model_dump_json()}),
        ),
    ):
        beside = folder / (name + ".part")
        write(beside)
        os.replace(beside, folder / name)
