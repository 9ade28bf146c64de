"""Write YAMNet's asset with its licence and class names inside: src/soundvcm/assets/yamnet.safetensors.

    python -m tiny.build_encoders.yamnet WEIGHTS CLASS_MAP src/soundvcm/assets

WEIGHTS is a float16 conversion of Google's published checkpoint with the keys `body.I.c.weight`,
`body.I.b.*`, `fc.*`, `mel`, `win` (I = 0 .. 26: depthwise and pointwise in turn); CLASS_MAP the published
csv with `display_name`.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import torch

from soundvcm.weights import read, save

ORIGIN = {
    "licence": "Apache-2.0",
    "origin": "YAMNet by Google (tensorflow/models, research/audioset/yamnet), float16; "
    "class names of AudioSet (CC BY 4.0)",
    "built_by": "tiny/build_encoders/yamnet.py",
}


def main(weights: Path, class_map: Path, assets: Path) -> None:
    tensors, _ = read(weights)
    with class_map.open(encoding="utf-8", newline="") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    tensors["classes"] = torch.frombuffer(bytearray("\n".join(names).encode()), dtype=torch.uint8)
    save(assets / "yamnet.safetensors", tensors, ORIGIN)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
