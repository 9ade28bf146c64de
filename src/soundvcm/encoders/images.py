"""Pictures => the words space: EfficientNet-Lite0 names what it sees, the names' words are averaged.

semantic = normalised sum over the ten likeliest ImageNet labels of p_i * words("a photo of a LABEL").
One picture in eight is looked at (about one a second at 8/s). Knows one weights file and no pipeline.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.encoders.efficientnet import LABELS, SIDE, EfficientNetLite0, turned
from soundvcm.encoders.frames import channels_first, check_frames, distinct
from soundvcm.errors import WeightsError
from soundvcm.records import FrameSpec
from soundvcm.weights import load

EVERY = 8
TOP = 10
BATCH = 4  # whose layers stay in a processor's cache; 8 take a fifth longer
PREFIX = "network."
SCALE = ".scale"


def _whole(value: Tensor, scale: Tensor | None) -> Tensor:
    """Weights as float32; int8 ones have a scale [rows]."""
    return value.float() if scale is None else value * scale.view(-1, *[1] * (value.dim() - 1))


class ImageEncoder:
    """The semantic encoder of `tiny`: frames uint8 [f, 224, 224, 3] at 8/s => float32 [ceil(f / 8), dim]."""

    name = "pictures-2"
    pictures_per_token = EVERY
    frame_spec = FrameSpec(rate=Fraction(8), height=SIDE, width=SIDE, fit="stretch", exact=False, every=EVERY)

    def __init__(self, weights: str | Path = "pictures") -> None:
        """Read the weights: network under "network.", `meanings`, and the label names as UTF-8 lines.

        Numbers are float16, or int8 with a "NAME.scale" for each row.

        Args:
            weights: name in the table of weights, or the path of a file of the same kind.

        Raises:
            WeightsError: if the file is missing, damaged or of another kind.
        """
        tensors, _ = load(weights)
        state = {
            name[len(PREFIX) :]: _whole(value, tensors.get(name + SCALE))
            for name, value in tensors.items()
            if name.startswith(PREFIX) and not name.endswith(SCALE)
        }
        with torch.device("meta"):
            network = EfficientNetLite0()
        try:
            network.load_state_dict(turned(state), assign=True)
            self.meanings = tensors["meanings"].float()
            self.labels = bytes(tensors["labels"].numpy()).decode("utf-8").split("\n")
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{weights} is not a picture encoder ({reason}): reinstall soundvcm") from None
        if len(self.meanings) != LABELS or len(self.labels) != LABELS:
            raise WeightsError(
                f"{weights}: {len(self.labels)} names and {len(self.meanings)} meanings for {LABELS} labels"
            )
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network.eval().requires_grad_(False)
        self.dim = int(self.meanings.shape[1])

    def to(self, device: torch.device | str) -> ImageEncoder:
        """Move the network to a device; tokens come back on the CPU."""
        self.network = self.network.to(device)
        return self

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [f, 224, 224, 3] => float32 [ceil(f / 8), dim], each of length 1.

        Pictures 0, 8, 16, ... are looked at; exact repeats only once.

        Raises:
            InputError: if the frames are not uint8; ShapeError for another size.
        """
        check_frames(frames, SIDE, SIDE)
        chance, label = self._chances(frames).topk(TOP, dim=1)
        meaning = (chance[..., None] * self.meanings[label]).sum(1)
        return F.normalize(meaning, dim=1)

    def top_labels(self, frames: Tensor, count: int = 5) -> list[tuple[str, float]]:
        """The likeliest labels over all pictures that `encode` looks at, with their mean probability."""
        check_frames(frames, SIDE, SIDE)
        chance, label = self._chances(frames).mean(0).topk(count)
        return [(self.labels[int(k)], float(p)) for k, p in zip(label, chance, strict=True)]

    @torch.inference_mode()
    def _chances(self, frames: Tensor) -> Tensor:
        """[ceil(f / 8), 1000] probabilities on the CPU."""
        seen = frames[::EVERY]
        first, where = distinct(seen)
        device = next(self.network.parameters()).device
        parts = []
        for start in range(0, len(first), BATCH):
            pictures = channels_first(seen[first[start : start + BATCH]].to(device))
            parts.append(self.network(pictures).softmax(1).cpu())
        return torch.cat(parts)[where]
