"""Small stand-ins for trained parts: real classes with random weights, encoders that only measure.

Used where a test is about the flow, not about what was learned.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from soundvcm.codec import NeuralCodec, NeuralCodecConfig
from soundvcm.encoders import FeatureCache
from soundvcm.generate.pipeline import Pipeline
from soundvcm.generate.reference_sounds import ReferenceSounds
from soundvcm.network import NetworkConfig, VelocityNetwork
from soundvcm.records import FrameSpec

DIM = 6


class GreyPictures:
    """Semantic stand-in: one token a second that holds the mean grey of its picture."""

    name, dim, pictures_per_token = "grey-1", DIM, 8
    frame_spec = FrameSpec(Fraction(8), 16, 16)

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, frames: Tensor) -> Tensor:
        """[f, 16, 16, 3] -> [ceil(f / 8), dim]."""
        self.encoded += 1
        return frames[::8].float().mean(dim=(1, 2, 3))[:, None].repeat(1, DIM) / 255


class GreyMotion:
    """Sync stand-in: difference of mean greys, a token a picture."""

    name, dim = "motion-1", 4
    frame_spec = FrameSpec(Fraction(25), 8, 8)

    def encode(self, frames: Tensor) -> Tensor:
        """[g, 8, 8, 3] -> [g, 4]."""
        grey = frames.float().mean(dim=(1, 2, 3)) / 255
        return torch.diff(grey, prepend=grey[:1])[:, None].repeat(1, 4)


class LetterWords:
    """Text stand-in: letter counts."""

    name, dim, tokens = "letters-1", DIM, 1

    def encode(self, texts: list[str]) -> Tensor:
        """Texts -> [b, 1, dim]."""
        rows = [[text.lower().count(letter) / 5 for letter in "aeiour"] for text in texts]
        return torch.tensor(rows, dtype=torch.float32)[:, None]

    def warnings(self, text: str) -> list[str]:
        """One remark for words of Chinese."""
        return ["the text encoder knows English only"] if any(ord(c) > 0x2E80 for c in text) else []


def random_network(**changes: Any) -> VelocityNetwork:
    """A two-time network of a few thousand parameters whose output is not silent."""
    values = dict(
        latent_dim=4,
        semantic_dim=DIM,
        sync_dim=4,
        text_dim=DIM,
        hidden=32,
        heads=2,
        joint_blocks=1,
        fused_blocks=1,
        text_tokens=1,
        segment_tokens=0,
        mlp_multiple=16,
        in_kernel=3,
        in_mlp_kernel=1,
        ffn_kernel=1,
        out_kernel=1,
        final_kernel=1,
        patch=2,
        sync_to_input=True,
        sync_ratio=0.8,
        learned_empty_text=True,
    )
    torch.manual_seed(0)
    network = VelocityNetwork(NetworkConfig(**{**values, **changes}))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval().requires_grad_(False)


def random_codec() -> NeuralCodec:
    """An untrained codec of a few thousand parameters."""
    torch.manual_seed(1)
    config = NeuralCodecConfig(
        dim=4, width=16, fast_width=16, mels=16, encoder_blocks=1, decoder_blocks=(1, 1, 1)
    )
    return NeuralCodec(config).eval().requires_grad_(False)


def random_pipeline(**options: Any) -> Pipeline:
    """A whole pipeline of stand-ins; options as for `Pipeline`."""
    network = options.pop("network", None) or random_network()
    return Pipeline(
        "standin", network, random_codec(), GreyPictures(), GreyMotion(), LetterWords(), **options
    )


class KnownSounds(ReferenceSounds):
    """The reference sounds that ship, without their courses, which have tiny's dimensions."""

    def course(self, prompt: str, rows: int) -> Tensor | None:
        """None."""
        return None


def knowing_pipeline() -> Pipeline:
    """The same with reference sounds."""
    return random_pipeline(reference=KnownSounds(LetterWords().encode))


def write_clip(
    path: Path,
    frames: int = 50,
    rate: Fraction | int = 25,
    size: tuple[int, int] = (32, 48),
    sound: bool = False,
) -> Path:
    """A small video whose grey rises with time; optionally with a 440 Hz sound track."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width, stream.pix_fmt = size[0], size[1], "yuv420p"
        track = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for k in range(frames):
            picture = np.full((*size, 3), (5 * k) % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if track is not None:
            time = np.arange(int(16_000 * frames / float(rate))) / 16_000
            tone = av.AudioFrame.from_ndarray(
                (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[None], format="fltp", layout="mono"
            )
            tone.sample_rate, tone.pts, tone.time_base = 16_000, 0, Fraction(1, 16_000)
            container.mux(track.encode(tone))
            container.mux(track.encode())
    return path


def cache() -> FeatureCache:
    """A fresh feature cache in memory."""
    return FeatureCache()
