"""Training of the embedded codec from the Foley bank: magnitudes by regression, one CPU is enough.

`train_codec` resumes where it stopped when called again with the same folder. Knows the codec and the bank
only.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import torch
from torch import Tensor

from soundvcm.codec.neural import NeuralCodec, NeuralCodecConfig
from soundvcm.codec.spectra import UNIT_RATE
from soundvcm.config import Config
from tiny.codec.losses import MagnitudeLoss
from tiny.codec.run import Report, Run, carry_on
from tiny.codec.widening import widen, wider_config
from tiny.sounds.snippets import Snippets

UPPER_DIM, UPPER_ROUNDS = 32, 6  # channels for the octave above, and rounds of phases at 32 kHz


class CodecTrainingConfig(Config):
    """How the embedded codec is trained; defaults are the shipped recipe, at 16 kHz. See `wider`.

    Attributes:
        codec: sizes of the codec.
        steps: optimizer steps in all.
        decoder_from: share of the steps after which the encoder stays as it is and only the decoder learns,
            from the averaged weights, with a rate that falls anew; latents made from then on stay valid.
        batch: rows of `seconds` a step.
        rate: AdamW learning rate, falling to a fiftieth on a cosine.
        kl_weight: weight of the divergence of the posterior from N(0, I), per latent value.
        power_weight: weight of the powers of bands after drawing (levels), see `MagnitudeLoss`.
        flux_weight: weight of how fast these bands change.
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
    power_weight: float = 0.0
    flux_weight: float = 0.0
    average: float = 0.998
    seed: int = 1
    bf16: bool = True
    save_every: int = 250
    log_every: int = 50

    @classmethod
    def wider(cls, narrow: NeuralCodecConfig) -> CodecTrainingConfig:
        """The recipe by which a trained codec is taken to twice its rate: only the decoder learns."""
        weights = {"power_weight": 0.5, "flux_weight": 1.0}
        sizes = wider_config(narrow, UPPER_DIM, UPPER_ROUNDS)
        return cls(codec=sizes, steps=4000, decoder_from=0.0, batch=8, rate=3e-4, save_every=100, **weights)


class CodecRun(Run):
    """State of one training run; the encoder settles on the way.

    Args:
        config: recipe.
        snippets: source of training sounds.
        narrow: a trained codec of half the rate to begin from, instead of principal components.
    """

    def __init__(
        self, config: CodecTrainingConfig, snippets: Snippets, narrow: NeuralCodec | None = None
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.snippets = config, snippets
        waves = torch.cat([self._waves(-k) for k in range(1, 33)])
        if narrow is None:
            self.codec = NeuralCodec(config.codec)
            self.codec.start_linear(waves)
        else:
            self.codec = widen(narrow, config.codec, waves).train()
        sizes = config.codec
        scale = UNIT_RATE / sizes.sample_rate
        self.loss = MagnitudeLoss(sizes.head_fft, sizes.hop // 2, sizes.sample_rate, scale)
        super().__init__(self.codec, config.rate, config.average)

    @property
    def turn(self) -> int:
        """Step at which the encoder settles."""
        return round(self.config.decoder_from * self.config.steps)

    def _rate(self) -> float:
        """Rising over 100 steps, then falling on a cosine; once for both halves, once for the decoder."""
        settled = self.step >= self.turn
        done = self.step - (self.turn if settled else 0)
        span = max(1, self.config.steps - self.turn if settled else self.turn)
        return falling(self.config.rate, done, span) * (0.5 if settled else 1.0)

    def _settle(self) -> None:
        """Go on from the averaged weights with a fixed encoder."""
        self.codec.load_state_dict(self.average)
        self.codec.encoder.requires_grad_(False)
        # The encoder's last gradient would stay for ever and count in the norm that is clipped.
        self.codec.zero_grad(set_to_none=True)
        self.optimizer = self._optimizer()

    def facts(self) -> dict[str, str]:
        """What latents are called once the encoder has settled: the same while the decoder learns."""
        return {"latents": latents_name(self.average)} if self.step > self.turn else {}

    def _waves(self, step: int) -> Tensor:
        samples = round(self.config.seconds * self.config.codec.sample_rate)
        return self.snippets.batch(step % 2**32, self.config.batch, samples)

    def advance(self) -> dict[str, float]:
        """One step; returns the loss terms."""
        config = self.config
        if self.step == self.turn:
            self._settle()
        wave = self._waves(self.step)
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            moments = self.codec.encode(wave)
            mean, std = moments.mean.float(), moments.std.float()
            made = self.codec.magnitudes(mean + std * torch.randn(mean.shape, generator=generator))
        noise = None
        if config.power_weight or config.flux_weight:
            noise = torch.randn(wave.shape, generator=generator)
        terms = self.loss(*made, wave, noise)
        terms["kl"] = 0.5 * (mean.square() + std.square() - 1 - 2 * torch.log(std)).mean()
        loss = self.loss.of(terms) + config.kl_weight * terms["kl"]
        for name, weight in (("power", config.power_weight), ("flux", config.flux_weight)):
            loss = loss + weight * terms.get(name, 0.0)
        norm = self.learn(loss, self._rate())
        return {name: float(value.detach()) for name, value in terms.items()} | {"norm": norm}

    def restore(self, flat: dict[str, Tensor], step: int) -> None:
        """Put back what `tensors` gave."""
        if step > self.turn:
            self.codec.encoder.requires_grad_(False)
            self.optimizer = self._optimizer()
        super().restore(flat, step)


def latents_name(weights: dict[str, Tensor]) -> str:
    """The name of a codec's latents: a hash of its encoder in half precision, as it is exported."""
    found = hashlib.sha256()
    for name in sorted(weights):
        if name.startswith("encoder."):
            found.update(name.encode() + weights[name].half().numpy().tobytes())
    return f"neural-{found.hexdigest()[:12]}"


def falling(rate: float, step: int, steps: int) -> float:
    """A learning rate that rises over 100 steps and falls to a fiftieth on a cosine."""
    return rate * min(1.0, (step + 1) / 100) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))


def train_codec(
    config: CodecTrainingConfig,
    snippets: Snippets,
    folder: Path,
    report: Report = lambda step, terms: None,
    narrow: NeuralCodec | None = None,
) -> NeuralCodec:
    """Train (or go on training) the codec; run state and `codec.safetensors` land in `folder`.

    Args:
        config: recipe; must be the one the folder was begun with.
        snippets: source of training sounds.
        folder: run folder, made if missing.
        report: called every `log_every` steps with the mean terms.
        narrow: as for `CodecRun`.

    Returns:
        The codec with averaged weights, in evaluation mode.
    """
    run = CodecRun(config, snippets, narrow)
    facts = {"config": config.codec.model_dump_json()}
    every = {"save_every": config.save_every, "log_every": config.log_every}
    carry_on(run, config.steps, folder, "codec.safetensors", facts, report=report, **every)
    run.codec.load_state_dict(run.average)
    return run.codec.eval()
