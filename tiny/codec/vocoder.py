"""Training of the small vocoders from the Foley bank: mel spectra of real sounds => their magnitudes.

Knows the vocoder and the bank only; `run` keeps the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from soundvcm.codec.mel import MEL_16K, MEL_44K, log_mel
from soundvcm.codec.neural import linear_magnitudes
from soundvcm.codec.small_vocoder import SmallVocoder, SmallVocoderConfig
from soundvcm.config import Config
from tiny.codec.losses import MagnitudeLoss
from tiny.codec.run import Report, Run, carry_on
from tiny.codec.training import falling
from tiny.sounds.bank import load_bank
from tiny.sounds.snippets import Snippets

FRONT_ENDS = {"16k": MEL_16K, "44k": MEL_44K}
_SLOWER = 32_000  # the bank's sounds end at 16 kHz: read at this rate and played at 44.1 kHz they fill it


class VocoderTrainingConfig(Config):
    """How a small vocoder is trained; defaults are the shipped recipe.

    Attributes:
        mode: "16k" or "44k", the paper's two front ends.
        steps: optimizer steps in all.
        batch: rows of `frames` mel frames a step.
        rate: AdamW learning rate, falling to a fiftieth on a cosine.
        blur: largest standard deviation of the noise added to a row's log-mel (natural logarithm): spectra
            in use come from a VAE.
        average: decay of the moving average of the weights, which is what is exported.
        bf16: bfloat16 autocast in the network; spectra and losses stay float32.
    """

    mode: Literal["16k", "44k"] = "16k"
    steps: int = 1200
    batch: int = 12
    frames: int = 96
    rate: float = 1e-3
    blur: float = 0.2
    average: float = 0.998
    seed: int = 1
    bf16: bool = True
    save_every: int = 100
    log_every: int = 50

    @property
    def network(self) -> SmallVocoderConfig:
        """Sizes of what is trained."""
        return SmallVocoderConfig(mel=FRONT_ENDS[self.mode])


class VocoderRun(Run):
    """State of one training run; `sounds` take turns."""

    def __init__(self, config: VocoderTrainingConfig, sounds: Sequence[Snippets]) -> None:
        torch.manual_seed(config.seed)
        self.config, self.sounds = config, sounds
        sizes = config.network
        self.vocoder = SmallVocoder(sizes)
        self.loss = MagnitudeLoss(sizes.fft, sizes.mel.hop // 2, sizes.mel.sample_rate)
        super().__init__(self.vocoder, config.rate, config.average)

    def advance(self) -> dict[str, float]:
        """One step; returns the loss terms."""
        config, mel = self.config, self.config.network.mel
        source = self.sounds[self.step % len(self.sounds)]
        wave = source.batch(self.step, config.batch, config.frames * mel.hop)
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        bands = log_mel(wave, mel)
        blur = config.blur * torch.rand((len(wave), 1, 1), generator=generator)
        blur = blur / 2.302585 if mel.log == "log10" else blur
        bands = bands + blur * torch.randn(bands.shape, generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
            size, spread = self.vocoder.magnitudes(bands)
        terms = self.loss(linear_magnitudes(size), spread, wave)
        norm = self.learn(self.loss.of(terms), falling(config.rate, self.step, config.steps))
        return {name: float(value.detach()) for name, value in terms.items()} | {"norm": norm}


def sounds_of(bank: Path, config: VocoderTrainingConfig) -> list[Snippets]:
    """Training sounds at the front end's rate; at 44.1 kHz also a third faster than they are."""
    rate = FRONT_ENDS[config.mode].sample_rate
    if rate < _SLOWER:
        return [Snippets(load_bank(bank, rate), "train", config.seed, variants=1)]
    return [Snippets(load_bank(bank, read), "train", config.seed, variants=0) for read in (rate, _SLOWER)]


def train_vocoder(
    config: VocoderTrainingConfig, bank: Path, folder: Path, report: Report = lambda step, terms: None
) -> SmallVocoder:
    """Train (or go on training) a small vocoder; run state and `vocoder.safetensors` land in `folder`.

    Args:
        config: recipe; must be the one the folder was begun with.
        bank: folder of the Foley bank.
        folder: run folder, made if missing.
        report: called every `log_every` steps with the mean terms.

    Returns:
        The vocoder with averaged weights, in evaluation mode.
    """
    run = VocoderRun(config, sounds_of(bank, config))
    facts = {"config": config.network.model_dump_json()}
    every = {"save_every": config.save_every, "log_every": config.log_every}
    carry_on(run, config.steps, folder, "vocoder.safetensors", facts, report=report, **every)
    run.vocoder.load_state_dict(run.average)
    return run.vocoder.eval()
