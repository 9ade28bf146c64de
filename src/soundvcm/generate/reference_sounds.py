"""What a take does with reference sounds: the kind that is meant, clips in the network's time.

    options, features => kinds => clips (of the bank, or of the user's own file) => placed under the guide

The guide is the network's own take. `bank` lets the placed clips be the sound; `network` starts the sampler
from their latents. Knows the bank, the text encoder and files; no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from soundvcm import media
from soundvcm.errors import InputError
from soundvcm.generate.options import GenerateOptions
from soundvcm.reference import (
    BANK_RATE,
    KindIndex,
    Match,
    ReferenceBank,
    ReferenceClip,
    bundled_bank,
    clips_of_wave,
    is_lasting,
    place,
)

if TYPE_CHECKING:
    from soundvcm.generate.audio import Wave

LIKE_SECONDS = 30  # of a user's own file that are used
LOUD_PEAK = 0.1  # of the network's sound, from which a window is taken to be fully loud
QUIETEST = -33.0  # LUFS of what a prompt asked for
LIKE_TIME = 0.3  # where the sampler starts from placed latents: 0 keeps them, 1 forgets them


@dataclass(frozen=True)
class _Layer:
    """Clips of one kind that sound together.

    Attributes:
        title: name of the kind, or of the user's file.
        clips: to choose from.
        lasting: as of a kind.
    """

    title: str
    clips: tuple[ReferenceClip, ...] = field(repr=False)
    lasting: bool


@dataclass
class ReferenceSounds:
    """The reference sounds of a system.

    Attributes:
        embed: texts => vectors, of the system's own text encoder.
        bank: opened when first asked for.
    """

    embed: Callable[[Sequence[str]], Tensor]
    bank: Callable[[], ReferenceBank] = bundled_bank
    _index: KindIndex | None = field(default=None, repr=False)

    @property
    def index(self) -> KindIndex:
        """Finds kinds; made once."""
        if self._index is None:
            self._index = KindIndex(self.bank(), self.embed)
        return self._index

    def matches(self, options: GenerateOptions, semantic: Tensor | None) -> list[Match]:
        """The kinds that are meant, best first: that asked for, else the prompt's, else the pictures'.

        Raises:
            OptionError: for an unknown kind.
        """
        if options.kind:
            return [Match(self.bank().kind(options.kind), 1.0)]
        if options.prompt.strip():
            return self.index.of_text(options.prompt)
        if semantic is not None and not options.ignore_pictures:
            return [self.index.of_pictures(semantic)]
        return []

    def layers(self, options: GenerateOptions, semantic: Tensor | None) -> list[_Layer]:
        """What to place; none where no kind is meant surely.

        Raises:
            InputError: if the user's file cannot be read or is silent. OptionError: for an unknown kind.
        """
        if options.like is not None:
            return [_like(Path(options.like))]
        kinds = [match.kind for match in self.matches(options, semantic) if match.sure]
        return [_Layer(kind.title, self.bank().clips(kind.name), kind.lasting) for kind in kinds]

    def course(self, prompt: str, rows: int) -> Tensor | None:
        """[rows, q] motion of a drawn scene of the prompt's kind; None if it names none surely."""
        matches = self.index.of_text(prompt)
        if not matches or not matches[0].sure:
            return None
        drawn = self.bank().courses(matches[0].kind.name)[0]
        return drawn.repeat(-(-rows // len(drawn)), 1)[:rows]

    def remarks(self, options: GenerateOptions) -> list[str]:
        """What the user should know about the prompt: that no kind is near it."""
        if options.kind or options.like is not None or not options.prompt.strip():
            return []
        best = self.index.of_text(options.prompt)[:1]
        if not best or best[0].sure:
            return []
        return [
            f"no known kind of sound is near {options.prompt.strip()!r}; the nearest is"
            f" {best[0].kind.title!r} ({best[0].similarity:.2f}); choose it with --kind, or give --like FILE"
        ]

    def finished(
        self,
        wave: Wave,
        rate: int,
        options: GenerateOptions,
        semantic: Tensor | None,
        take: int,
        again: Callable[[Wave], Wave],
        *,
        quiet_stays: bool,
        alone: bool,
    ) -> tuple[Wave, list[str]]:
        """The sound of a window from the network's own, and the reference recordings in it.

        Reference clips at the network's moments (`bank`), or the network again, started from these (with a
        kind or a file to follow), or its own sound as it is. What a prompt asked for is not left too quiet.

        Args:
            wave: [1, s] what the network made.
            rate: samples a second.
            options: what is asked.
            semantic: features of the pictures, None without.
            take: seed of the whole take, by which clips are chosen: all windows have the same.
            again: the network started from a wave.
            quiet_stays: a window where the network is quiet stays quiet.
            alone: the window is the whole clip; only then its loudness is looked at.
        """
        wanted = options.renderer != "network" or follows(options)
        layers = self.layers(options, semantic) if wanted else []
        used: list[str] = []
        if layers:
            found, clips = self.placed(wave, rate, layers, take)
            wave = found * np.float32(_loudness_of(wave)) if quiet_stays else found
            used = [clip.credit for clip in clips]
            if options.renderer == "network":
                wave = again(wave)
        return (levelled(wave, rate) if alone and options.prompt.strip() else wave), used

    def placed(
        self, guide: Wave, rate: int, layers: list[_Layer], seed: int
    ) -> tuple[Wave, list[ReferenceClip]]:
        """The layers' clips under a guide [1, s] at `rate`: a wave like it, and the clips used."""
        mono = guide.mean(axis=0, keepdims=True)
        if rate != BANK_RATE:
            mono = media.resample(mono, rate, BANK_RATE)
        out, used = np.zeros_like(mono[0]), []
        for number, layer in enumerate(layers):
            wave, clips = place(mono[0], layer.clips, layer.lasting, seed + number)
            out += wave
            used += clips
        found = out[None]
        if rate != BANK_RATE:
            found = media.resample(found, BANK_RATE, rate)
        return _fitted(found, guide.shape[1]), used


@lru_cache(maxsize=4)
def _like(path: Path) -> _Layer:
    """The user's own file as clips: its hits one by one, or the whole of it where it goes on.

    Raises:
        InputError: if it cannot be read or holds no sound.
    """
    wave, rate = media.read_sound(path, seconds=Fraction(LIKE_SECONDS))
    mono = media.resample(wave.mean(axis=0, keepdims=True, dtype=np.float32), rate, BANK_RATE)[0]
    if not np.abs(mono).max(initial=0.0) > 1e-4:
        raise InputError(f"--like {path}: holds no sound: give a recording that can be heard")
    lasting = is_lasting(mono)
    return _Layer(path.name, clips_of_wave(mono, path.name, lasting), lasting)


def follows(options: GenerateOptions) -> bool:
    """Whether a kind or a file is given to sound like."""
    return options.like is not None or options.kind is not None


def _loudness_of(guide: Wave) -> float:
    """How loud a window of a longer clip is, 0 .. 1: the network is quiet where nothing happens."""
    return float(np.sqrt(min(1.0, float(np.abs(guide).max(initial=0.0)) / LOUD_PEAK)))


def levelled(wave: Wave, rate: int) -> Wave:
    """A sound that a prompt asked for, no quieter than `QUIETEST` LUFS, its peaks below 0.9."""
    loudness = media.integrated_loudness(wave, rate)
    peak = float(np.abs(wave).max(initial=0.0))
    if loudness >= QUIETEST or peak <= 0:
        return wave
    # Below the gate of the measure (-70 LUFS) a sound has no loudness: its peak decides.
    gain = 10 ** ((QUIETEST - loudness) / 20) if np.isfinite(loudness) else 0.2 / peak
    return (wave * np.float32(min(gain, 0.9 / peak))).astype(np.float32)


def _fitted(wave: Wave, samples: int) -> Wave:
    short = samples - wave.shape[1]
    return np.pad(wave, ((0, 0), (0, short))) if short > 0 else wave[:, :samples]
