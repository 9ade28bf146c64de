"""Training of the embedded codec from the Foley bank: magnitudes by regression, one CPU is enough.

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
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from soundvcm.codec.neural import NeuralCodec, NeuralCodecConfig
from soundvcm.config import Config
from tiny.codec.losses import MagnitudeLoss
from tiny.sounds.snippets import Snippets


class CodecTrainingConfig(Config):
    """How the embedded codec is trained; defaults are the shipped recipe.

    Attributes:
        codec: sizes of the codec.
        steps: optimizer steps in all.
        decoder_from: share of the steps after which the encoder stays as it is and only the decoder learns,
            from the averaged weights, with a rate that falls anew; latents made from then on stay valid.
        batch: rows of `seconds` a step.
        rate: AdamW learning rate, falling to a fiftieth on a cosine.
        kl_weight: weight of the divergence of the posterior from N(0, I), per latent value.
        average: decay of the moving average of the weights, which is what is exported.
        bf16: bfloat16 autocast in the networks; spectra and losses stay float32.
    """

    codec: NeuralCodecConfig = NeuralCodecConfig()
    steps: int = 5600
    decoder_from: float = 0.5
    batch: int = 16
    seconds: float = 1.536
    rate: float = 1e-3
    kl_weight: float = 3e-4
    average: float = 0.998
    seed: int = 1
    bf16: bool = True
    save_every: int = 250
    log_every: int = 50


class CodecRun:
    """State of one training run: codec, optimizer, moving average, step."""

    def __init__(self, config: CodecTrainingConfig, snippets: Snippets) -> None:
        torch.manual_seed(config.seed)
        self.config, self.snippets, self.step = config, snippets, 0
        self.codec = NeuralCodec(config.codec)
        self.codec.start_linear(torch.cat([self._waves(-k) for k in range(1, 33)]))
        self.average = {name: value.detach().clone() for name, value in self.codec.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.codec.parameters(), config.rate, (0.9, 0.98), weight_decay=1e-3
        )
        self.loss = MagnitudeLoss(config.codec)

    @property
    def turn(self) -> int:
        """Step at which the encoder settles."""
        return round(self.config.decoder_from * self.config.steps)

    def _rate(self) -> float:
        """Rising over 100 steps, then falling on a cosine; once for both halves, once for the decoder."""
        settled = self.step >= self.turn
        done = self.step - (self.turn if settled else 0)
        span = max(1, self.config.steps - self.turn if settled else self.turn)
        share = 0.02 + 0.49 * (1 + math.cos(math.pi * done / span))
        return self.config.rate * min(1.0, (done + 1) / 100) * share * (0.5 if settled else 1.0)

    def _settle(self) -> None:
        """Go on from the averaged weights with a fixed encoder."""
        self.codec.load_state_dict(self.average)
        self.codec.encoder.requires_grad_(False)
        # The encoder's last gradient would stay for ever and count in the norm that is clipped.
        self.codec.zero_grad(set_to_none=True)
        self.optimizer = self._optimizer()

    def _optimizer(self) -> torch.optim.AdamW:
        learning = [value for value in self.codec.parameters() if value.requires_grad]
        return torch.optim.AdamW(learning, self.config.rate, (0.9, 0.98), weight_decay=1e-3)

    def _waves(self, step: int) -> Tensor:
        samples = round(self.config.seconds * self.config.codec.sample_rate)
        return self.snippets.batch(step % 2**32, self.config.batch, samples)

    def advance(self) -> dict[str, float]:
        """One step; returns the loss terms."""
        config = self.config
        if self.step == self.turn:
            self._settle()
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        wave = self._waves(self.step)
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            moments = self.codec.encode(wave)
            mean, std = moments.mean.float(), moments.std.float()
            made = self.codec.magnitudes(mean + std * torch.randn(mean.shape, generator=generator))
        terms = self.loss(*made, wave)
        terms["kl"] = 0.5 * (mean.square() + std.square() - 1 - 2 * torch.log(std)).mean()
        loss = 0.3 * terms["doubt"] + terms["log"] + 0.5 * terms["bands"] + terms["root"]
        loss = loss + config.kl_weight * terms["kl"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.codec.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
            self._follow()
        self.step += 1
        return {name: float(value.detach()) for name, value in terms.items()} | {"norm": float(norm)}

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for name, value in self.codec.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def tensors(self) -> dict[str, Tensor]:
        """Everything a resumed run needs, as flat tensors."""
        flat = {f"codec.{k}": v for k, v in self.codec.state_dict().items()}
        flat |= {f"average.{k}": v for k, v in self.average.items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            flat |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
        return {name: value.contiguous() for name, value in flat.items()}

    def restore(self, flat: dict[str, Tensor], step: int) -> None:
        """Put back what `tensors` gave."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {k[len(prefix) + 1 :]: v for k, v in flat.items() if k.startswith(prefix + ".")}

        self.codec.load_state_dict(part("codec"))
        self.average = part("average")
        if step > self.turn:
            self.codec.encoder.requires_grad_(False)
            self.optimizer = self._optimizer()
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in part("optimizer").items():
            index, field = name.split(".", 1)
            state.setdefault(int(index), {})[field] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
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
    run, state = CodecRun(config, snippets), folder / "state.safetensors"
    if state.exists():
        with safe_open(state, "pt") as file:
            run.restore({name: file.get_tensor(name) for name in file.keys()}, int(file.metadata()["step"]))
    sums: dict[str, list[float]] = {}
    began = time.monotonic()
    while run.step < config.steps:
        for name, value in run.advance().items():
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
    def put(name: str, write: Callable[[Path], object]) -> None:
        beside = folder / (name + ".part")
        write(beside)
        os.replace(beside, folder / name)

    facts = {"config": run.config.codec.model_dump_json()}
    put("codec.safetensors", lambda path: save_file(run.average, path, facts))
    put("state.safetensors", lambda path: save_file(run.tensors(), path, {"step": str(run.step)}))
