"""Sound in memory: [c, s] float32 with full scale +-1; its sample rate and its number of channels changed.

Knows arrays and rates only.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from soundvcm.errors import OptionError, ShapeError
from soundvcm.media.audio.loudness import Wave


def as_wave(wave: Any) -> Wave:
    """[c, s] float32 on the CPU from a tensor or array [s] or [c, s].

    Raises:
        ShapeError: for other shapes, no samples, or more than 8 channels.
    """
    array = wave.detach().cpu().float().numpy() if hasattr(wave, "detach") else np.asarray(wave)
    array = np.atleast_2d(array.astype(np.float32, copy=False))
    if array.ndim != 2 or array.shape[1] == 0 or not 1 <= array.shape[0] <= 8:
        raise ShapeError(
            f"a sound has shape {array.shape}, expected [c s] with 1 to 8 channels and some samples"
        )
    return array


def set_channels(wave: Wave, channels: int | None) -> Wave:
    """[c, s] with that many channels: mono is repeated unchanged, several become one by their mean.

    Raises:
        OptionError: if that would need a real up- or down-mix.
    """
    have = wave.shape[0]
    if channels is None or channels == have:
        return wave
    if have == 1 and channels >= 1:
        return np.repeat(wave, channels, axis=0)
    if channels == 1:
        mean: Wave = wave.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        return mean
    raise OptionError(f"cannot make {channels} channels from {have}: ask for 1 or {have}")


def resample(wave: Wave, sample_rate: int, to_rate: int) -> Wave:
    """[c, s] at another rate (soxr, very high quality); length round(s x to / from)."""
    import soxr

    if sample_rate == to_rate:
        return wave
    if min(sample_rate, to_rate) < 1000 or max(sample_rate, to_rate) > 768_000:
        raise OptionError(f"sample rates are between 1000 and 768000, not {sample_rate} and {to_rate}")
    wanted = max(1, round(Fraction(wave.shape[1] * to_rate, sample_rate)))
    out = soxr.resample(np.ascontiguousarray(wave.T), sample_rate, to_rate, quality="VHQ").T
    if out.shape[1] < wanted:
        out = np.pad(out, ((0, 0), (0, wanted - out.shape[1])))
    return np.ascontiguousarray(out[:, :wanted], dtype=np.float32)


class BlockResampler:
    """Blocks [c, s] at one sample rate to blocks at another, each as good as if the whole had been there at
    once; equal rates pass through untouched.
    """

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self._stream: Any = None
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, channels, quality="VHQ")
        self._channels = channels

    def process(self, block: Wave) -> Wave:
        """What is ready of the sound so far; some of it comes with later blocks."""
        if self._stream is None:
            return block
        ready: Wave = self._stream.resample_chunk(np.ascontiguousarray(block.T), last=False).T
        return ready

    def finish(self) -> Wave:
        """The rest [c, s]."""
        nothing = np.zeros((self._channels, 0), dtype=np.float32)
        if self._stream is None:
            return nothing
        rest: Wave = self._stream.resample_chunk(nothing.T, last=True).T
        return rest
