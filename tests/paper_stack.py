"""The paper's stack at small sizes, from weights made by rule: real classes, real files in a weights folder.

The rates, the widths between the parts and the names of files are the public ones; the insides are small.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_rules import weight
from torch import Tensor, nn
from weights_table import know

from soundvcm.codec.mel import MEL_16K, MEL_44K
from soundvcm.codec.paper import PAPER_CODECS, PaperParts
from soundvcm.codec.vae import MelVae, VaeConfig
from soundvcm.codec.vocoder import BIGVGAN_16K, BIGVGAN_44K, Vocoder
from soundvcm.network import SIZES, NetworkConfig, VelocityNetwork
from soundvcm.records import FrameSpec
from soundvcm.systems import mmaudio
from soundvcm.weights import table

#: the real hops in two steps instead of six
SHORT_16K = BIGVGAN_16K.change({"width": 8, "rates": (16, 16), "kernels": (32, 32)})
SHORT_44K = BIGVGAN_44K.change({"width": 8, "rates": (32, 16), "kernels": (64, 32)})
CODECS = {
    "16k": (MEL_16K, VaeConfig(bins=80, dim=20, width=8), SHORT_16K),
    "44k": (MEL_44K, VaeConfig(bins=128, dim=40, width=8), SHORT_44K),
}


class Pictures:
    """Semantic stand-in of CLIP's width and rate: a token a picture that holds its mean grey."""

    name, dim = "grey-clip", 1024
    frame_spec = FrameSpec(Fraction(8), 16, 16)

    def encode(self, frames: Tensor) -> Tensor:
        """[f, 16, 16, 3] -> [f, 1024]."""
        return frames.float().mean(dim=(1, 2, 3))[:, None].repeat(1, self.dim) / 255


class Segments:
    """Sync stand-in of Synchformer's width and layout: 8 tokens for each 16 pictures, every 8."""

    name, dim = "grey-segments", 768
    frame_spec = FrameSpec(Fraction(25), 8, 8)

    def encode(self, frames: Tensor) -> Tensor:
        """[g, 8, 8, 3] -> [8 * segments, 768]; a short clip's last picture is repeated."""
        if len(frames) < 16:
            frames = torch.cat([frames, frames[-1:].expand(16 - len(frames), -1, -1, -1)])
        grey = frames.float().mean(dim=(1, 2, 3)) / 255
        return grey.unfold(0, 16, 8)[:, ::2].reshape(-1, 1).repeat(1, self.dim)


class Words:
    """Text stand-in of CLIP's width: 77 tokens that hold letter counts."""

    name, dim, tokens = "letters-clip", 1024, 77

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: list[str]) -> Tensor:
        """Texts -> [b, 77, 1024]."""
        self.encoded += texts
        rows = [[text.count(letter) / 2 for letter in "aeionrst"] for text in texts]
        return torch.tensor(rows).repeat(1, self.dim // 8)[:, None].repeat(1, self.tokens, 1)

    def warnings(self, text: str) -> list[str]:
        """Nothing to say."""
        return []


def by_rule(module: nn.Module) -> dict[str, Tensor]:
    """Weights for a module by the rule of the golden files."""
    return {
        key: torch.from_numpy(weight(key, tuple(value.shape))) for key, value in module.state_dict().items()
    }


def small_size(mode: str) -> NetworkConfig:
    """A network of the stack's widths, 64 wide inside; single-time, as the reference's."""
    size = SIZES[f"small_{mode}"]
    return size.change({"hidden": 64, "heads": 1, "joint_blocks": 1, "fused_blocks": 1, "mlp_multiple": 64})


def reference_state(mode: str) -> dict[str, Tensor]:
    """Rule-made weights of such a network under the reference's names, with its three computed buffers."""
    names = VelocityNetwork(small_size(mode)).reference_state()
    made = {key: torch.from_numpy(weight(key, tuple(value.shape))) for key, value in names.items()}
    return made | {key: torch.zeros(2) for key in ("t_embed.freqs", "latent_rot", "clip_rot")}


def install(monkeypatch: pytest.MonkeyPatch, home: Path, mode: str = "16k") -> Words:
    """Put a small stack of a mode in place: files, rows of the table, sizes; returns its text encoder."""
    monkeypatch.setenv("SOUNDVCM_HOME", str(home))
    mel, vae, vocoder = CODECS[mode]
    with torch.device("meta"):
        shapes = MelVae(vae), Vocoder(vocoder)
    files: dict[str, Any] = {
        f"mmaudio_small_{mode}": reference_state(mode),
        f"vae_{mode}": by_rule(shapes[0]),
        f"bigvgan_{mode}": {"generator": by_rule(shapes[1])},
        "synchformer": {"x": torch.zeros(1)},
        "clip_vith14_378": {"x": torch.zeros(1)},
    }
    folder = home / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    changed = {}
    for name, tensors in files.items():
        row = table.part(name)
        torch.save(tensors, folder / row.file)
        content = (folder / row.file).read_bytes()
        facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "md5": None}
        changed[name] = replace(row, **facts)
    know(monkeypatch, *changed.values())
    monkeypatch.setitem(SIZES, f"small_{mode}", small_size(mode))
    monkeypatch.setitem(PAPER_CODECS, mode, PaperParts(mel, vae, vocoder, f"vae_{mode}", f"bigvgan_{mode}"))
    words = Words()
    stack = (Pictures(), Segments(), words)
    monkeypatch.setattr(mmaudio, "encoders", lambda *options: stack)
    return words
