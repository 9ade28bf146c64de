"""A new picture encoder in one file: the colours of a 4 x 4 grid, a token for each of two pictures a second.

    python examples/new_encoder.py examples/clips/bounce.mp4

An encoder says which pictures it wants (rate and size); media decodes exactly those, once for all encoders.
Its name goes into every feature store, so that features of different encoders never mix.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from soundvcm import media
from soundvcm.encoders import FeatureCache, VideoEncoder
from soundvcm.records import FrameSpec


class GridColours:
    """Mean colours of a grid of squares: pictures [f, 64, 64, 3] => tokens [f, 48] in 0 .. 1."""

    name, dim = "grid-colours-1", 48  # change the name whenever the numbers change
    frame_spec = FrameSpec(Fraction(2), 64, 64)

    def encode(self, frames: Tensor) -> Tensor:
        """The same pictures give the same tokens, whatever else is in the batch."""
        squares = frames.float().reshape(len(frames), 4, 16, 4, 16, 3)
        return squares.mean(dim=(2, 4)).flatten(1) / 255


def main(arguments: list[str] | None = None) -> Tensor:
    """Encode a clip twice; the second time comes from the cache."""
    parser = argparse.ArgumentParser(description="A new picture encoder.")
    parser.add_argument("clip", type=Path)
    given = parser.parse_args(arguments)
    encoder, cache = GridColours(), FeatureCache()
    assert isinstance(encoder, VideoEncoder)
    decoded = media.read_frames(given.clip, {"semantic": encoder.frame_spec})
    for _ in range(2):
        tokens = cache.get(encoder, decoded.frames["semantic"])
    change = tokens.diff(dim=0).abs().mean(1)
    print(f"{float(decoded.seconds):g} s => {list(tokens.shape)}")
    print("change:", [round(float(step), 4) for step in change])
    print(f"encoded {cache.misses} time, remembered {cache.hits} time")
    return tokens


if __name__ == "__main__":
    main()
