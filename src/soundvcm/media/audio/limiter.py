"""A limiter for sound that streams by: nothing changes until a sample would exceed full scale.

The gain of each 10 ms piece is what its own peak allows; between pieces it moves in a straight line that
never lies above either. Looks one piece ahead. Knows arrays only.
"""

from __future__ import annotations

import numpy as np

from soundvcm.media.audio.loudness import Wave


class Limiter:
    """Keeps |samples| <= 1; samples far from any peak pass bit for bit.

    Args:
        sample_rate: sets the length of a piece (10 ms).
    """

    def __init__(self, sample_rate: int) -> None:
        self._size = max(1, sample_rate // 100)
        self._held: Wave | None = None
        self._before = self._gain = 1.0
        self.lowest = 1.0

    def process(self, wave: Wave) -> Wave:
        """Limited samples [c, s']; the last piece is held back until the next call or `finish`."""
        joined = wave if self._held is None else np.concatenate([self._held, wave], axis=1)
        whole = joined.shape[1] // self._size
        if whole < 2:
            self._held = joined
            return joined[:, :0]
        gains = [self._allowed(joined[:, i * self._size : (i + 1) * self._size]) for i in range(whole)]
        pieces = []
        for i in range(whole - 1):
            pieces.append(
                self._move(joined[:, i * self._size : (i + 1) * self._size], gains[i], gains[i + 1])
            )
        self._held = joined[:, (whole - 1) * self._size :]
        return np.concatenate(pieces, axis=1)

    def finish(self) -> Wave | None:
        """What was held back, or None."""
        if self._held is None:
            return None
        held, self._held = self._held, None
        allowed = self._allowed(held)
        return self._move(held, allowed, allowed)

    @staticmethod
    def _allowed(piece: Wave) -> float:
        peak = float(np.abs(piece).max(initial=0.0))
        return 1.0 if peak <= 1 else 1.0 / peak

    def _move(self, piece: Wave, gain: float, following: float) -> Wave:
        first, last = min(self._before, gain), min(gain, following)
        self._before = gain
        self.lowest = min(self.lowest, first, last)
        if first == last == 1.0:
            return piece
        ramp = np.linspace(first, last, piece.shape[1])
        return np.clip(piece * ramp, -1.0, 1.0).astype(np.float32)
