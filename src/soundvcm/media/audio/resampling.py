"""Resampling a sound that comes in blocks, each block as good as if the whole had been there at once.

Knows arrays and rates only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from soundvcm.media.audio.loudness import Wave


class BlockResampler:
    """Blocks [c, s] at one sample rate to blocks at another; equal rates pass through untouched."""

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
